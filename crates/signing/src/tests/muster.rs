//! The rooms of consents and of link reports against models that remember everything.

use core::time::Duration;
use std::{boxed::Box, collections::BTreeMap, vec::Vec};

use ensign_primitives::{GroupId, Instant, Now, RequestId, SignerIndex};
use ensign_wire::{Consent, LinkReport, RULES_REVISION, Signed, SignerSet};
use proptest::{collection::vec, prelude::*};

use super::cast::{NETWORK, keys, start};
use crate::muster::{
    consents::{Consents, Rank},
    readiness::{LINK_REPORT_AGE_MAX, Readiness, Seen},
};

const REQUEST: RequestId = RequestId::from_bytes([1; 32]);
const GROUP: GroupId = GroupId::from_bytes([2; 32]);
const COUNT: u16 = 3;

fn consent(signer: u16, number: u32, agrees: bool) -> Box<Signed<Consent>> {
    let keys = keys(0);
    let (signer, delegation) = (SignerIndex(signer), keys.delegation);
    let consent = Consent { request: REQUEST, signer, delegation, number, agrees };
    Box::new(Signed::new(&keys.node_key, NETWORK, 1, start().unix, consent).unwrap())
}

#[derive(Clone, Debug)]
enum Word {
    /// Another signer's.
    Of(u16, u32, bool),
    /// Our user's, and whether it becomes durable at once.
    Ours(bool, bool),
    /// The store answers with the last of ours that waits.
    Durable,
}

fn words() -> impl Strategy<Value = Word> {
    prop_oneof![
        4 => (1..COUNT, 1..6_u32, any::<bool>()).prop_map(|(who, number, agrees)| Word::Of(who, number, agrees)),
        2 => any::<(bool, bool)>().prop_map(|(agrees, durable)| Word::Ours(agrees, durable)),
        1 => Just(Word::Durable),
    ]
}

