//! Observers and dialers that lie, are silent, or say no.

use core::time::Duration;
use std::vec;

use ensign_wire::{DialBackOutcome, DialBackTold};
use proptest::prelude::*;

use super::cast::{Does, World, config, nonce, outside, peer};
use crate::{Input, OBSERVERS_COUNTED, Verdict};

/// Where liars want us to be: a victim.
fn victim() -> core::net::SocketAddr {
    ([10 + 1, 22, 33, 44], 4820).into()
}

#[test]
fn minority_that_names_another_address_changes_nothing() {
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    for number in 1..=3 {
        world.meet(number, victim(), Does::Tunnel);
    }
    world.run(Duration::from_secs(60));
    assert!(world.announced().is_empty(), "a nonce by the connection that stands proves nothing");
    for number in 11..=14 {
        world.meet(number, outside(4820), Does::Dial);
    }
    assert_eq!(world.announced(), [outside(4820)]);
    assert!(world.asked.iter().skip(4).all(|(_, ask)| ask.address == outside(4820)));
}

#[test]
fn all_nodes_of_one_network_have_one_voice() {
    let mut world = World::new(config());
    for number in 0..200_u16 {
        let remote = ([8, 0, 0, number as u8], 4000 + number).into();
        world.meet_at(number, remote, (victim(), Does::Pretend));
    }
    assert_eq!((world.status().verdict, world.asked.len()), (Verdict::Unseen, 0));
    assert_eq!(world.status().seen[0].networks, 1);
    world.open = vec![outside(4820)];
    for number in 301..=302 {
        world.meet(number, outside(4820), Does::Dial);
    }
    assert_eq!(world.announced(), [outside(4820)]);
}

#[test]
fn one_liar_who_says_that_he_came_proves_nothing_and_one_who_denies_refutes_nothing() {
    for does in [Does::Pretend, Does::Deny, Does::Nothing, Does::Refuse, Does::Tunnel] {
        for is_open in [true, false] {
            let mut world = World::new(config());
            world.open = if is_open { vec![outside(4820)] } else { vec![] };
            world.meet(1, outside(4820), does);
            for number in 2..=5 {
                world.meet(number, outside(4820), Does::Dial);
            }
            world.run(Duration::from_secs(120));
            let expected = if is_open { vec![outside(4820)] } else { vec![] };
            assert_eq!(world.announced(), expected, "{does:?}");
            assert_eq!(world.offenses(), 0, "{does:?}");
        }
    }
}

#[test]
fn who_all_refuse_or_are_silent_leave_it_open() {
    for does in [Does::Nothing, Does::Refuse] {
        let mut world = World::new(config());
        for number in 1..=12 {
            world.meet(number, outside(4820), does);
        }
        world.run(Duration::from_secs(600));
        assert_eq!(world.status().verdict, Verdict::Testing, "{does:?}");
        assert!(world.asked.len() <= 24, "{}", world.asked.len());
        assert!(world.announced().is_empty());
    }
}

#[test]
fn one_who_denies_later_takes_nothing_away() {
    let mut world = World::new(config());
    world.open = vec![outside(4820)];
    world.meet(1, outside(4820), Does::Dial);
    world.meet(2, outside(4820), Does::Dial);
    world.leave(1);
    world.leave(2);
    world.meet(3, outside(4820), Does::Deny);
    world.run(Duration::from_secs(3 * 3600));
    assert_eq!(world.announced(), [outside(4820)]);
}

#[test]
fn answer_that_nobody_asked_for_is_an_offense_and_a_late_one_is_none() {
    let mut world = World::new(config());
    let told = DialBackTold { nonce: nonce(1), outcome: DialBackOutcome::Reached };
    world.input(Input::Told { from: peer(1), told });
    assert_eq!(world.offenses(), 1);
    world.meet(1, outside(4820), Does::Nothing);
    world.meet(2, outside(4820), Does::Nothing);
    let (to, ask) = world.asked[0];
    world.run(Duration::from_secs(16));
    assert_ne!(world.asked.len(), 1, "somebody else is asked");
    let told = DialBackTold { nonce: ask.nonce, outcome: DialBackOutcome::Unreached };
    let other = if to == peer(1) { peer(2) } else { peer(1) };
    world.input(Input::Told { from: other, told });
    assert_eq!(world.offenses(), 2, "it is another one's");
    world.input(Input::Told { from: to, told });
    assert_eq!(world.offenses(), 2);
    world.input(Input::Told { from: to, told });
    assert_eq!(world.offenses(), 3, "twice");
}

#[test]
fn nonce_of_nobody_counts_for_nothing() {
    let mut world = World::new(config());
    world.meet(1, outside(4820), Does::Nothing);
    world.meet(2, outside(4820), Does::Nothing);
    for byte in 0..=255 {
        let remote = ([8, 0, 9, 9], 4000).into();
        world.input(Input::DialledBack { remote, nonce: nonce(byte) });
    }
    assert!(world.announced().is_empty());
    assert_eq!(world.offenses(), 0);
}

#[test]
fn address_that_is_not_everybody_s_is_not_heard() {
    let mut world = World::new(config());
    for (number, said) in
        ["127.0.0.1:1", "192.168.1.1:4820", "0.0.0.0:1", "224.0.0.1:5", "9.9.9.9:0", "[fe80::1]:9"]
            .into_iter()
            .enumerate()
    {
        for area in 0..3_u16 {
            world.meet(number as u16 * 8 + area, said.parse().unwrap(), Does::Pretend);
        }
    }
    assert_eq!((world.status().seen.len(), world.asked.len()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Fewer than half of the areas that spoke last lie, in any order, about anything; dialers among them lie too.
    #[test]
    fn minority_of_areas_never_has_its_address_announced(
        order in Just((0..OBSERVERS_COUNTED as u16).collect::<vec::Vec<_>>()).prop_shuffle(),
        liars in 0..OBSERVERS_COUNTED / 2,
        does in prop_oneof![
            Just(Does::Pretend), Just(Does::Deny), Just(Does::Nothing), Just(Does::Tunnel),
        ],
    ) {
        let mut world = World::new(config());
        world.open = vec![outside(4820)];
        for number in order {
            if usize::from(number) < liars {
                world.meet(number, victim(), does);
            } else {
                world.meet(number, outside(4820), Does::Dial);
            }
            prop_assert!(!world.announced().contains(&victim()));
        }
        world.run(Duration::from_secs(600));
        prop_assert_eq!(world.announced(), [outside(4820)]);
    }
}
