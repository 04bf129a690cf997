//! The store in the engine's words: which record lies where, and what all of them add up to.

use std::{collections::BTreeSet, net::SocketAddr, ops::ControlFlow};

use ensign_primitives::{GroupId, PeerId, RequestId, UnixTime};
use ensign_reputation::{Account, TooManyWords};
use ensign_signing::{
    CaseFile, CaseKind, Delegated, End, Ending, Horizon, Open, Record, Restored, Undecided,
};
use ensign_store::{OnceError, Place, Store, StoreError, Table, request_of};
use ensign_wire::Proof;

use crate::{
    AskedBefore, LostAttempt, Neighbours, Outline, Reached, Shown, SignedCoins, neighbours,
    outlines,
};
use outlines::read_outline;

mod conduct;
pub use conduct::reputation;
pub(crate) use conduct::{bound_new_proof, bound_proofs, reputations, say};
pub(crate) mod old;

/// Most open requests that are read at a start; the others wait in the store for room.
pub const OPEN_LOADED_MAX: usize = ensign_signing::REQUESTS_MAX;

/// Most results that are handed out again at a start, the latest. Guess: those of a busy day; an
/// application that never says that it has them shall not be flooded.
const UNRECEIVED_MAX: usize = 64;

/// Requests made before this are refused: somebody may have seen us join them.
const VOID_UNTIL: &str = "void-until";
/// How far time has come.
const HORIZON: &str = "horizon";

/// One write: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// What; `None` removes what is there.
    pub value: Option<Vec<u8>>,
}

