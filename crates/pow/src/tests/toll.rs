//! Who is told what, who has paid, and who gives way.

use core::net::IpAddr;
use std::{vec, vec::Vec};

use ensign_primitives::{Instant, LinkId, PeerId};

use super::{NETWORK, at, peer, seconds, solved};
use crate::{
    BITS_PAYABLE_MAX, EFFORT_PERIOD, EPOCH, Payment, Price, Proof, Puzzle, Refusal, Tariff, Toll,
};

const PLACES: usize = 8;
const TARIFF: Tariff = Tariff { bits: 4, bits_max: 8, per_group: 3 };

/// A gate and its guests.
struct Gate {
    toll: Toll,
    guests: Vec<(LinkId, IpAddr)>,
    told: Vec<Option<Price>>,
}

fn ip(group: u8) -> IpAddr {
    IpAddr::from([192, 0, group, 1])
}

impl Gate {
    /// With every place taken, by guests of so many groups, and too small for one more: five seconds later
    /// there is a price.
    fn full(groups: u8) -> Self {
        Self::full_at(seconds(0), groups)
    }

    fn full_at(now: Instant, groups: u8) -> Self {
        let toll = Toll::new(NETWORK, [5; 32], TARIFF, (PLACES, 64), now);
        let mut gate = Self { toll, guests: vec![], told: vec![] };
        (0..PLACES).for_each(|number| gate.come(now, number as u8 % groups));
        assert_eq!(gate.toll.arrives(now, (LinkId(u64::MAX), ip(99)), PLACES), None);
        gate
    }

    fn come(&mut self, now: Instant, group: u8) {
        let link = LinkId(self.told.len() as u64);
        self.told.push(self.toll.arrives(now, (link, ip(group)), self.guests.len()));
        self.guests.push((link, ip(group)));
    }

    fn pay(
        &mut self,
        now: Instant,
        link: u64,
        who: PeerId,
        proof: Proof,
    ) -> Result<Option<LinkId>, Refusal> {
        let (link, remote) = *self.guests.iter().find(|(at, _)| at.0 == link).unwrap();
        let payment = Payment { link, peer: who, remote, proof };
        self.toll.pay(now, payment, self.guests.iter().copied())
    }

    /// Comes, is told, solves, pays: as node and connection of this number.
    fn come_and_pay(&mut self, now: Instant, group: u8) -> Result<Option<LinkId>, Refusal> {
        let number = self.told.len() as u64;
        self.come(now, group);
        let price = self.told.last().copied().flatten().unwrap();
        self.pay(now, number, peer(number), solved(price, peer(number)))
    }

    fn go(&mut self, link: LinkId) {
        self.guests.retain(|(at, _)| *at != link);
        self.toll.leaves(link);
    }
}

#[test]
fn nobody_is_told_a_price_while_there_is_room() {
    assert_eq!(Gate::full(8).told, [None; PLACES]);
}

#[test]
fn whoever_comes_when_every_place_is_taken_is_told_one_and_may_pay_it_once() {
    let mut gate = Gate::full(8);
    gate.come(seconds(6), 9);
    let price = gate.told[PLACES].unwrap();
    assert_eq!((price.version, price.bits, price.epoch), (1, 4, 0));
    let (link, proof) = (PLACES as u64, solved(price, peer(1)));
    assert_eq!(gate.pay(seconds(6), link, peer(1), proof), Ok(None));
    assert!(gate.toll.paid(LinkId(link)) >= 4);
    assert_eq!(gate.pay(seconds(6), link, peer(1), proof), Err(Refusal::NotAsked));
    // One that was there before was told nothing.
    assert_eq!(gate.pay(seconds(6), 0, peer(2), proof), Err(Refusal::NotAsked));
}

#[test]
fn proof_buys_one_stay_and_nobody_else_can_show_it() {
    let mut gate = Gate::full(8);
    (9..12).for_each(|group| gate.come(seconds(6), group));
    let price = gate.told[PLACES].unwrap();
    let (link, proof) = (PLACES as u64, solved(price, peer(1)));
    assert_eq!(gate.pay(seconds(6), link, peer(1), proof), Ok(None));
    assert_eq!(gate.pay(seconds(6), link + 1, peer(1), proof), Err(Refusal::Spent));
    let replayed = gate.pay(seconds(6), link + 2, peer(2), proof);
    assert!(matches!(replayed, Err(Refusal::TooFewBits { needed: 4, .. })), "{replayed:?}");
}

#[test]
fn proof_counts_until_the_epoch_after_its_own_is_over() {
    for (told_at, paid_at, refused) in [(0, 1, false), (0, 2, true), (3, 4, false), (3, 5, true)] {
        let told = at(EPOCH * told_at);
        let mut gate = Gate::full_at(told, 8);
        gate.come(told.after(EFFORT_PERIOD), 9);
        let price = gate.told[PLACES].unwrap();
        let paid = gate.pay(at(EPOCH * paid_at), PLACES as u64, peer(1), solved(price, peer(1)));
        let (seen, now) = (told_at.into(), paid_at.into());
        let expect = if refused { Err(Refusal::Expired { seen, now }) } else { Ok(None) };
        assert_eq!(paid, expect);
    }
}

#[test]
fn proof_for_an_epoch_that_has_not_begun_is_named() {
    let mut gate = Gate::full(8);
    gate.come(seconds(6), 9);
    let price = gate.told[PLACES].unwrap();
    let proof = Proof { epoch: 1, ..solved(price, peer(1)) };
    let paid = gate.pay(seconds(6), PLACES as u64, peer(1), proof);
    assert_eq!(paid, Err(Refusal::Future { seen: 1, now: 0 }));
}

