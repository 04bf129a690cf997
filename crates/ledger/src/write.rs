//! Entries become one commit: nothing that contradicts, no payload that nobody needs, room where it is
//! short.

use core::ops::ControlFlow;

use ensign_primitives::{PeerId, RequestId, UnixTime};
use ensign_signing::Record;
use ensign_store::{
    Batch, OnceError, Place, Store, StoreError, Table, commit_once, make_room, request_of,
};

use crate::{Entry, LedgerError, entry, ledger::bound_new_proof};

/// Writes entries with one commit. A store that is full first gives up what ended requests still
/// take; where a proof is one too many, the latest of whoever's take most goes, in a second commit, without which
/// the first is no less written.
///
/// # Errors
///
/// [`LedgerError::Contradiction`] before anything is written; [`LedgerError::Store`].
pub fn write(store: &mut dyn Store, entries: &[Entry], now: UnixTime) -> Result<(), LedgerError> {
    let batch = batch(store, entries, now)?;
    match commit_once(store, &batch) {
        Err(OnceError::Store(StoreError::Full { .. })) => {
            make_room(store, now, bytes_of(&batch), &owner)?;
            commit_once(store, &batch)?;
        }
        result => result?,
    }
    let brings_proof = |entry: &Entry| entry.place.table() == Table::Evidence;
    if entries.iter().any(brings_proof) {
        // What is written is written, whatever this comes to: who is told that it failed would write it once
        // more. Proofs are bounded again with the next one, and when the store opens.
        let _ = bound_new_proof(store, now);
    }
    Ok(())
}

impl From<OnceError> for LedgerError {
    fn from(error: OnceError) -> Self {
        if let OnceError::Store(error) = error {
            Self::Store(error)
        } else {
            Self::Contradiction(error)
        }
    }
}

fn batch(store: &dyn Store, entries: &[Entry], now: UnixTime) -> Result<Batch, LedgerError> {
    let mut batch = Batch::new(now);
    for (position, Entry { place, value }) in entries.iter().enumerate() {
        let Some(value) = value else {
            batch.remove(*place);
            continue;
        };
        batch.put(*place, value.clone())?;
        if let (Table::Closed, Some(id)) = (place.table(), place.request_id())
            && let Some(lean) = lean_consent(store, entries.get(..position), &id)?
        {
            batch.put(lean.place, lean.value.unwrap_or_default())?;
        }
    }
    Ok(batch)
}

/// Returns the consent of a request that closes, without its payload: no signature is made of it any
/// more. Where nonces may have been used others may still show signatures, and it stays.
fn lean_consent(
    store: &dyn Store,
    earlier: Option<&[Entry]>,
    id: &RequestId,
) -> Result<Option<Entry>, LedgerError> {
    let earlier = earlier.unwrap_or_default();
    let burns = |entry: &Entry| entry.place.table() == Table::Burns;
    let mut is_burned =
        earlier.iter().any(|entry| burns(entry) && entry.place.request_id() == Some(*id));
    store.scan(Table::Burns, id.as_bytes(), &mut |row| {
        is_burned |= request_of(row.key) == Some(*id);
        ControlFlow::Break(())
    })?;
    if is_burned {
        return Ok(None);
    }
    let place = Place::consent(id);
    let value = match earlier.iter().rfind(|entry| entry.place == place) {
        Some(entry) => entry.value.clone(),
        None => store.get(&place)?.map(|found| found.value),
    };
    let record = value.and_then(|value| postcard::from_bytes(&value).ok());
    Ok(match record {
        Some(Record::Consented { request, payload: Some(_) }) => {
            Some(entry(&Record::Consented { request, payload: None }))
        }
        Some(_) | None => None,
    })
}

/// Whose request a consent is.
fn owner(value: &[u8]) -> Option<PeerId> {
    let Record::Consented { request, .. } = postcard::from_bytes(value).ok()? else { return None };
    Some(request.peer)
}

fn bytes_of(batch: &Batch) -> u64 {
    // A record above half a page takes a power of two of pages: never more than twice its bytes.
    let bytes = |change: &ensign_store::Change| change.value.as_ref().map_or(0, Vec::len) as u64;
    batch.changes().iter().map(|change| 2 * bytes(change) + 8192).sum()
}
