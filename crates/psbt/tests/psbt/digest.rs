//! A digest stands for all that is shown, and for nothing else.

use std::collections::BTreeSet;

use core::time::Duration;
use ensign_primitives::{GroupId, KeyPath, Network, RequestId, UnixTime};
use ensign_psbt::{
    CoinState, CoinUse, ConsentDigest, Destination, Facts, LockTime, Note, OutputKind, OwnKey,
    Policy, RelativeLockTime, ScriptBuf, Summary, Surroundings, WAIT_SECONDS_WARNING, judge,
    judge_blind,
};

use crate::party::Party;
use crate::shape::Shape;

const NOW: UnixTime = UnixTime::from_millis(1_795_780_800_000);
const ID: RequestId = RequestId::from_bytes([1; 32]);

fn summary() -> Summary {
    Shape::paying(&Party::new(2), 60_000_000, 1_000).sequence(144).summary(&Party::new(2))
}

fn notes_at(summary: &Summary, now: UnixTime, coins: &[CoinUse]) -> Vec<Note> {
    judge(summary, &Surroundings { now, coins })
}

fn digest(summary: &Summary, notes: &[Note]) -> ConsentDigest {
    ConsentDigest::of_request(&ID, &Facts::Psbt(summary), notes, &Policy::default())
}

#[test]
fn each_field_that_is_shown_changes_the_digest() {
    let own = |steps: &[u32]| {
        let path = KeyPath::new(steps).unwrap();
        Some(OwnKey { path, is_found: true, is_reused: false })
    };
    let changes: [&dyn Fn(&mut Summary); 25] = [
        &|_| {},
        &|it| it.version = 3,
        &|it| it.network = Network::Signet,
        &|it| it.fee += 1,
        &|it| it.fee_rate += 1,
        &|it| it.vsize += 1,
        &|it| it.lock_time = Some(LockTime::from_consensus(1)),
        &|it| it.lock_time = Some(LockTime::from_consensus(500_000_001)),
        &|it| it.relative_lock_times.clear(),
        &|it| it.relative_lock_times[0].0 = 1,
        &|it| it.relative_lock_times[0].1 = RelativeLockTime::from_height(143),
        &|it| it.replaceable = false,
        &|it| it.inputs[0].amount += 1,
        &|it| it.inputs[0].outpoint.vout += 1,
        &|it| it.inputs[0].sighash[31] ^= 1,
        &|it| it.inputs[0].address.push('q'),
        &|it| it.inputs[0].path = KeyPath::new(&[0]).unwrap(),
        &|it| it.outputs[0].amount += 1,
        &|it| it.outputs[0].ours = own(&[]),
        &|it| it.outputs[0].ours = own(&[1, 0]),
        &|it| it.outputs[0].ours = own(&[1, 1]),
        &|it| it.outputs[0].kind = OutputKind::Taproot,
        &|it| it.outputs[0].dust_threshold += 1,
        &|it| it.outputs[0].destination = Destination::Script(ScriptBuf::new()),
        &|it| it.outputs.swap(0, 1),
    ];
    let changed = changes.map(|change| {
        let mut summary = summary();
        change(&mut summary);
        digest(&summary, &[])
    });
    assert_eq!(BTreeSet::from(changed).len(), changes.len());

    let mut other = summary();
    other.outputs[0].destination = Destination::Data(ScriptBuf::new());
    let data = digest(&other, &[]);
    other.outputs[0].destination = Destination::Address(String::new());
    assert!(!changed.contains(&data) && !changed.contains(&digest(&other, &[])));
    let other = Shape::paying(&Party::new(2), 60_000_001, 999).summary(&Party::new(2));
    let mut with_its_txid = summary();
    with_its_txid.txid = other.txid;
    assert!(!changed.contains(&digest(&with_its_txid, &[])));
}

