//! What a node has kept, for whoever asks: requests, evidence, and the audit of its nonces.

use std::{collections::BTreeMap, ops::ControlFlow};

use ensign_equivocation::CASE_BYTES_MAX;
use ensign_identity::Signature;
use ensign_primitives::{GroupId, RequestId, UnixTime};
use ensign_psbt::{Contribution, Contributions, Psbt, SignedPsbt, finish};
use ensign_signing::{Record, RequestStatus};
use ensign_store::{Place, Store, Table, attempt_of, request_of};
use ensign_wire::{AbortReason, SignedRequest};

use crate::{
    AskedBefore, Handle, LedgerError, Outline,
    audit::{Audit, audit},
    ledger,
};

/// A look at the store, at one moment.
///
/// The coordinator's `look` gives one of a node that runs, [`Archive::records`](crate::Archive::records)
/// of one that does not.
#[derive(Clone, Copy)]
pub struct Records<'a>(&'a dyn Store);

impl core::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Records")
    }
}

/// One request, as far as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestEntry {
    /// Its name.
    pub id: RequestId,
    /// Who shall sign.
    pub group: GroupId,
    /// What is asked, signed by its creator; `None` where only the end is remembered.
    pub request: Option<Box<SignedRequest>>,
    /// Where it stands.
    pub state: RequestState,
    /// The attempts that we joined, the first one first.
    pub attempts: Vec<AttemptEntry>,
    /// When it ended.
    pub ended: Option<UnixTime>,
    /// How it stands in the node that runs; `None` when none runs, or it is over.
    pub live: Option<RequestStatus>,
    /// What is told of it in a few words; `None` where an earlier version wrote none.
    pub outline: Option<Box<Outline>>,
}

impl RequestEntry {
    /// Returns its number in this home.
    pub fn handle(&self) -> Option<Handle> {
        self.outline.as_ref()?.handle
    }

    /// Returns where it stands at a time: what is not over, and no node works on, is over by then if
    /// its time is.
    pub fn state_at(&self, now: UnixTime) -> RequestState {
        let asked = self.request.as_ref().map(|request| request.request.expires);
        let expires = asked.or(self.outline.as_ref().map(|outline| outline.expires));
        let is_over = self.live.is_none() && expires.is_some_and(|expires| expires <= now);
        if is_over && self.state == RequestState::Open {
            RequestState::Expired
        } else if is_over && self.state == RequestState::Undecided {
            RequestState::Missed
        } else {
            self.state
        }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Our user has not decided.
    Undecided,
    /// Our user consented; it is not over.
    Open,
    /// All have signed.
    Signed {
        /// Whether the application said that it has the result.
        received: bool,
    },
    /// Over without signatures.
    Closed(AbortReason),
    /// Over before our user decided; its outline says how.
    Missed,
    /// Our user consented, and its time is over; nobody has told yet how it ended.
    Expired,
}

/// An attempt that we joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptEntry {
    /// Which one, from 1.
    pub number: u16,
    /// Whether its nonces count as used, because a partial signature may exist.
    pub burned: bool,
    /// Whether our partial signatures are kept, to be sent again and never computed again.
    pub partials_kept: bool,
}

/// Evidence that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCase {
    /// SHA-256 of the file.
    pub id: [u8; 32],
    /// When it was kept.
    pub kept: UnixTime,
    /// The file, as [`Case::decode`](ensign_equivocation::Case::decode) reads it.
    pub bytes: Vec<u8>,
}

/// An attempt that a restart has ended. Its nonces were only in the memory of the process that is
/// gone, and it is never joined again: no nonce of it can meet a second challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostAttempt {
    /// Which one, from 1.
    pub attempt: u16,
    /// How far it came.
    pub reached: Reached,
}

/// How far an attempt came before a restart ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It was joined; its nonces were never used.
    Joined,
    /// Its nonces count as used: a partial signature may have been made, and none has left.
    Burned,
    /// Our partial signatures are kept and are sent again as they are: the others may need nothing
    /// more. If they do, the next attempt begins.
    Signed,
}

/// A finished request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One BIP340 signature per message, in order, each verified.
    pub signatures: Vec<[u8; 64]>,
    /// The signed PSBT; `None` for bare messages.
    pub psbt: Option<SignedPsbt>,
}

impl<'a> Records<'a> {
    /// Looks at a store.
    pub const fn new(store: &'a dyn Store) -> Self {
        Self(store)
    }