/// Why a record is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The store refuses, or cannot.
    #[error("{0}")]
    Store(#[source] StoreError),
    /// It contradicts what stands in the store.
    #[error("{0}")]
    Contradiction(#[source] OnceError),
    /// What was read is no record of this version.
    #[error("the record {place:?} cannot be understood")]
    Unreadable {
        /// Where.
        place: Place,
    },
}

impl LedgerError {
    /// Whether only the one write is refused, because it contradicts what stands; the store goes on.
    pub const fn is_contradiction(&self) -> bool {
        matches!(self, Self::Contradiction(_))
    }
}

/// Why a word about a node is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// The store cannot be read or written.
    #[error("{0}")]
    Ledger(#[source] LedgerError),
    /// Our user has said something of too many nodes.
    #[error("{0}")]
    TooMany(#[source] TooManyWords),
}

impl From<StoreError> for LedgerError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Returns where a record of the engine's lies.
pub fn place(record: &Record) -> Place {
    match record {
        Record::Consented { request, .. } => Place::consent(&request.request.id()),
        Record::Decided { request, .. } => Place::decision(request),
        Record::Joined { request, attempt, .. } => Place::join(request, *attempt),
        Record::Burned { request, attempt } => Place::burn(request, *attempt),
        Record::Partials { request, attempt, .. } => Place::partial(request, *attempt),
        Record::Finished { request, .. } => Place::finished(request),
        Record::Closed { request, .. } => Place::closed(request),
        Record::Undecided(kept) => Place::undecided(&kept.creator),
        Record::Delegated(kept) => Place::delegation(&kept.signer.to_bytes()),
        Record::Case(file) => match file.kind {
            CaseKind::Proof => Place::evidence(&file.id),
            CaseKind::Claim => Place::claim(&file.id),
        },
        Record::Horizon(_) => Place::meta(HORIZON),
    }
}

/// Returns the request that a record is about.
pub fn subject(record: &Record) -> Option<RequestId> {
    let is_of_another = matches!(record, Record::Undecided(_) | Record::Delegated(_));
    place(record).request_id().filter(|_| !is_of_another)
}

/// Returns how a record of the engine's is written.
pub fn entry(record: &Record) -> Entry {
    let value = if let Record::Case(file) = record {
        // Whoever takes it out hands it to strangers as it is.
        file.bytes.clone()
    } else {
        // A record is made of sized sequences only, so that it always encodes.
        postcard::to_allocvec(record).unwrap_or_default()
    };
    Entry { place: place(record), value: Some(value) }
}

/// Notes that the application has what a request gave.
pub fn received(request: &RequestId) -> Entry {
    Entry { place: Place::mark(request, 0), value: Some(b"received".to_vec()) }
}

/// Notes that a mark would have been written a second time with other words; `nonce audit` finds it.
pub fn contradicted(place: &Place) -> Option<Entry> {
    let (request, attempt) = (place.request_id()?, place.attempt_number()?);
    let value = Some(place.table().name().as_bytes().to_vec());
    Some(Entry { place: Place::mark(&request, attempt), value })
}

/// Keeps what our user said yes to, beside the consent.
pub fn shown(request: &RequestId, shown: &Shown) -> Entry {
    let value = postcard::to_allocvec(shown).unwrap_or_default();
    Entry { place: Place::shown(request), value: Some(value) }
}

/// Reads what our user said yes to. What cannot be read is asked about again.
fn read_shown(store: &dyn Store, request: &RequestId) -> Result<Option<Shown>, LedgerError> {
    let found = store.get(&Place::shown(request))?;
    Ok(found.and_then(|found| postcard::from_bytes(&found.value).ok()))
}

/// Notes where a member's node spoke from last.
pub fn address(peer: &PeerId, address: SocketAddr) -> Entry {
    Entry { place: Place::addresses(peer), value: Some(address.to_string().into_bytes()) }
}

/// Keeps what is known of a group that forms, or removes it.
pub fn formation(record: &ensign_formation::Record) -> Entry {
    Entry { place: Place::formation(&record.name), value: record.bytes.clone() }
}

fn formations(store: &dyn Store) -> Result<Vec<Vec<u8>>, LedgerError> {
    let mut records = Vec::new();
    store.scan(Table::Formations, &[], &mut |row| {
        records.push(row.value.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(records)
}

/// Reads where members spoke from. Each is a hint: one that cannot be read is none.
fn addresses(store: &dyn Store) -> Result<Vec<(PeerId, SocketAddr)>, LedgerError> {
    let mut addresses = Vec::new();
    store.scan(Table::Addresses, &[], &mut |row| {
        let peer = row.key.try_into().ok().map(PeerId::from_bytes);
        let address = std::str::from_utf8(row.value).ok().and_then(|text| text.parse().ok());
        addresses.extend(peer.zip(address));
        ControlFlow::Continue(())
    })?;
    Ok(addresses)
}

/// Reads a record.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn read(store: &dyn Store, place: &Place) -> Result<Option<Record>, LedgerError> {
    let Some(found) = store.get(place)? else { return Ok(None) };
    if old::is_void(place.table(), &found.value) {
        return Ok(None);
    }
    decode(place.table(), place.key(), &found.value).map(Some)
}

/// Decodes what a scan showed.
pub(crate) fn decode(table: Table, key: &[u8], value: &[u8]) -> Result<Record, LedgerError> {
    let place = || Place::found(table, key).unwrap_or(Place::meta("?"));
    let record = read_any(table, key, value);
    let record = record.ok_or_else(|| LedgerError::Unreadable { place: place() })?;
    // A record in a place of another one is as wrong as one that cannot be read.
    if self::place(&record).key() != key {
        return Err(LedgerError::Unreadable { place: place() });
    }
    Ok(record)
}

/// Decodes a record; a join of an earlier version, which did not say what it said, says nothing.
fn read_any(table: Table, key: &[u8], value: &[u8]) -> Option<Record> {
    let read = postcard::from_bytes(value).ok();
    if read.is_some() || table != Table::Joins {
        return read;
    }
    let (request, attempt) = (request_of(key)?, ensign_store::attempt_of(key)?);
    let old = Record::Joined { request, attempt, said: [0; 32] };
    let encoded = postcard::to_allocvec(&old).ok()?;
    (encoded.strip_suffix(&[0; 32]) == Some(value)).then_some(old)
}

/// Shows every record of a table, until `visit` fails.
pub(crate) fn each(
    store: &dyn Store,
    table: Table,
    mut visit: impl FnMut(UnixTime, Record) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut result = Ok(());
    store.scan(table, &[], &mut |row| {
        if old::is_void(table, row.value) {
            return ControlFlow::Continue(());
        }
        result = decode(table, row.key, row.value).and_then(|record| visit(row.written, record));
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result
}

/// Returns the requests that a table names.
pub(crate) fn names(store: &dyn Store, table: Table) -> Result<BTreeSet<RequestId>, LedgerError> {
    let mut names = BTreeSet::new();
    store.scan(table, &[], &mut |row| {
        names.extend(request_of(row.key));
        ControlFlow::Continue(())
    })?;
    Ok(names)
}

/// What a store says about the time before a start.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Consented to and not over, at most [`OPEN_LOADED_MAX`], the oldest first.
    pub open: Vec<Unfinished>,
    /// More of them, by name.
    pub waiting: Vec<RequestId>,
    /// Over, the latest of them, in the order of their ends.
    pub ended: Vec<(RequestId, GroupId, End)>,
    /// What ended before our user decided, by creator.
    pub undecided: Vec<Undecided>,
    /// How far time had come.
    pub horizon: Horizon,
    /// The kept proofs, the oldest first.
    pub proofs: Vec<CaseFile>,
    /// Which node speaks for which key.
    pub delegated: Vec<Delegated>,
    /// Signed, and the application never said that it has the result; a bounded number, the latest.
    pub unreceived: Vec<(RequestId, GroupId)>,
    /// Where members' nodes spoke from last.
    pub addresses: Vec<(PeerId, SocketAddr)>,
    /// What our user was asked about and never decided, the oldest first.
    pub asked: Vec<AskedBefore>,
    /// The outlines of that, and of what ended undecided.
    pub outlines: Vec<(RequestId, Outline)>,
    /// The coins that are signed for.
    pub signed_coins: Vec<SignedCoins>,
    /// What is known of groups that form, and their certificates.
    pub formations: Vec<Vec<u8>>,
    /// What is held of each node, at most as many as there are places for.
    pub reputation: Vec<(PeerId, Account)>,
    /// Who answered in the open network.
    pub neighbours: Neighbours,
    /// The work behind our position there.
    pub position: Option<Proof>,
    /// How far the twentieth nearest was at each of the last looks at random points there, and when the last was.
    pub looks: Option<(UnixTime, Vec<u64>)>,
}

/// A request that goes on.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// What the engine resumes.
    pub open: Open,
    /// The last attempt that was joined.
    pub lost: Option<LostAttempt>,
    /// What is told of it; none where an earlier version wrote none.
    pub outline: Option<Outline>,
    /// What our user said yes to; none where an earlier version took the yes.
    pub shown: Option<Shown>,
}

/// Reads what a store says about the time before.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn past(store: &dyn Store) -> Result<Past, LedgerError> {
    let finished = names(store, Table::Finished)?;
    let closed = names(store, Table::Closed)?;
    let mut open: Vec<_> = Vec::new();
    store.scan(Table::Consents, &[], &mut |row| {
        let id = request_of(row.key);
        let is_over = |id: &RequestId| finished.contains(id) || closed.contains(id);
        open.extend(id.filter(|id| !is_over(id)).map(|id| (row.written, id)));
        ControlFlow::Continue(())
    })?;
    open.sort_unstable();
    let mut names = open.into_iter().map(|(_, id)| id);
    let loaded: Vec<RequestId> = names.by_ref().take(OPEN_LOADED_MAX).collect();
    let open = loaded.iter().map(|id| unfinished(store, id)).collect::<Result<Vec<_>, _>>()?;
    Ok(Past {
        open: open.into_iter().flatten().collect(),
        waiting: names.collect(),
        ended: ended(store)?,
        undecided: undecided(store)?,
        horizon: horizon(store)?,
        proofs: conduct::proofs(store)?,
        delegated: delegated(store)?,
        unreceived: unreceived(store, &finished)?,
        addresses: addresses(store)?,
        asked: outlines::asked(store)?,
        outlines: outlines::undecided(store)?,
        signed_coins: outlines::signed_coins(store)?,
        formations: formations(store)?,
        reputation: reputations(store)?,
        neighbours: Neighbours::read(store)?,
        position: neighbours::read_position(store)?,
        looks: neighbours::read_looks(store)?,
    })
}

fn unreceived(
    store: &dyn Store,
    finished: &BTreeSet<RequestId>,
) -> Result<Vec<(RequestId, GroupId)>, LedgerError> {
    let mut latest = BTreeSet::new();
    for id in finished.difference(&received_names(store)?) {
        let Some(found) = store.get(&Place::finished(id))? else { continue };
        if let Record::Finished { group, .. } =
            decode(Table::Finished, id.as_bytes(), &found.value)?
        {
            latest.insert((found.written, *id, group));
        }
        if latest.len() > UNRECEIVED_MAX {
            latest.pop_first();
        }
    }
    Ok(latest.into_iter().map(|(_, id, group)| (id, group)).collect())
}

/// Returns the requests whose results the application has.
pub(crate) fn received_names(store: &dyn Store) -> Result<BTreeSet<RequestId>, LedgerError> {
    let mut names = BTreeSet::new();
    store.scan(Table::Marks, &[], &mut |row| {
        if ensign_store::attempt_of(row.key) == Some(0) {
            names.extend(request_of(row.key));
        }
        ControlFlow::Continue(())
    })?;
    Ok(names)
}

/// Reads a request that goes on, with its last attempt.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn unfinished(store: &dyn Store, id: &RequestId) -> Result<Option<Unfinished>, LedgerError> {
    let mut records: Vec<Record> = read(store, &Place::consent(id))?.into_iter().collect();
    records.extend(read(store, &Place::decision(id))?);
    for table in [Table::Joins, Table::Burns, Table::Partials] {
        attempts(store, table, id, &mut records)?;
    }
    let open = Restored::from_records(records.clone()).open.pop();
    let (outline, shown) = (read_outline(store, id)?, read_shown(store, id)?);
    Ok(open.map(|open| Unfinished { lost: lost(&open, &records), open, outline, shown }))
}

fn lost(open: &Open, records: &[Record]) -> Option<LostAttempt> {
    let attempt = open.attempts;
    let is_burned =
        |record: &Record| matches!(record, Record::Burned { attempt: of, .. } if *of == attempt);
    let reached = match &open.kept {
        Some(_) => Reached::Signed,
        None if records.iter().any(is_burned) => Reached::Burned,
        None => Reached::Joined,
    };
    (attempt > 0).then_some(LostAttempt { attempt, reached })
}

/// Reads what a table holds about the attempts at a request.
fn attempts(
    store: &dyn Store,
    table: Table,
    id: &RequestId,
    records: &mut Vec<Record>,
) -> Result<(), LedgerError> {
    let mut result = Ok(());
    store.scan(table, id.as_bytes(), &mut |row| match decode(table, row.key, row.value) {
        Ok(record) => {
            records.push(record);
            ControlFlow::Continue(())
        }
        Err(error) => {
            result = Err(error);
            ControlFlow::Break(())
        }
    })?;
    result
}

/// Reads the endings that the engine remembers: a failure before the signatures that outrank it.
fn ended(store: &dyn Store) -> Result<Vec<(RequestId, GroupId, End)>, LedgerError> {
    let mut ended = BTreeSet::new();
    for (order, table) in [(0_u8, Table::Closed), (1, Table::Finished)] {
        store.scan(table, &[], &mut |row| {
            ended.extend(request_of(row.key).map(|id| (row.written, order, id)));
            // The engine remembers no more.
            if ended.len() > ensign_signing::ENDINGS_REMEMBERED {
                ended.pop_first();
            }
            ControlFlow::Continue(())
        })?;
    }
    let mut endings = Vec::new();
    for (_, order, id) in ended {
        let place = if order == 0 { Place::closed(&id) } else { Place::finished(&id) };
        let ending = read(store, &place)?.and_then(ending);
        endings.extend(ending.map(|(id, group, ending)| (id, group, End::of(&ending))));
    }
    Ok(endings)
}

fn undecided(store: &dyn Store) -> Result<Vec<Undecided>, LedgerError> {
    let mut found = Vec::new();
    each(store, Table::Undecided, |_, record| {
        if let Record::Undecided(kept) = record {
            found.push(kept);
        }
        Ok(())
    })?;
    Ok(found)
}

fn delegated(store: &dyn Store) -> Result<Vec<Delegated>, LedgerError> {
    let mut found = Vec::new();
    each(store, Table::Delegations, |_, record| {
        if let Record::Delegated(kept) = record {
            found.push(kept);
        }
        Ok(())
    })?;
    Ok(found)
}

fn horizon(store: &dyn Store) -> Result<Horizon, LedgerError> {
    match read(store, &Place::meta(HORIZON))? {
        Some(Record::Horizon(horizon)) => Ok(horizon),
        Some(_) | None => Ok(Horizon::default()),
    }
}

pub(crate) fn ending(record: Record) -> Option<(RequestId, GroupId, Ending)> {
    match record {
        Record::Finished { request, group, signatures } => {
            Some((request, group, Ending::Signed(signatures)))
        }
        Record::Closed { request, group, reason } => Some((request, group, Ending::Closed(reason))),
        Record::Consented { .. }
        | Record::Decided { .. }
        | Record::Joined { .. }
        | Record::Burned { .. }
        | Record::Partials { .. }
        | Record::Undecided(_)
        | Record::Case(_)
        | Record::Horizon(_)
        | Record::Delegated(_) => None,
    }
}

/// Returns until when requests are refused, after a store went back in time.
///
/// # Errors
///
/// [`LedgerError`] when the store cannot be read.
pub fn void_until(store: &dyn Store) -> Result<Option<UnixTime>, LedgerError> {
    let found = store.get(&Place::meta(VOID_UNTIL))?;
    let millis = found.and_then(|found| found.value.try_into().ok().map(u64::from_le_bytes));
    Ok(millis.map(UnixTime::from_millis))
}

pub(crate) fn set_void_until(until: UnixTime) -> Entry {
    let value = Some(until.as_millis().to_le_bytes().to_vec());
    Entry { place: Place::meta(VOID_UNTIL), value }
}
