//! What nodes did: what is held of each, and the proofs that others are told.

use std::{collections::BTreeSet, ops::ControlFlow};

use ensign_primitives::PeerId;
use ensign_reputation::{ACCOUNTS_MAX, Account};
use ensign_signing::{CaseFile, CaseKind, NOTICES_MAX};
use ensign_store::{Place, Store, Table};

use crate::{Entry, LedgerError};

// What a store would drop, the reputation drops before, and never our user's word.
const _: () = assert!(ACCOUNTS_MAX < ensign_store::PEERS_MAX);

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

/// Reads the latest proofs, by when they were kept.
pub(crate) fn proofs(store: &dyn Store) -> Result<Vec<CaseFile>, LedgerError> {
    let mut latest = BTreeSet::new();
    store.scan(Table::Evidence, &[], &mut |row| {
        latest.extend(<[u8; 32]>::try_from(row.key).ok().map(|id| (row.written, id)));
        if latest.len() > NOTICES_MAX {
            latest.pop_first();
        }
        ControlFlow::Continue(())
    })?;
    let mut proofs = Vec::new();
    for (_, id) in latest {
        let found = store.get(&Place::evidence(&id))?;
        proofs.extend(found.map(|it| CaseFile { id, kind: CaseKind::Proof, bytes: it.value }));
    }
    Ok(proofs)
}
