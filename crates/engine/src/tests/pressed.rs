//! What was once done to a busy node, and to one that pays.

use core::time::Duration;
use std::vec::Vec;

use ensign_pow::{HASHES_PAYABLE, Price, Proof};
use ensign_primitives::{Direction, LinkId, Now, PeerId, StateMachine};
use ensign_wire::{Frame, Kind};

use super::{
    cast::{engine_for, group_of, own_word, peer},
    links::hello,
    price::{Gate, at, feed, few, nobody, solved, up},
};
use crate::{Engine, Input, Offense, Output, Strangers};

#[test]
fn regression_penalized_guest_that_has_paid_shuts_no_newcomer_out() {
    let mut gate = Gate::busy();
    let bad = nobody(100);
    let (link, price) = gate.call(bad, 100);
    let proof = solved(price.unwrap(), bad);
    assert_eq!(gate.pay(link, proof), []);
    assert!(matches!(gate.pay(link, proof)[..], [Offense::Proof(_)]));
    assert!(gate.is_here(bad));
    for number in 200..300 {
        let (_, price) = gate.call(nobody(number), number as u8);
        assert!(gate.is_here(nobody(number)) && price.is_some(), "{number}");
    }
    assert!(!gate.is_here(bad));
}

#[test]
fn regression_penalized_newcomer_drives_out_nobody_against_whom_nothing_is_held() {
    let mut gate = Gate::busy();
    let (link, _) = gate.call(nobody(100), 100);
    gate.pay(link, Proof { version: 2, epoch: 0, nonce: 0 });
    gate.input(Input::Down { link });
    (200..208).for_each(|number| _ = gate.call(nobody(number), number as u8));
    gate.call(nobody(100), 100);
    assert!(!gate.is_here(nobody(100)));
}

#[test]
fn regression_newcomer_at_a_full_and_quiet_gate_hears_a_price() {
    let mut gate = Gate::new();
    let mut holders: Vec<_> =
        (0..8).map(|number| (nobody(number), gate.call(nobody(number), number as u8).0)).collect();
    let mut told = 0;
    for round in 1..=54_u64 {
        gate.now = at(Duration::from_secs(11 * round));
        // A stay has ended: who held the place comes again.
        for number in (0..8).filter(|_| round % 3 == 0) {
            let (who, link) = holders[number];
            gate.input(Input::Down { link });
            holders[number].1 = gate.call(who, number as u8).0;
        }
        told += u32::from(gate.call(nobody(1000), 200).1.is_some());
        if let Some((_, link)) =
            gate.engine.link_of(&nobody(1000)).map(|_| ((), LinkId(gate.links - 1)))
        {
            gate.input(Input::Down { link });
        }
    }
    assert!(told >= 50, "{told}");
}

/// A member that asks for the dearest work, or another node.
fn tell(
    engine: &mut Engine,
    now: Now,
    (link, who): (u64, PeerId),
    direction: Direction,
    price: Price,
) {
    let link = LinkId(link);
    engine.handle_input(now, up(link, who, ([192, 0, 2, 9], 4000).into(), direction));
    feed(engine, now, link, &Frame::Hello(hello()).encode());
    if who == peer(1) && direction == Direction::Inbound {
        feed(engine, now, link, &own_word(1, 0));
    }
    while engine.poll_output().is_some() {}
    feed(engine, now, link, &Frame::Price(price).encode());
}

fn begun(engine: &mut Engine) -> Option<(u64, PeerId)> {
    let said: Vec<_> = core::iter::from_fn(|| engine.poll_output()).collect();
    said.into_iter().find_map(|output| match output {
        Output::Solve { job, peer, .. } => Some((job, peer)),
        _ => None,
    })
}

fn dearest(seed: u8) -> Price {
    Price { version: 1, bits: 25, epoch: 0, seed: [seed; 32] }
}

/// A member of two others, that wants a node outside.
fn member() -> (Engine, PeerId) {
    let mut engine = engine_for(0, Strangers::default());
    engine.add_group(at(Duration::ZERO), group_of(&[0, 1, 2])).unwrap();
    let honest = PeerId::from_bytes([0xff; 32]);
    engine.want(at(Duration::ZERO), honest).unwrap();
    while engine.poll_output().is_some() {}
    (engine, honest)
}

#[test]
fn regression_nobody_makes_us_solve_by_coming_here() {
    let (mut engine, honest) = member();
    for second in 0..200_u8 {
        let now = at(Duration::from_secs(second.into()));
        let link = 1000 + u64::from(second);
        for who in [peer(1), honest] {
            let link = if who == honest { link + 1000 } else { link };
            tell(&mut engine, now, (link, who), Direction::Inbound, dearest(second));
            assert_eq!(begun(&mut engine), None);
        }
    }
}

#[test]
fn regression_members_that_ask_for_work_without_end_keep_us_from_paying_nobody() {
    let (mut engine, honest) = member();
    let (mut hostile, mut paid, mut running) = (0, 0, None);
    for second in 0..600_u64 {
        let now = at(Duration::from_secs(second));
        for (place, who) in [(0, peer(1)), (1, peer(2)), (2, honest)] {
            if who == honest && second % 60 != 7 {
                continue;
            }
            let bits = if who == honest { 20 } else { 25 };
            let price = Price { bits, ..dearest(second as u8) };
            tell(&mut engine, now, (1000 * second + place, who), Direction::Outbound, price);
            running = begun(&mut engine).or(running);
        }
        // Each puzzle is done after two seconds.
        if let Some((job, who)) = running.take_if(|_| second % 2 == 1) {
            if who == honest {
                paid += 1;
            } else {
                hostile += 1;
            }
            engine.handle_input(now, Input::Solved { job, proof: None });
            running = begun(&mut engine);
        }
    }
    assert_eq!(paid, 10);
    assert!(hostile <= 2 * 2 * (HASHES_PAYABLE.burst >> 25), "{hostile}");
}

#[test]
fn regression_neighbours_that_use_up_what_strangers_share_do_not_lose_us_a_proof() {
    let mut gate = Gate::new();
    gate.engine = engine_for(0, Strangers { links_max: 64, ..few() });
    let neighbours: Vec<_> = (0..6).map(|number| gate.call(nobody(number), 100).0).collect();
    (6..65).for_each(|number| _ = gate.call(nobody(number), number as u8));
    gate.now = at(Duration::from_secs(5));
    let (link, price) = gate.call(nobody(100), 100);
    for link in neighbours {
        for len in core::iter::once(24_832).chain([1; 55]) {
            let body = std::vec![0xff; len];
            gate.input(Input::Frame { link, kind: Kind::FormationRoster, body });
        }
    }
    assert_eq!(gate.pay(link, solved(price.unwrap(), nobody(100))), []);
    let effort = gate.engine.link_of(&nobody(100)).map(|(_, it)| it.place.effort);
    assert!(effort.is_some_and(|effort| effort > 0), "{effort:?}");
}
