//! Cases for what lies where, and for what must not be there.

mod neighbours;
mod proofs;

use std::{sync::Arc, time::Duration};

use ensign_formation::{Candidate, Formation, FormationConfig, RosterMember, voided};
use ensign_identity::{NodeKey, SignerKey, Terms};
use ensign_musig::SecKey;
use ensign_primitives::{
    GroupId, Instant, Network, Now, PeerId, RequestId, StateMachine as _, UnixTime,
};
use ensign_reputation::{Mark, Reputation, Word};
use ensign_signer::InProcess;
use ensign_signing::{CaseFile, CaseKind, Horizon, Record, Undecided};
use ensign_store::{
    Batch, MemoryStore, OnceError, Opening, Place, Size, Store, StoreError, Table, Visit,
};
use ensign_wire::{AbortReason, SignedRequest};

use crate::{
    Entry, Fault, Found, KeyAge, LedgerError, OLD_CODE, OpeningError, Records, RequestState, entry,
    outline::tests::request, past, read, settle, write,
};

/// One record of each kind, in the order of the numbers that stores know them by.
fn one_of_each() -> [Record; 9] {
    let (consent, group) = (request(0).1, GroupId::from_bytes([6; 32]));
    let (request, attempt) = (RequestId::from_bytes([5; 32]), 1);
    let (creator, floor) = (PeerId::from_bytes([4; 32]), UnixTime::from_millis(1));
    let case = CaseFile { id: [1; 32], kind: CaseKind::Proof, bytes: vec![1] };
    [
        Record::Consented { request: Box::new(consent), payload: None },
        Record::Joined { request, attempt, said: [3; 32] },
        Record::Burned { request, attempt },
        Record::Finished { request, group, signatures: Vec::new() },
        Record::Closed { request, group, reason: AbortReason::Declined },
        Record::Partials { request, attempt, nonces: [7; 32], partials: Vec::new() },
        Record::Undecided(Undecided { creator, floor, ended: Vec::new() }),
        Record::Horizon(Horizon { latest: floor, newest: floor }),
        Record::Case(case),
    ]
}

#[test]
fn regression_record_of_the_version_before_had_another_number() {
    for (number, record) in (0..).zip(one_of_each()) {
        let bytes = postcard::to_allocvec(&record).unwrap();
        assert_eq!(bytes.first(), Some(&number), "{record:?}");
    }
    // As the version before wrote it.
    let mut store = MemoryStore::new();
    let horizon = Entry { place: Place::meta("horizon"), value: Some(vec![7, 2, 1]) };
    write(&mut store, &[horizon], UnixTime::from_millis(3)).unwrap();
    let opened = settle(Box::new(store), Opening::Continued, KeyAge::Used, UnixTime::default());
    let (latest, newest) = (UnixTime::from_millis(2), UnixTime::from_millis(1));
    assert_eq!(opened.unwrap().before.past.horizon, Horizon { latest, newest });
}

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

/// A store on a disk with no room for new work.
struct Tight(MemoryStore);

impl Store for Tight {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_new_work() {
            return Err(StoreError::NoSpace { free: 1, wanted: 2 });
        }
        self.0.commit(batch)
    }

    fn get(&self, place: &Place) -> Result<Option<ensign_store::Record>, StoreError> {
        self.0.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.0.scan(table, prefix, visit)
    }

    fn size(&self) -> Result<Size, StoreError> {
        self.0.size()
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.0.compact()
    }
}

#[test]
fn regression_end_of_a_request_was_refused_as_new_work() {
    let (id, signed) = request(0);
    let (now, group) = (UnixTime::from_millis(1), GroupId::from_bytes([6; 32]));
    let consent =
        |payload| entry(&Record::Consented { request: Box::new(signed.clone()), payload });
    let mut store = MemoryStore::new();
    write(&mut store, &[consent(Some(vec![1; 1000]))], now).unwrap();
    let mut store = Tight(store);
    let other = entry(&Record::Consented { request: Box::new(request(1).1), payload: None });
    let refused = write(&mut store, &[other], now);
    assert_eq!(refused, Err(LedgerError::Store(StoreError::NoSpace { free: 1, wanted: 2 })));
    let closed = Record::Closed { request: id, group, reason: AbortReason::Expired };
    write(&mut store, &[entry(&closed)], now).unwrap();
    assert_eq!(read(&store, &Place::closed(&id)), Ok(Some(closed)));
    let lean = store.get(&Place::consent(&id)).unwrap().map(|found| found.value);
    assert_eq!(lean, consent(None).value);
}

/// A group that we invite to, as it is kept.
fn forming(now: UnixTime) -> ensign_formation::Record {
    let (network, now) = (Network::Regtest, Now { instant: Instant::default(), unix: now });
    let node = Arc::new(NodeKey::from_secret_bytes([9; 32]).unwrap());
    let secret = SecKey::from_secret_bytes([1; 32]).unwrap();
    let signer = SignerKey::from_public_key(secret.public_key());
    let terms = Terms { number: 1, expires: now.unix.after(Duration::from_secs(3600)) };
    let peer = node.peer_id();
    let delegation = InProcess::new(secret).delegation(network, peer, terms);
    let member = RosterMember { signer, peer, delegation, name: "alice".to_owned() };
    let own = Candidate { member, addresses: Vec::new() };
    let config = FormationConfig { network };
    let mut formation = Formation::new(config, node, now, Default::default());
    formation.invite(now, ("rent", 2), own, Vec::new(), [7; 32]).unwrap();
    let mut said = std::iter::from_fn(|| formation.poll_output());
    let Some(ensign_formation::Output::Persist { record, .. }) = said.next() else {
        panic!("an invitation is kept first")
    };
    record
}