#[test]
fn regression_neighbours_that_paid_locked_a_group_of_addresses_out() {
    let mut gate = Gate::full(8);
    let told = |gate: &Gate| gate.told.last().copied().flatten().unwrap().bits;
    // Dearer by a bit after each three of the group, to one above the highest; whoever pays is taken.
    let mut dearest = 0;
    for round in 0..30_u8 {
        let base = gate.toll.bits(seconds(6)).unwrap();
        assert!(gate.come_and_pay(seconds(6), 9).is_ok());
        assert_eq!(told(&gate), (base + round / 3).min(TARIFF.bits_max + 1));
        dearest = dearest.max(told(&gate));
        assert_eq!(gate.come_and_pay(seconds(6), 10 + round).map(drop), Ok(()));
        assert_eq!(told(&gate), base);
    }
    assert_eq!(dearest, TARIFF.bits_max + 1);
    let hour = seconds(3600);
    gate.toll.arrives(hour, (LinkId(u64::MAX), ip(99)), PLACES);
    assert_eq!(gate.come_and_pay(hour.after(EFFORT_PERIOD), 9).map(drop), Ok(()));
    assert_eq!(Some(told(&gate)), gate.toll.bits(hour.after(EFFORT_PERIOD)));
}

#[test]
fn what_is_dearer_in_a_group_earns_no_better_place() {
    let mut gate = Gate::full(8);
    (0..12).for_each(|_| assert!(gate.come_and_pay(seconds(6), 9).is_ok()));
    gate.come(seconds(6), 9);
    let price = gate.told.last().copied().flatten().unwrap();
    let (link, proof) = (gate.told.len() as u64 - 1, solved(price, peer(77)));
    let found = Puzzle::of_price(NETWORK, peer(77), price).bits_of(proof.nonce);
    assert!(gate.pay(seconds(6), link, peer(77), proof).is_ok());
    let base = gate.toll.bits(seconds(6)).unwrap();
    assert_eq!(gate.toll.paid(LinkId(link)), found - (price.bits - base));
}

#[test]
fn who_waits_longest_in_the_largest_group_gives_way_and_who_has_paid_never() {
    let mut gate = Gate::full(4);
    let newcomer = (LinkId(100), ip(9));
    let gives_way = |gate: &Gate| gate.toll.gives_way(newcomer, gate.guests.iter().copied());
    assert_eq!(gives_way(&gate), LinkId(0));
    gate.go(LinkId(0));
    assert_eq!(gives_way(&gate), LinkId(1));
    gate.guests.clear();
    assert_eq!(gives_way(&gate), LinkId(100));
}

#[test]
fn payers_hold_three_of_four_places_and_of_more_the_one_who_paid_least_goes() {
    let mut gate = Gate::full(8);
    for group in 10..16 {
        assert_eq!(gate.come_and_pay(seconds(6), group), Ok(None));
    }
    // Seven payers for six places. All of them are of groups of their own.
    let loser = gate.come_and_pay(seconds(6), 16).unwrap().unwrap();
    let paid = |link: &LinkId| gate.toll.paid(*link);
    let least = gate.guests.iter().map(|(link, _)| paid(link)).filter(|it| *it > 0).min();
    assert_eq!(Some(paid(&loser)), least);
    gate.go(loser);
    // Next time it is dearer.
    assert_eq!(gate.toll.bits(seconds(10)), Some(5));
    // One that pays much more than the least has its place.
    gate.come(seconds(11), 17);
    let price = Price { bits: 10, ..gate.told.last().copied().flatten().unwrap() };
    let link = gate.told.len() as u64 - 1;
    let proof = solved(price, peer(99));
    let loser = gate.pay(seconds(11), link, peer(99), proof).unwrap();
    assert!(loser.is_some_and(|loser| loser.0 != link));
}

#[test]
fn memories_stay_within_their_bounds_when_strangers_never_stop() {
    let mut gate = Gate::full(8);
    for round in 0..5000_u64 {
        let link = LinkId(1000 + round);
        if gate.toll.arrives(seconds(6), (link, ip(99)), PLACES).is_some_and(|_| round % 2 == 0) {
            gate.toll.leaves(link);
        }
        assert!(gate.toll.occupancy().all(|it| it.is_within_limit()));
    }
}

#[test]
fn regression_crowded_group_was_asked_for_more_than_anybody_pays() {
    for (bits_max, most) in
        [(BITS_PAYABLE_MAX - 1, BITS_PAYABLE_MAX), (BITS_PAYABLE_MAX, BITS_PAYABLE_MAX)]
    {
        let tariff = Tariff { bits: 4, bits_max, per_group: 1 };
        let toll = Toll::new(NETWORK, [5; 32], tariff, (PLACES, 64), seconds(0));
        let mut gate = Gate { toll, guests: vec![], told: vec![] };
        (0..PLACES).for_each(|number| gate.come(seconds(0), number as u8));
        gate.toll.arrives(seconds(0), (LinkId(u64::MAX), ip(99)), PLACES);
        // All are told before one of them has paid, so that each pays the first price.
        let crowd = PLACES..PLACES + 40;
        crowd.clone().for_each(|_| gate.come(seconds(6), 9));
        for number in crowd {
            let (link, price) = (number as u64, gate.told[number].unwrap());
            gate.pay(seconds(6), link, peer(link), solved(price, peer(link))).unwrap();
        }
        gate.come(seconds(6), 9);
        assert_eq!(gate.told.last().copied().flatten().unwrap().bits, most);
    }
}
