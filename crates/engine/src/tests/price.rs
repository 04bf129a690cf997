//! What strangers pay when too many come, through the wire.

use core::{net::SocketAddr, time::Duration};
use std::{vec, vec::Vec};

use ensign_pow::{Paying, Price, Proof, Puzzle, Refusal, Solver, Tariff};
use ensign_primitives::{Direction, Instant, LinkId, Now, PeerId, StateMachine, UnixTime};
use ensign_wire::{Frame, Header, Kind};

use super::{
    cast::{NETWORK, START, engine_for, group_of, own_word, peer},
    links::hello,
};
use crate::{CloseCode, Engine, Event, Input, Offense, Output, Strangers};

/// A gate that is soon full, and whose puzzles are solved in no time.
pub(super) fn few() -> Strangers {
    let price = Tariff { bits: 6, bits_max: 10, per_group: 3 };
    Strangers { links_max: 8, price, ..Strangers::default() }
}

pub(super) fn at(time: Duration) -> Now {
    let unix = UnixTime::from_millis(START.as_millis() + time.as_millis() as u64);
    Now { instant: Instant::from_micros(0).after(time), unix }
}

pub(super) fn up(link: LinkId, peer: PeerId, remote: SocketAddr, direction: Direction) -> Input {
    Input::Up { link, peer, remote, direction, exporter: [0; 32], round_trip: None }
}

