//! Cases for what lies where, and for what must not be there.

use ensign_primitives::{GroupId, RequestId, UnixTime};
use ensign_signing::Record;
use ensign_store::{MemoryStore, OnceError, Opening, Place};
use ensign_wire::AbortReason;

use crate::{
    Entry, Fault, Found, KeyAge, LedgerError, OpeningError, Records, entry, read, settle, write,
};

#[test]
fn audit_names_every_mark_that_should_not_be_there() {
    let request = RequestId::from_bytes([5; 32]);
    let group = GroupId::from_bytes([6; 32]);
    let partials =
        |attempt| Record::Partials { request, attempt, nonces: [7; 32], partials: vec![[8; 32]] };
    let records = [
        Record::Joined { request, attempt: 1, said: [3; 32] },
        Record::Burned { request, attempt: 1 },
        partials(1),
        Record::Joined { request, attempt: 2, said: [3; 32] },
        Record::Burned { request, attempt: 3 },
        partials(4),
        Record::Joined { request: RequestId::from_bytes([9; 32]), attempt: 1, said: [3; 32] },
        Record::Closed { request, group, reason: AbortReason::Declined },
    ];
    let mut store = MemoryStore::new();
    let entries: Vec<_> = records.iter().map(entry).collect();
    write(&mut store, &entries, UnixTime::from_millis(1)).unwrap();
    let audit = Records::new(&store).audit().unwrap();
    let faults: Vec<_> =
        audit.violations.iter().map(|violation| (violation.attempt, violation.fault)).collect();
    let expected = [
        (3, Fault::BurnWithoutJoin),
        (4, Fault::PartialWithoutBurn),
        (4, Fault::NonceSetTwice),
        (1, Fault::JoinWithoutConsent),
    ];
    assert_eq!(faults, expected);
    assert_eq!((audit.requests, audit.joined, audit.burned, audit.partials), (2, 3, 2, 2));

    // A mark that says something else than the one that is there is never written.
    let other = Record::Partials { request, attempt: 1, nonces: [1; 32], partials: Vec::new() };
    let twice = write(&mut store, &[entry(&other)], UnixTime::from_millis(2));
    let place = Place::partial(&request, 1);
    assert_eq!(twice, Err(LedgerError::Contradiction(OnceError::Twice { place })));
    write(&mut store, &[entry(&partials(1))], UnixTime::from_millis(2)).unwrap();
}

#[test]
fn join_of_an_earlier_version_is_read_and_never_written_over() {
    let request = RequestId::from_bytes([5; 32]);
    let place = Place::join(&request, 1);
    let new = Record::Joined { request, attempt: 1, said: [3; 32] };
    let old = entry(&new).value.unwrap();
    let old = old[..old.len() - 32].to_vec();
    let mut store = MemoryStore::new();
    let written = Entry { place, value: Some(old) };
    write(&mut store, &[written], UnixTime::from_millis(1)).unwrap();
    let found = read(&store, &place).unwrap();
    assert_eq!(found, Some(Record::Joined { request, attempt: 1, said: [0; 32] }));
    let again = write(&mut store, &[entry(&new)], UnixTime::from_millis(2));
    assert_eq!(again, Err(LedgerError::Contradiction(OnceError::Twice { place })));
}

#[test]
fn empty_store_is_lost_unless_the_keys_are_new_and_is_told_so_once() {
    let now = UnixTime::from_millis(1_000_000);
    let start = |store: MemoryStore, age| settle(Box::new(store), Opening::Continued, age, now);
    let new = start(MemoryStore::new(), KeyAge::New).unwrap();
    assert_eq!((new.before.found, new.before.void_until), (Found::Complete, None));

    let lost = start(MemoryStore::new(), KeyAge::Used).unwrap();
    assert_eq!(lost.before.found, Found::Lost);
    assert!(lost.before.void_until > Some(now), "what others made by a clock ahead of ours");
    let again = settle(lost.store, Opening::Continued, KeyAge::Used, now).unwrap();
    assert_eq!(again.before.found, Found::Complete);
    assert_eq!(again.before.void_until, lost.before.void_until, "it is refused for good");

    let error = settle(again.store, Opening::Continued, KeyAge::New, now).unwrap_err();
    assert_eq!(error, OpeningError::NotNew);
}

#[test]
fn record_of_a_newer_version_is_named_and_not_taken_for_nothing() {
    let id = RequestId::from_bytes([5; 32]);
    let place = Place::closed(&id);
    let mut store = MemoryStore::new();
    let newer = Entry { place, value: Some(vec![200, 1, 2, 3]) };
    write(&mut store, &[newer], UnixTime::from_millis(1)).unwrap();
    assert_eq!(read(&store, &place), Err(LedgerError::Unreadable { place }));
    let started = settle(Box::new(store), Opening::Continued, KeyAge::Used, UnixTime::default());
    assert_eq!(started.unwrap_err(), OpeningError::Ledger(LedgerError::Unreadable { place }));
}