    /// Returns every request that is remembered: those that are not over first, then the latest
    /// first.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn requests(&self) -> Result<Vec<RequestEntry>, LedgerError> {
        let mut entries = BTreeMap::new();
        for table in
            [Table::Requests, Table::Consents, Table::Decisions, Table::Closed, Table::Finished]
        {
            ledger::each(self.0, table, |written, record| {
                enter(&mut entries, table, written, record);
                Ok(())
            })?;
        }
        for id in ledger::received_names(self.0)? {
            if let Some(RequestEntry { state: RequestState::Signed { received }, .. }) =
                entries.get_mut(&id)
            {
                *received = true;
            }
        }
        self.enter_attempts(&mut entries)?;
        self.enter_outlines(&mut entries)?;
        let mut entries: Vec<RequestEntry> = entries.into_values().collect();
        entries.sort_by_key(order);
        Ok(entries)
    }

    fn enter_outlines(
        &self,
        entries: &mut BTreeMap<RequestId, RequestEntry>,
    ) -> Result<(), LedgerError> {
        crate::each_outline(self.0, |id, outline| {
            let state = RequestState::Undecided;
            let entry = entries.entry(id).or_insert_with(|| bare(id, outline.group, state));
            if entry.state == RequestState::Undecided
                && let Some((at, _)) = outline.ended
            {
                (entry.state, entry.ended) = (RequestState::Missed, Some(at));
            }
            entry.outline = Some(Box::new(outline));
        })
    }

    /// Returns which request has a number in this home.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn by_handle(&self, handle: Handle) -> Result<Option<RequestId>, LedgerError> {
        let mut found = None;
        crate::each_outline(self.0, |id, outline| {
            if outline.handle == Some(handle) {
                found = Some(id);
            }
        })?;
        Ok(found)
    }

    fn enter_attempts(
        &self,
        entries: &mut BTreeMap<RequestId, RequestEntry>,
    ) -> Result<(), LedgerError> {
        let mut marks: BTreeMap<(RequestId, u16), AttemptEntry> = BTreeMap::new();
        for table in [Table::Joins, Table::Burns, Table::Partials] {
            self.0.scan(table, &[], &mut |row| {
                if let (Some(id), Some(number)) = (request_of(row.key), attempt_of(row.key)) {
                    let none = AttemptEntry { number, burned: false, partials_kept: false };
                    let mark = marks.entry((id, number)).or_insert(none);
                    mark.burned |= table == Table::Burns;
                    mark.partials_kept |= table == Table::Partials;
                }
                ControlFlow::Continue(())
            })?;
        }
        for ((id, _), attempt) in marks {
            if let Some(entry) = entries.get_mut(&id) {
                entry.attempts.push(attempt);
            }
        }
        Ok(())
    }

    /// Returns a request to which our user consented, or about which it is still asked, with what its messages
    /// were computed from, where it has a PSBT.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn asked(&self, id: &RequestId) -> Result<Option<AskedBefore>, LedgerError> {
        for place in [Place::consent(id), Place::request(id)] {
            if let Some(Record::Consented { request, payload }) = ledger::read(self.0, &place)? {
                return Ok(Some(AskedBefore { request: *request, payload }));
            }
        }
        Ok(None)
    }

    /// Returns what a request's messages were computed from, where it has a PSBT and our user
    /// consented to it, or is still asked.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn payload(&self, id: &RequestId) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.asked(id)?.and_then(|asked| asked.payload))
    }

    /// Returns the result of a request that has its signatures; `None` for any other.
    ///
    /// The PSBT is put together anew, without the nonces and partial signatures of the others.
    ///
    /// - `group`: whose request it is; of another one there is no PSBT.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn outcome(
        &self,
        id: &RequestId,
        group: &ensign_psbt::Group,
    ) -> Result<Option<Outcome>, LedgerError> {
        let Some(Record::Finished { signatures, .. }) = ledger::read(self.0, &Place::finished(id))?
        else {
            return Ok(None);
        };
        let payload = self.payload(id)?;
        let psbt = payload.and_then(|payload| signed_psbt(&payload, group, &signatures));
        let signatures = signatures.iter().map(|signature| signature.0).collect();
        Ok(Some(Outcome { signatures, psbt }))
    }

    /// Returns whether the signatures of a request are kept.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn is_signed(&self, id: &RequestId) -> Result<bool, LedgerError> {
        Ok(self.0.get(&Place::finished(id))?.is_some())
    }

    /// Returns every piece of evidence and every claim, the oldest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn cases(&self) -> Result<Vec<KeptCase>, LedgerError> {
        let mut cases = Vec::new();
        for table in [Table::Evidence, Table::Claims] {
            self.0.scan(table, &[], &mut |row| {
                if let Ok(id) = row.key.try_into()
                    && row.value.len() <= CASE_BYTES_MAX
                {
                    cases.push(KeptCase { id, kept: row.written, bytes: row.value.to_vec() });
                }
                ControlFlow::Continue(())
            })?;
        }
        cases.sort_by_key(|case| (case.kept, case.id));
        Ok(cases)
    }

    /// Checks that no nonce met two challenges.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when the store cannot be read.
    pub fn audit(&self) -> Result<Audit, LedgerError> {
        audit(self.0)
    }
}