pub(super) fn nobody(number: u64) -> PeerId {
    let mut id = [0xee; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    PeerId::from_bytes(id)
}

/// A node of people 0 and 1, and what it said last.
pub(super) struct Gate {
    pub(super) engine: Engine,
    pub(super) now: Now,
    pub(super) said: Vec<Output>,
    pub(super) links: u64,
}

impl Gate {
    pub(super) fn new() -> Self {
        let mut engine = engine_for(0, few());
        engine.add_group(at(Duration::ZERO), group_of(&[0, 1])).unwrap();
        Self { engine, now: at(Duration::ZERO), said: vec![], links: 0 }
    }

    /// One whose places were taken five seconds ago, when one more came.
    pub(super) fn busy() -> Self {
        let mut gate = Self::new();
        (0..9).for_each(|number| _ = gate.call(nobody(number), number as u8));
        gate.now = at(Duration::from_secs(5));
        gate
    }

    pub(super) fn input(&mut self, input: Input) {
        self.engine.handle_input(self.now, input);
        self.said = core::iter::from_fn(|| self.engine.poll_output()).collect();
    }

    /// Connects a node of an address group of this number, which says hello; returns its connection and
    /// what it is asked to pay.
    pub(super) fn call(&mut self, who: PeerId, group: u8) -> (LinkId, Option<Price>) {
        let link = LinkId(self.links);
        self.links += 1;
        let remote = ([192, 0, group, 1], 4000).into();
        let direction = Direction::Inbound;
        self.input(up(link, who, remote, direction));
        let price = self.frames().into_iter().find_map(|frame| match frame {
            Frame::Price(price) => Some(price),
            _ => None,
        });
        if self.engine.link_of(&who).is_some() {
            self.say(link, &Frame::Hello(hello()).encode());
        }
        (link, price)
    }

    pub(super) fn frames(&self) -> Vec<Frame> {
        let sent = self.said.iter().filter_map(|output| match output {
            Output::Send { frame, .. } => Some(Frame::decode_whole(frame, NETWORK).unwrap()),
            _ => None,
        });
        sent.collect()
    }

    pub(super) fn say(&mut self, link: LinkId, frame: &[u8]) {
        let header = Header::decode(frame).unwrap().unwrap();
        let body = frame[header.header_len..].to_vec();
        self.input(Input::Frame { link, kind: header.kind, body });
    }

    pub(super) fn pay(&mut self, link: LinkId, proof: Proof) -> Vec<Offense> {
        self.say(link, &Frame::Proof(proof).encode());
        let offenses = self.said.iter().filter_map(|output| match output {
            Output::Event(Event::Offense { offense, .. }) => Some(offense.clone()),
            _ => None,
        });
        offenses.collect()
    }

    pub(super) fn is_here(&self, who: PeerId) -> bool {
        self.engine.link_of(&who).is_some()
    }
}

pub(super) fn solved(price: Price, who: PeerId) -> Proof {
    let mut solver = Solver::new(&Puzzle::of_price(NETWORK, who, price), 0);
    core::iter::repeat_with(|| solver.step(256)).find_map(|found| found).unwrap()
}

#[test]
fn nobody_pays_while_there_is_room() {
    let mut gate = Gate::new();
    for number in 0..8 {
        assert_eq!(gate.call(nobody(number), number as u8).1, None);
    }
    assert_eq!(gate.engine.price(gate.now), None);
}

#[test]
fn who_pays_stays_and_who_does_not_gives_way_after_who_came_before_it() {
    let mut gate = Gate::busy();
    let (link, price) = gate.call(nobody(100), 100);
    assert_eq!(price.map(|price| price.bits), Some(6));
    assert_eq!(gate.pay(link, solved(price.unwrap(), nobody(100))), []);
    for number in 200..230 {
        let (_, price) = gate.call(nobody(number), number as u8);
        assert!(price.is_some() && gate.is_here(nobody(number)), "it can hear the price");
        assert!(gate.is_here(nobody(100)));
    }
    // Seven places are left for those who have not paid: the first of them are gone.
    let left: Vec<u64> = (0..300).filter(|number| gate.is_here(nobody(*number))).collect();
    assert_eq!(left, [100, 223, 224, 225, 226, 227, 228, 229]);
}

#[test]
fn member_and_wanted_peer_are_told_no_price_and_show_who_they_are_at_once() {
    let mut gate = Gate::busy();
    gate.engine.want(gate.now, nobody(1000)).unwrap();
    assert_eq!(gate.call(nobody(1000), 1).1, None);
    let (link, price) = gate.call(peer(1), 1);
    assert_eq!(price, None);
    gate.say(link, &own_word(1, 0));
    assert!(gate.said.iter().any(|it| matches!(it, Output::Admit { link: at } if *at == link)));
    // A proof of theirs is nothing that anybody asked for, and nobody's fault.
    assert_eq!(gate.pay(link, Proof { version: 9, epoch: 9, nonce: 9 }), []);
    assert!(gate.is_here(peer(1)) && gate.is_here(nobody(1000)));
}

#[test]
fn every_proof_that_does_not_hold_is_named_and_buys_nothing() {
    let refused = |change: fn(Proof) -> Proof| {
        let mut gate = Gate::busy();
        let (link, price) = gate.call(nobody(100), 100);
        gate.pay(link, change(solved(price.unwrap(), nobody(100))))
    };
    let named = |refusal| vec![Offense::Proof(refusal)];
    assert_eq!(refused(|it| Proof { version: 2, ..it }), named(Refusal::Version { seen: 2 }));
    assert_eq!(refused(|it| Proof { epoch: 1, ..it }), named(Refusal::Future { seen: 1, now: 0 }));
    let few = refused(|it| Proof { nonce: it.nonce - 1, ..it });
    assert!(matches!(few[..], [Offense::Proof(Refusal::TooFewBits { needed: 6, .. })]), "{few:?}");
    assert_eq!(refused(|it| it), []);
}

#[test]
fn proof_for_another_key_or_another_node_s_seed_has_too_few_bits() {
    let mut gate = Gate::busy();
    let (link, price) = gate.call(nobody(100), 100);
    let price = price.unwrap();
    // Of all that others have solved, few are solutions for this one, too.
    let others = (200..).map(|number| solved(price, nobody(number)));
    let foreign = (0..).map(|seed| solved(Price { seed: [seed; 32], ..price }, nobody(100)));
    let puzzle = Puzzle::of_price(NETWORK, nobody(100), price);
    let is_none = |proof: &Proof| puzzle.check(*proof).is_err();
    for proof in [others.into_iter().find(is_none), foreign.into_iter().find(is_none)] {
        let named = gate.pay(link, proof.unwrap());
        assert!(matches!(named[..], [Offense::Proof(Refusal::TooFewBits { .. })]), "{named:?}");
    }
    assert_eq!(gate.pay(link, solved(price, nobody(100))), []);
}

#[test]
fn proof_that_was_shown_buys_no_second_stay_and_one_of_an_old_epoch_none() {
    let mut gate = Gate::busy();
    let (link, price) = gate.call(nobody(100), 100);
    let proof = solved(price.unwrap(), nobody(100));
    assert_eq!(gate.pay(link, proof), []);
    assert_eq!(gate.pay(link, proof), [Offense::Proof(Refusal::NotAsked)]);
    let (again, _) = gate.call(nobody(100), 100);
    assert_eq!(gate.pay(again, proof), [Offense::Proof(Refusal::Spent)]);

    let mut late = Gate::busy();
    let (_, price) = late.call(nobody(100), 100);
    let proof = solved(price.unwrap(), nobody(100));
    // Every place is taken again, twenty minutes later.
    for second in [1200, 1205] {
        late.now = at(Duration::from_secs(second));
        (300..310).for_each(|number| _ = late.call(nobody(number), number as u8));
    }
    let (link, _) = late.call(nobody(100), 100);
    let expired = Refusal::Expired { seen: 0, now: 2 };
    assert_eq!(late.pay(link, proof), [Offense::Proof(expired)]);
}

#[test]
fn address_group_of_which_many_have_paid_pays_more_and_is_not_locked_out() {
    let mut gate = Gate::busy();
    let mut bits = Vec::new();
    for number in 100..107 {
        let (link, price) = gate.call(nobody(number), 7);
        let price = price.unwrap();
        bits.push(price.bits);
        assert_eq!(gate.pay(link, solved(price, nobody(number))), []);
    }
    assert_eq!(bits, [6, 6, 6, 7, 7, 7, 8]);
    // Elsewhere it is what it was.
    let (_, price) = gate.call(nobody(107), 8);
    assert_eq!(price.unwrap().bits, 6);
}

/// The first frame of a kind that it sent.
pub(super) fn sent(engine: &mut Engine, of: Kind) -> Option<Vec<u8>> {
    let mut said = core::iter::from_fn(|| engine.poll_output());
    said.find_map(|output| match output {
        Output::Send { kind, frame, .. } if kind == of => Some(frame.to_vec()),
        _ => None,
    })
}

/// A node that wants another one, and is connected with it.
pub(super) fn wanting(who: PeerId) -> (Engine, Now, LinkId) {
    let (mut engine, now, link) = (engine_for(7, few()), at(Duration::ZERO), LinkId(0));
    engine.want(now, who).unwrap();
    dialled(&mut engine, now, who, link);
    (engine, now, link)
}

pub(super) fn dialled(engine: &mut Engine, now: Now, who: PeerId, link: LinkId) {
    let (remote, direction) = (([192, 0, 2, 1], 4000).into(), Direction::Outbound);
    engine.handle_input(now, up(link, who, remote, direction));
    feed(engine, now, link, &Frame::Hello(hello()).encode());
    while engine.poll_output().is_some() {}
}

pub(super) fn feed(engine: &mut Engine, now: Now, link: LinkId, frame: &[u8]) {
    let header = Header::decode(frame).unwrap().unwrap();
    let body = frame[header.header_len..].to_vec();
    engine.handle_input(now, Input::Frame { link, kind: header.kind, body });
}

#[test]
fn two_nodes_agree_on_a_price_its_proof_and_a_place() {
    let mut gate = Gate::busy();
    let (mut payer, now, link) = wanting(peer(0));
    let (at_gate, price) = gate.call(peer(7), 100);
    feed(&mut payer, now, link, &Frame::Price(price.unwrap()).encode());
    let said: Vec<Output> = core::iter::from_fn(|| payer.poll_output()).collect();
    assert!(said.iter().any(|it| matches!(it,
        Output::Event(Event::Paying(Paying::Proving { peer: of, bits: 6 })) if *of == peer(0))));
    let (job, puzzle, start) = said
        .iter()
        .find_map(|output| match output {
            Output::Solve { job, puzzle, start, .. } => Some((*job, *puzzle, *start)),
            _ => None,
        })
        .unwrap();
    let proof = core::iter::repeat(Solver::new(&puzzle, start))
        .scan((), |(), mut solver| Some(solver.step(u32::MAX)))
        .next()
        .unwrap();
    payer.handle_input(now, Input::Solved { job, proof });
    let frame = sent(&mut payer, Kind::Proof).unwrap();
    gate.say(at_gate, &frame);
    assert_eq!(gate.said.len(), 0);
    (200..230).for_each(|number| _ = gate.call(nobody(number), number as u8));
    assert!(gate.is_here(peer(7)));
}

#[test]
fn price_of_a_node_that_nobody_wants_is_not_paid_and_a_second_one_is_an_offense() {
    let price = Frame::Price(Price { version: 1, bits: 6, epoch: 0, seed: [3; 32] }).encode();
    let mut gate = Gate::new();
    let (link, _) = gate.call(nobody(1), 1);
    gate.say(link, &price);
    assert_eq!(gate.said.len(), 0);
    gate.say(link, &price);
    let named = gate.said.first();
    assert!(
        matches!(named, Some(Output::Event(Event::Offense { offense: Offense::PricedTwice, .. }))),
        "{named:?}"
    );
}

#[test]
fn price_that_is_too_high_is_told_to_our_user_and_not_paid() {
    let (mut payer, now, link) = wanting(peer(0));
    let price = Frame::Price(Price { version: 1, bits: 40, epoch: 0, seed: [3; 32] });
    feed(&mut payer, now, link, &price.encode());
    let said: Vec<Output> = core::iter::from_fn(|| payer.poll_output()).collect();
    let expect = Paying::Unpayable { peer: peer(0), version: 1, bits: 40 };
    assert!(matches!(said[..], [Output::Event(Event::Paying(paying))] if paying == expect));
}

#[test]
fn payer_that_was_closed_for_want_of_a_proof_pays_on_its_next_connection() {
    let (mut payer, now, link) = wanting(peer(0));
    let price = Frame::Price(Price { version: 1, bits: 6, epoch: 0, seed: [3; 32] }).encode();
    feed(&mut payer, now, link, &price);
    let solve = core::iter::from_fn(|| payer.poll_output()).find_map(|output| match output {
        Output::Solve { job, puzzle, start, .. } => Some((job, puzzle, start)),
        _ => None,
    });
    payer.handle_input(now, Input::Down { link });
    let (job, puzzle, start) = solve.unwrap();
    let proof = Solver::new(&puzzle, start).step(u32::MAX);
    payer.handle_input(now, Input::Solved { job, proof });
    assert_eq!(sent(&mut payer, Kind::Proof), None);
    dialled(&mut payer, now, peer(0), LinkId(1));
    feed(&mut payer, now, LinkId(1), &price);
    let expect = Frame::Proof(proof.unwrap()).encode();
    assert_eq!(sent(&mut payer, Kind::Proof), Some(expect));
}

#[test]
fn whoever_gives_way_while_there_is_a_price_hears_that_the_node_is_busy() {
    let mut gate = Gate::busy();
    gate.call(nobody(100), 100);
    let link = LinkId(gate.links);
    let (remote, direction) = (([192, 0, 101, 1], 4000).into(), Direction::Inbound);
    let who = nobody(101);
    gate.input(up(link, who, remote, direction));
    let closed: Vec<_> = gate
        .said
        .iter()
        .filter_map(|output| match output {
            Output::Close { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect();
    assert_eq!(closed, [CloseCode::Busy]);
}