#[test]
fn subject_facts_notes_and_rules_change_the_digest() {
    let (summary, none) = (summary(), Policy::default());
    let facts = Facts::Psbt(&summary);
    let notes = notes_at(&summary, NOW, &[]);
    let of = |id: u8, facts: &Facts<'_>, notes: &[Note], policy: &Policy| {
        ConsentDigest::of_request(&RequestId::from_bytes([id; 32]), facts, notes, policy)
    };
    let messages = [[0; 32], [1; 32]];
    let group = GroupId::from_bytes([1; 32]);
    let limited = Policy { fee_max: Some(5), ..Policy::default() };
    let digests = [
        of(1, &facts, &notes, &none),
        of(2, &facts, &notes, &none),
        ConsentDigest::of_proposal(&group, &facts, &notes, &none),
        of(1, &facts, &notes[1..], &none),
        of(1, &facts, &[], &none),
        of(1, &facts, &notes, &limited),
        of(1, &Facts::Blind(&messages), &judge_blind(2), &none),
        of(1, &Facts::Blind(&messages), &judge_blind(3), &none),
        of(1, &Facts::Blind(&messages[..1]), &judge_blind(2), &none),
    ];
    assert_eq!(BTreeSet::from(digests).len(), digests.len());
    assert_eq!(digests[0], of(1, &facts, &notes, &none));
}

#[test]
fn each_fact_of_a_coin_changes_the_digest() {
    let summary = summary();
    let coin = CoinUse {
        outpoint: summary.inputs[0].outpoint,
        request: RequestId::from_bytes([9; 32]),
        number: None,
        state: CoinState::Open,
        at: UnixTime::from_millis(5),
    };
    let with = |coins: &[CoinUse]| digest(&summary, &notes_at(&summary, NOW, coins));
    let digests = [
        with(&[]),
        with(&[coin]),
        with(&[CoinUse { request: RequestId::from_bytes([8; 32]), ..coin }]),
        with(&[CoinUse { state: CoinState::Signed, ..coin }]),
        with(&[CoinUse { at: UnixTime::from_millis(6), ..coin }]),
        with(&[coin, coin]),
    ];
    assert_eq!(BTreeSet::from(digests).len(), digests.len());
    assert_eq!(with(&[CoinUse { number: Some(3), ..coin }]), digests[1], "a number is only a name");
}

#[test]
fn a_lock_time_is_another_fact_once_it_is_near() {
    let lock = (NOW.as_millis() / 1000 + WAIT_SECONDS_WARNING) as u32;
    let summary = Shape::plain().sequence(0xffff_fffe).lock_time(lock + 10).summary(&Party::new(2));
    let at = |seconds| {
        let notes = notes_at(&summary, NOW.after(Duration::from_secs(seconds)), &[]);
        (digest(&summary, &notes), notes)
    };
    let ((far, warned), (near, told)) = (at(9), at(10));
    assert_eq!((at(0).0, far == near), (far, false));
    assert!(told.iter().all(|note| !note.is_new_to(&warned)), "it voids no yes");
}

#[test]
fn time_alone_changes_nothing_until_a_lock_time_passes() {
    let party = Party::new(2);
    let lock = (NOW.as_millis() / 1000) as u32 + 1_000_000;
    let summary = Shape::plain().sequence(144).lock_time(lock).summary(&party);
    let coin = CoinUse {
        outpoint: summary.inputs[0].outpoint,
        request: RequestId::from_bytes([9; 32]),
        number: None,
        state: CoinState::Signed,
        at: UnixTime::from_millis(NOW.as_millis() - 60_000),
    };
    let at = |seconds: u64| {
        let notes = notes_at(&summary, NOW.after(Duration::from_secs(seconds)), &[coin]);
        let text: Vec<_> = notes.iter().map(Note::to_string).collect();
        (digest(&summary, &notes), text)
    };
    let (first, words) = at(0);
    for seconds in [1, 3_600, 86_400, 999_999] {
        let (digest, later) = at(seconds);
        assert_eq!(digest, first, "after {seconds} s");
        assert!(seconds == 1 || later != words, "after {seconds} s the words are others");
    }
    assert_ne!(at(1_000_001).0, first, "the lock time has passed");
}

#[test]
fn a_digest_is_64_hex_digits() {
    let digest = digest(&summary(), &[]);
    let text = digest.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(text.parse(), Ok(digest));
    assert_eq!(text.to_uppercase().parse(), Ok(digest));
    for wrong in ["", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "g")] {
        let error = wrong.parse::<ConsentDigest>().unwrap_err();
        assert_eq!(error.to_string(), "a digest is 64 hex digits");
    }
}