/// Writes signatures into the PSBT that they are of.
pub(crate) fn signed_psbt(
    payload: &[u8],
    group: &ensign_psbt::Group,
    signatures: &[Signature],
) -> Option<SignedPsbt> {
    let psbt: Psbt = ensign_psbt::parse(payload).ok()?;
    let nothing = vec![Contribution::default(); group.keys().len()];
    finish(&psbt, group, &Contributions { by_signer: &nothing, signatures }).ok()
}

fn enter(
    entries: &mut BTreeMap<RequestId, RequestEntry>,
    table: Table,
    written: UnixTime,
    record: Record,
) {
    match record {
        Record::Consented { request, .. } => {
            let (id, group) = names_of(&request);
            let is_consent = table == Table::Consents;
            let state = if is_consent { RequestState::Open } else { RequestState::Undecided };
            let entry = entries.entry(id).or_insert_with(|| bare(id, group, state));
            entry.state = state;
            entry.request = Some(request);
        }
        Record::Finished { request, group, .. } => {
            let state = RequestState::Signed { received: false };
            let entry = entries.entry(request).or_insert_with(|| bare(request, group, state));
            (entry.state, entry.ended) = (state, Some(written));
        }
        Record::Closed { request, group, reason } => {
            let state = RequestState::Closed(reason);
            let entry = entries.entry(request).or_insert_with(|| bare(request, group, state));
            (entry.state, entry.ended) = (state, Some(written));
        }
        Record::Decided { request, agrees, .. } => {
            if let Some(entry) =
                entries.get_mut(&request).filter(|it| it.state == RequestState::Open && !agrees)
            {
                entry.state = RequestState::Undecided;
            }
        }
        Record::Joined { .. }
        | Record::Burned { .. }
        | Record::Partials { .. }
        | Record::Case(_)
        | Record::Undecided(_)
        | Record::Delegated(_)
        | Record::Horizon(_) => {}
    }
}

/// Returns a request's name and its group's.
pub(crate) fn names_of(request: &SignedRequest) -> (RequestId, GroupId) {
    let asked = &request.request;
    (asked.id(), asked.signers.group_id(asked.network))
}

fn bare(id: RequestId, group: GroupId, state: RequestState) -> RequestEntry {
    let (attempts, ended, live, outline) = (Vec::new(), None, None, None);
    RequestEntry { id, group, request: None, state, attempts, ended, live, outline }
}

/// Enters how requests stand in a node that runs.
pub fn enter_live(entries: &mut Vec<RequestEntry>, live: Vec<RequestStatus>) {
    for status in live {
        let known = entries.iter_mut().find(|entry| entry.id == status.id);
        let entry = match known {
            Some(entry) => entry,
            None => {
                entries.push(bare(status.id, status.group, RequestState::Undecided));
                let Some(entry) = entries.last_mut() else { return };
                entry
            }
        };
        entry.request = Some(Box::new(status.request.as_ref().clone()));
        if entry.ended.is_none() {
            // A yes may have become void.
            let is_open = status.consented;
            entry.state = if is_open { RequestState::Open } else { RequestState::Undecided };
        }
        entry.live = Some(status);
    }
    entries.sort_by_key(order);
}

/// What is not over comes first, then the latest.
fn order(entry: &RequestEntry) -> (bool, std::cmp::Reverse<u64>, RequestId) {
    let created = entry.request.as_ref().map(|request| request.request.created);
    let created = created.or(entry.outline.as_ref().map(|outline| outline.created));
    let at = entry.ended.or(created).unwrap_or(UnixTime::from_millis(0));
    (entry.ended.is_some(), std::cmp::Reverse(at.as_millis()), entry.id)
}
