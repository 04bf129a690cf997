//! What nodes did: what is held of each, and the proofs that others are told.

use std::ops::ControlFlow;

use ensign_equivocation::{Case, Charge};
use ensign_primitives::{Now, PeerId, UnixTime};
use ensign_reputation::{ACCOUNTS_MAX, Account, Config, Reputation, Word};
use ensign_signing::{CaseFile, CaseKind, PROOFS_OF_ONE_MAX};
use ensign_store::{EVIDENCE_OF_ONE_MAX, Place, Store, Table};

use crate::{Entry, LedgerError, WordError};

// What a store would drop, the reputation drops before, and never our user's word.
const _: () = assert!(ACCOUNTS_MAX < ensign_store::PEERS_MAX);
// Both count by the same rule.
const _: () = assert!(EVIDENCE_OF_ONE_MAX == PROOFS_OF_ONE_MAX as usize);

/// Keeps what is held of a node, or removes it.
pub fn reputation(record: &ensign_reputation::Record) -> Entry {
    // An account is made of sized sequences only, so that it always encodes.
    let encode = |account: &Account| postcard::to_allocvec(account).unwrap_or_default();
    let value = record.account.as_deref().map(encode);
    Entry { place: Place::reputation(&record.peer), value }
}

/// Reads what is held of nodes. A row that cannot be read is an error: it may be our user's word.
pub(crate) fn reputations(store: &dyn Store) -> Result<Vec<(PeerId, Account)>, LedgerError> {
    let (mut accounts, mut unreadable) = (Vec::new(), None);
    store.scan(Table::Reputation, &[], &mut |row| {
        let peer = row.key.try_into().ok().map(PeerId::from_bytes);
        let account = postcard::from_bytes(row.value).ok();
        if peer.is_none() || account.is_none() {
            unreadable = unreadable.or(Place::found(Table::Reputation, row.key));
        }
        accounts.extend(peer.zip(account));
        ControlFlow::Continue(())
    })?;
    match unreadable {
        Some(place) => Err(LedgerError::Unreadable { place }),
        None => Ok(accounts),
    }
}

/// Writes our user's word about a node, or takes it back; returns what was said before.
pub(crate) fn say(
    store: &mut dyn Store,
    peer: PeerId,
    word: Option<Word>,
    now: UnixTime,
) -> Result<Option<Word>, WordError> {
    let now = Now { unix: now, ..Now::default() };
    let kept = reputations(store).map_err(WordError::Ledger)?;
    let mut held = Reputation::new(Config::default(), now, kept);
    let before = held.word(&peer);
    held.say(now, peer, word).map_err(WordError::TooMany)?;
    let records = std::iter::from_fn(|| held.take_record(now)).map(|(record, _)| record);
    let entries: Vec<_> = records.filter(|it| it.peer == peer).map(|it| reputation(&it)).collect();
    crate::write(store, &entries, now.unix).map_err(WordError::Ledger)?;
    Ok(before)
}

/// Reads the kept proofs, the oldest first.
pub(crate) fn proofs(store: &dyn Store) -> Result<Vec<CaseFile>, LedgerError> {
    let mut proofs = Vec::new();
    store.scan(Table::Evidence, &[], &mut |row| {
        let case = |id| CaseFile { id, kind: CaseKind::Proof, bytes: row.value.to_vec() };
        proofs.extend(row.key.try_into().ok().map(|id| (row.written, case(id))));
        ControlFlow::Continue(())
    })?;
    proofs.sort_by_key(|(written, case)| (*written, case.id));
    Ok(proofs.into_iter().map(|(_, case)| case).collect())
}

/// Bounds the kept proofs by whom they convict.
pub(crate) fn bound_proofs(store: &mut dyn Store, now: UnixTime) -> Result<(), LedgerError> {
    match ensign_store::bound_evidence(store, now, &culprit) {
        // A store without room for a removal is read all the same.
        Err(error) if !error.is_refused() => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Bounds them when a new one is too much. Of one culprit `signing` gives no more to keep than there are places.
pub(crate) fn bound_new_proof(store: &mut dyn Store, now: UnixTime) -> Result<(), LedgerError> {
    if ensign_store::has_too_much_evidence(store)? { bound_proofs(store, now) } else { Ok(()) }
}

/// Whom a proof convicts.
fn culprit(bytes: &[u8]) -> Option<PeerId> {
    let Charge::Proof { evidence, .. } = Case::decode(bytes).ok()?.charge else { return None };
    evidence.statements().first().map(|statement| statement.sender())
}