#[test]
fn regression_what_formed_in_a_store_that_was_restored_ended_only_with_the_next_flush() {
    let now = UnixTime::from_millis(1_767_225_600_000);
    let record = forming(now);
    let mut store = MemoryStore::new();
    write(&mut store, &[crate::formation(&record)], now).unwrap();
    let restored = settle(Box::new(store), Opening::Copied, KeyAge::Used, now).unwrap();
    // Whoever opens it again knows nothing of the restore.
    let again = settle(restored.store, Opening::Continued, KeyAge::Used, now).unwrap();
    assert_eq!(again.before.found, Found::Complete);
    assert_eq!(
        again.before.past.formations,
        [voided(&record.bytes.unwrap()).unwrap().bytes.unwrap()]
    );
}

#[test]
fn regression_open_request_of_protocol_version_2_kept_the_store_from_being_opened() {
    let (id, signed) = request(3);
    let SignedRequest { request, peer, delegation, signature } = signed;
    let old = (delegation.expires, delegation.signature);
    let mut value = vec![0];
    value.extend(postcard::to_allocvec(&(&request, peer, old, signature)).unwrap());
    value.extend(postcard::to_allocvec(&None::<Vec<u8>>).unwrap());
    let mut store = MemoryStore::new();
    for place in [Place::consent(&id), Place::request(&id)] {
        let entry = Entry { place, value: Some(value.clone()) };
        write(&mut store, &[entry], UnixTime::from_millis(1)).unwrap();
    }
    let found = past(&store).unwrap();
    assert!(found.open.is_empty() && found.asked.is_empty(), "{found:?}");

    // What is cut off is no record of an earlier version either.
    value.pop();
    let cut = Entry { place: Place::consent(&id), value: Some(value) };
    write(&mut store, &[cut], UnixTime::from_millis(2)).unwrap();
    assert!(past(&store).is_err());
}

#[test]
fn request_of_an_earlier_version_is_closed_and_told_once() {
    let (now, (id, signed)) = (UnixTime::from_millis(1_000_000), request(0));
    let group = signed.request.signers.group_id(signed.request.network);
    let SignedRequest { request: asked, peer, delegation, signature } = signed.clone();
    let without_number = (delegation.expires, delegation.signature);
    let old = (asked, peer, without_number, signature, Some(vec![1_u8]));
    let mut value = vec![0];
    value.extend(postcard::to_allocvec(&old).unwrap());
    let mut store = MemoryStore::new();
    for place in [Place::consent(&id), Place::request(&id)] {
        let written = Entry { place, value: Some(value.clone()) };
        write(&mut store, &[written], now).unwrap();
    }
    let start = |store| settle(store, Opening::Continued, KeyAge::Used, now).unwrap();
    let upgraded = start(Box::new(store) as Box<dyn Store>);
    assert_eq!(upgraded.before.voided, [(id, group, OLD_CODE)]);
    assert!(upgraded.before.past.open.is_empty() && upgraded.before.past.asked.is_empty());
    let listed = Records::new(upgraded.store.as_ref()).requests().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].group), (id, group));
    assert_eq!(listed[0].state, RequestState::Closed(AbortReason::Cancelled));
    let again = start(upgraded.store);
    assert!(again.before.voided.is_empty(), "it is said once");
}

#[test]
fn what_is_held_of_nodes_is_there_after_a_restart() {
    let (now, peer) = (Now::default(), |byte| PeerId::from_bytes([byte; 32]));
    let mut store = MemoryStore::new();
    let mut reputation = Reputation::new(Default::default(), now, Vec::new());
    reputation.say(now, peer(1), Some(Word::Banned)).unwrap();
    reputation.say(now, peer(2), Some(Word::Banned)).unwrap();
    reputation.mark(now, peer(3), Mark::Proof([3; 32]), &"a lie");
    let mut keep = |reputation: &mut Reputation| {
        while let Some((record, _)) = reputation.take_record(now) {
            write(&mut store, &[crate::reputation(&record)], now.unix).unwrap();
        }
    };
    keep(&mut reputation);
    reputation.say(now, peer(2), None).unwrap();
    keep(&mut reputation);
    let past = past(&store).unwrap();
    let held: Vec<_> = past.reputation.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(held, [peer(1), peer(3)]);
    let again = Reputation::new(Default::default(), now, past.reputation);
    assert_eq!(again.word(&peer(1)), Some(Word::Banned));
    assert_eq!(again.why(now.unix, &peer(3)), reputation.why(now.unix, &peer(3)));
}

#[test]
fn row_of_a_node_that_cannot_be_read_is_an_error() {
    let mut store = MemoryStore::new();
    let place = Place::reputation(&PeerId::from_bytes([1; 32]));
    let row = Entry { place, value: Some(vec![9]) };
    write(&mut store, &[row], UnixTime::default()).unwrap();
    assert!(matches!(past(&store), Err(LedgerError::Unreadable { .. })));
}
