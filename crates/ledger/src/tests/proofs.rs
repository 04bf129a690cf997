//! Cases for kept proofs, on a disk: one culprit's never push another's out.

use std::path::Path;

use ensign_equivocation::{Case, Charge, Evidence};
use ensign_identity::NodeKey;
use ensign_primitives::{Network, PeerId, UnixTime, sha256};
use ensign_signing::{CaseFile, CaseKind, NOTICES_MAX, PROOFS_OF_ONE_MAX, Record};
use ensign_store::{
    Batch, EVIDENCE_PART, MemoryStore, OnMove, Place, RedbStore, Size, Store, StoreError,
    StoreOptions, Table, Visit,
};
use ensign_wire::{Body, Envelope, NonceShare, PubNonceBytes, SigningRequest};

use crate::{KeyAge, entry, opening, outline::tests::request, write};

const NOW: UnixTime = UnixTime::from_millis(1_000_000);

fn node(culprit: u8) -> NodeKey {
    NodeKey::from_secret_bytes([culprit + 1; 32]).unwrap()
}

/// A proof about a node: it said two things in one attempt.
///
/// - `nonces`: how long it is; each adds some 130 bytes.
fn proof(culprit: u8, number: u8, nonces: usize) -> CaseFile {
    let mut request = request(0).1.request;
    request.nonce = [number; 16];
    let session = SigningRequest::session_id(request.id(), Network::Regtest, 1);
    let said = |byte| {
        let nonces = vec![PubNonceBytes([byte; 66]); nonces];
        let share = NonceShare { signer: request.creator, nonces, salt: [number; 32] };
        let body = Body::NonceShare(share);
        Box::new(Envelope::sign(&node(culprit), Network::Regtest, session, 1, NOW, body).unwrap())
    };
    let evidence = Evidence::conflict(said(1), said(2));
    let charge = Charge::Proof { speaks_for: None, evidence };
    let bytes = Case { request: Box::new(request), attempt: 1, charge }.encode();
    CaseFile { id: sha256(&bytes), kind: CaseKind::Proof, bytes }
}

fn keep(store: &mut dyn Store, at: u64, file: CaseFile) {
    let at = UnixTime::from_millis(NOW.as_millis() + at);
    write(store, &[entry(&Record::Case(file))], at).unwrap();
}

fn disk(folder: &Path, limit: u64) -> RedbStore {
    let options = StoreOptions { limit, on_move: OnMove::Adopt, ..StoreOptions::default() };
    RedbStore::open(folder, &options).unwrap().0
}

/// What a start finds, by culprit, the oldest first.
fn found(folder: &Path) -> Vec<PeerId> {
    let opened = opening::open(folder, OnMove::Adopt, KeyAge::Used, NOW).unwrap();
    let culprit = |file: &CaseFile| {
        assert_eq!(file.id, sha256(&file.bytes));
        let Charge::Proof { evidence, .. } = Case::decode(&file.bytes).unwrap().charge else {
            panic!("no proof")
        };
        evidence.statements().first().unwrap().sender()
    };
    opened.before.past.proofs.iter().map(culprit).collect()
}

#[test]
fn every_kept_proof_is_restored_and_not_only_the_latest_that_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let culprits = u8::try_from(NOTICES_MAX).unwrap() + 3;
    let mut store = disk(folder.path(), StoreOptions::default().limit);
    (0..culprits).for_each(|of| keep(&mut store, of.into(), proof(of, 0, 1)));
    drop(store);
    let expected: Vec<_> = (0..culprits).map(|of| node(of).peer_id()).collect();
    assert_eq!(found(folder.path()), expected);
}

#[test]
fn regression_one_culprit_of_a_store_of_before_pushed_anothers_proof_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = disk(folder.path(), StoreOptions::default().limit);
    keep(&mut store, 0, proof(7, 0, 1));
    (1..=60).for_each(|number| keep(&mut store, number.into(), proof(8, number, 1)));
    drop(store);
    let most = usize::from(PROOFS_OF_ONE_MAX);
    let expected = [vec![node(7).peer_id()], vec![node(8).peer_id(); most]].concat();
    assert_eq!(found(folder.path()), expected);
    assert_eq!(found(folder.path()), expected, "the next start finds the same");
}

#[test]
fn proofs_take_no_more_than_their_part_of_a_disk_while_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 4 << 20;
    let mut store = disk(folder.path(), limit);
    keep(&mut store, 0, proof(0, 0, 1));
    for number in 0..4 {
        for of in 1..4 {
            let at = 10 * u64::from(number) + u64::from(of);
            keep(&mut store, at, proof(of, number, 700));
            let used = store.size().unwrap().used;
            assert!(used <= limit / EVIDENCE_PART, "{used} bytes after {number} of {of}");
        }
    }
    let mut kept = 0;
    let each = &mut |_: ensign_store::Row<'_>| {
        kept += 1;
        core::ops::ControlFlow::Continue(())
    };
    store.scan(Table::Evidence, &[], each).unwrap();
    assert_eq!(kept, 4, "the first of each");
    for of in 0..4 {
        let place = Place::evidence(&proof(of, 0, if of == 0 { 1 } else { 700 }).id);
        assert!(store.get(&place).unwrap().is_some(), "{of}");
    }
}

/// A store whose proofs can be written and not be gone through.
struct Worn(MemoryStore);

impl Store for Worn {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }

    fn get(&self, place: &Place) -> Result<Option<ensign_store::Record>, StoreError> {
        self.0.get(place)
    }

    fn scan(&self, table: Table, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if table == Table::Evidence {
            return Err(StoreError::Stopped);
        }
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
fn regression_proof_that_was_written_was_said_not_to_be() {
    let mut store = Worn(MemoryStore::new());
    let file = proof(1, 0, 1);
    let place = Place::evidence(&file.id);
    assert_eq!(write(&mut store, &[entry(&Record::Case(file))], NOW), Ok(()));
    assert!(store.get(&place).unwrap().is_some());
}