proptest! {
    #[test]
    fn highest_number_holds_and_ours_is_said_once_it_is_durable(ops in vec(words(), 0..60)) {
        let mut room = Consents::default();
        room.open(REQUEST);
        let mut model: BTreeMap<u16, (u32, bool)> = BTreeMap::new();
        let (mut ours, mut token) = (None::<(u32, bool, bool)>, 0);
        for op in ops {
            match op {
                Word::Of(who, number, agrees) => {
                    let signed = consent(who, number, agrees);
                    let expected = match model.get(&who) {
                        Some(held) if number < held.0 || *held == (number, agrees) => Rank::Known,
                        Some(held) if number == held.0 => Rank::Contradicts,
                        _ => Rank::Newer,
                    };
                    prop_assert_eq!(room.rank(&REQUEST, signed.said()), expected);
                    if expected == Rank::Newer {
                        model.insert(who, (number, agrees));
                        room.take(signed);
                    }
                }
                Word::Ours(agrees, durable) => {
                    token += 1;
                    let number = ours.map_or(0, |(number, _, _)| number) + 1;
                    prop_assert_eq!(room.decide(REQUEST, agrees), number);
                    room.await_record(&REQUEST, token);
                    prop_assert!(!room.durable(&REQUEST, token - 1), "an earlier one says nothing");
                    prop_assert!(!durable || room.durable(&REQUEST, token));
                    ours = Some((number, agrees, durable));
                }
                Word::Durable => {
                    let waits = ours.is_some_and(|(_, _, durable)| !durable);
                    prop_assert_eq!(room.durable(&REQUEST, token), waits);
                    ours = ours.map(|(number, agrees, _)| (number, agrees, true));
                }
            }
            let said = room.said(&REQUEST).map(|own| (own.number, own.agrees));
            prop_assert_eq!(said, ours.filter(|own| own.2).map(|own| (own.0, own.1)));
            for who in 1..COUNT {
                let held = room.of(&REQUEST, SignerIndex(who)).map(|it| (it.said().number, it.said().agrees));
                prop_assert_eq!(held, model.get(&who).copied());
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Happens {
    /// A report of a member, over its own connection or not, that sees whom these bits say.
    Report(u16, u8, bool, bool),
    Down(u16),
    /// We see these members.
    See(u8),
    /// Time passes, in seconds.
    Pass(u64),
    /// The wall clock moves, in seconds.
    Jump(i64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (1..COUNT, prop_oneof![3 => Just(7_u8), 1 => 0..8_u8], any::<bool>(), any::<bool>())
            .prop_map(|(who, sees, direct, same)| Happens::Report(who, sees, direct, same)),
        1 => (1..COUNT).prop_map(Happens::Down),
        2 => prop_oneof![3 => Just(7_u8), 1 => 0..8_u8].prop_map(Happens::See),
        3 => (0..100_u64).prop_map(Happens::Pass),
        1 => (-200..200_i64).prop_map(Happens::Jump),
    ]
}

fn set(bits: u8) -> SignerSet {
    (0..COUNT).filter(|at| bits >> at & 1 == 1).map(SignerIndex).collect()
}

/// What the model knows of a member's own word.
#[derive(Clone, Copy)]
struct Own {
    at: Now,
    sees: u8,
    is_direct: bool,
    has_our_rules: bool,
}

proptest! {
    #[test]
    fn group_is_ready_while_all_have_said_lately_that_they_see_all(ops in vec(happens(), 0..60)) {
        let (mut room, mut now, mut sees) = (Readiness::default(), start(), 7_u8);
        let mut model: BTreeMap<u16, Own> = BTreeMap::new();
        for op in ops {
            let ours = set(sees);
            let seen = Seen { group: &GROUP, count: COUNT.into(), local: SignerIndex(0), sees: &ours };
            room.says(now, seen, true);
            match op {
                Happens::Report(who, bits, is_direct, same) => {
                    let version = RULES_REVISION + u16::from(!same);
                    let report = LinkReport { group: GROUP, sees: set(bits), version };
                    let key = keys(who.into()).node_key;
                    let signed = Signed::new(&key, NETWORK, 1, now.unix, report).unwrap();
                    // Another's word never takes the place of the member's own.
                    let held = model.get(&who);
                    let is_news = held.is_none_or(|own| is_direct || !own.is_direct && own.at.unix < now.unix);
                    prop_assert_eq!(room.is_news(SignerIndex(who), &signed, is_direct), is_news);
                    if is_news {
                        room.take(now, SignerIndex(who), Box::new(signed), is_direct);
                        model.insert(who, Own { at: now, sees: bits, is_direct, has_our_rules: same });
                    }
                }
                Happens::Down(who) => {
                    room.down(&GROUP, SignerIndex(who));
                    model.entry(who).and_modify(|own| own.is_direct = false);
                }
                Happens::See(bits) => sees = bits | 1,
                Happens::Pass(seconds) => {
                    let time = Duration::from_secs(seconds);
                    now = Now { instant: now.instant.after(time), unix: now.unix.after(time) };
                }
                Happens::Jump(seconds) => {
                    let millis = now.unix.as_millis().saturating_add_signed(seconds * 1000);
                    now.unix = ensign_primitives::UnixTime::from_millis(millis);
                }
            }
            let ours = set(sees);
            let seen = Seen { group: &GROUP, count: COUNT.into(), local: SignerIndex(0), sees: &ours };
            let is_ready = (1..COUNT).all(|who| model.get(&who).is_some_and(|own| {
                let passed = |from: Instant| now.instant.since(from);
                let age = passed(own.at.instant).max(now.unix.since(own.at.unix));
                sees >> who & 1 == 1 && own.is_direct && own.has_our_rules && own.sees == 7 && age <= LINK_REPORT_AGE_MAX
            }));
            prop_assert_eq!(room.is_ready(now, seen), is_ready);
            let wait = room.look(now, seen, true);
            prop_assert_eq!(wait.is_ready(), is_ready, "{:?}", wait);
            let lacked: Vec<_> = wait.lacks.iter().filter(|lack| lack.who == SignerIndex(0)).collect();
            prop_assert_eq!(lacked.len(), (1..COUNT).filter(|who| sees >> who & 1 == 0).count());
        }
    }
}

#[test]
fn regression_report_that_comes_before_its_member_is_known_to_be_there_counts() {
    let (mut room, now, all) = (Readiness::default(), start(), set(7));
    for who in 1..COUNT {
        let said = LinkReport { group: GROUP, sees: all.clone(), version: RULES_REVISION };
        let report = Signed::new(&keys(0).node_key, NETWORK, 1, now.unix, said).unwrap();
        room.take(now, SignerIndex(who), Box::new(report), true);
    }
    let seen = Seen { group: &GROUP, count: COUNT.into(), local: SignerIndex(0), sees: &all };
    assert!(room.is_ready(now, seen));
}
