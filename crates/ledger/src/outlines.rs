//! What the store holds of outlines, of undecided requests, and of the numbers that were given.

use core::ops::ControlFlow;

use ensign_primitives::{RequestId, UnixTime};
use ensign_signing::Record;
use ensign_store::{Place, Store, Table, request_of};
use ensign_wire::SignedRequest;

use crate::{
    Entry, Handles, HowEnded, LedgerError, Outline, SignedCoins,
    handles::HANDLES_PER_BLOCK,
    ledger::{each, names},
};

/// Where the next process begins with its numbers.
const HANDLES: &str = "handles";

/// The number of the first request of a home.
pub(crate) const FIRST_HANDLE: u64 = 1;

/// A request that our user was asked about before a start, and never decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedBefore {
    /// It, signed by its creator.
    pub request: SignedRequest,
    /// What its messages were computed from.
    pub payload: Option<Vec<u8>>,
}

/// Returns how an outline is written.
pub fn outline(id: &RequestId, outline: &Outline) -> Entry {
    let value = postcard::to_allocvec(outline).unwrap_or_default();
    Entry { place: Place::outline(id), value: Some(value) }
}

/// Reads an outline. One that another version wrote is none: it is a memory for people only.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn read_outline(store: &dyn Store, id: &RequestId) -> Result<Option<Outline>, LedgerError> {
    let found = store.get(&Place::outline(id))?;
    Ok(found.and_then(|found| postcard::from_bytes(&found.value).ok()))
}

/// Shows every outline that can be understood.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn each_outline(
    store: &dyn Store,
    mut visit: impl FnMut(RequestId, Outline),
) -> Result<(), LedgerError> {
    store.scan(Table::Outlines, &[], &mut |row| {
        if let (Some(id), Ok(outline)) = (request_of(row.key), postcard::from_bytes(row.value)) {
            visit(id, outline);
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// Reads the outlines of what nobody decided about, the oldest first.
pub(super) fn undecided(store: &dyn Store) -> Result<Vec<(RequestId, Outline)>, LedgerError> {
    let mut found = Vec::new();
    each_outline(store, |id, outline| {
        if outline.is_undecided() {
            found.push((id, outline));
        }
    })?;
    found.sort_by_key(|(id, outline)| (outline.asked, *id));
    Ok(found)
}

/// Reads which coins are signed for.
pub(super) fn signed_coins(store: &dyn Store) -> Result<Vec<SignedCoins>, LedgerError> {
    let mut found = Vec::new();
    each_outline(store, |id, outline| found.extend(outline.signed_coins(id)))?;
    Ok(found)
}

/// Reads what our user was asked about and never decided. Whatever began or ended since is none of it.
pub(super) fn asked(store: &dyn Store) -> Result<Vec<AskedBefore>, LedgerError> {
    let mut begun = names(store, Table::Consents)?;
    for table in [Table::Joins, Table::Finished, Table::Closed] {
        begun.extend(names(store, table)?);
    }
    let mut asked = Vec::new();
    each(store, Table::Requests, |written, record| {
        if let Record::Consented { request, payload } = record
            && !begun.contains(&request.request.id())
        {
            asked.push((written, AskedBefore { request: *request, payload }));
        }
        Ok(())
    })?;
    asked.sort_by_key(|(written, it)| (*written, it.request.request.id()));
    Ok(asked.into_iter().map(|(_, it)| it).collect())
}

/// Takes a block of numbers for this process: durable before the first of them is given.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read. One that takes nothing now gives none for the
/// moment.
pub(crate) fn take_handles(store: &mut dyn Store, now: UnixTime) -> Result<Handles, LedgerError> {
    let found = store.get(&Place::meta(HANDLES))?;
    let next = found.and_then(|found| found.value.try_into().ok().map(u64::from_be_bytes));
    let next = next.unwrap_or(FIRST_HANDLE);
    let end = next.saturating_add(HANDLES_PER_BLOCK);
    let is_written = crate::write(store, &[set_handles(end)], now).is_ok();
    Ok(Handles::new(next, if is_written { end } else { next }))
}

/// Notes where the next process begins with its numbers.
pub fn set_handles(next: u64) -> Entry {
    Entry { place: Place::meta(HANDLES), value: Some(next.to_be_bytes().to_vec()) }
}

/// Ends everything that nobody decided about, and says of all that is open why it is over.
pub(crate) fn void_undecided(
    store: &dyn Store,
    code: &str,
    now: UnixTime,
) -> Result<Vec<Entry>, LedgerError> {
    let mut entries = Vec::new();
    store.scan(Table::Requests, &[], &mut |row| {
        let place = request_of(row.key).map(|id| Place::request(&id));
        entries.extend(place.map(|place| Entry { place, value: None }));
        ControlFlow::Continue(())
    })?;
    each_outline(store, |id, mut it| {
        if it.ended.is_none() {
            it.ended = Some((now, HowEnded::GaveUp { code: code.to_owned() }));
            entries.push(outline(&id, &it));
        }
    })?;
    Ok(entries)
}
