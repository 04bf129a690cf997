//! A store is opened, and what it says about itself is acted on before anything else.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use ensign_primitives::{GroupId, Network, PeerId, RequestId, UnixTime, sha256};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_reputation::Word;
use ensign_signing::Record;
use ensign_store::{OnMove, OpenError, Opening, RedbStore, Store, StoreOptions, Table};
use ensign_wire::AbortReason;

use crate::{
    AskedBefore, Entry, Handles, HowEnded, LedgerError, Past, Records, Unfinished, WordError,
    entry, ledger, outlines, past, received, records::names_of, unfinished, write,
};

/// The code of the catalogue for a request that is refused because the store may have missed it.
pub const VOIDED_CODE: &str = "E-STO-005";

/// The code of the catalogue for a request that an earlier version of the protocol made.
pub const OLD_CODE: &str = "E-STO-008";

/// A store that is open, and what it says about the time before.
pub struct Opened {
    /// The store.
    pub store: Box<dyn Store>,
    /// Gives the numbers of this process.
    pub handles: Handles,
    /// The time before.
    pub before: Before,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("before", &self.before).finish_non_exhaustive()
    }
}

/// Requests that are closed, with the code that says why.
type Voided = Vec<(RequestId, GroupId, &'static str)>;

/// What a store says about the time before.
#[derive(Debug)]
pub struct Before {
    /// What goes on, and what is over.
    pub past: Past,
    /// What opening found.
    pub found: Found,
    /// Requests that were closed because of it, or of their age, each with the code that says why.
    pub voided: Vec<(RequestId, GroupId, &'static str)>,
    /// Requests made before this are refused.
    pub void_until: Option<UnixTime>,
}

impl Before {
    /// Takes the requests of a group that were closed.
    pub fn take_voided(&mut self, group: &GroupId) -> Vec<(RequestId, &'static str)> {
        let taken = self.voided.extract_if(.., |(_, of, _)| of == group);
        taken.map(|(id, _, code)| (id, code)).collect()
    }

    /// Takes the results of a group that nobody said they have.
    pub fn take_unreceived(&mut self, group: &GroupId) -> Vec<RequestId> {
        take_names(&mut self.past.unreceived, group)
    }

    /// Takes what goes on in a group.
    pub fn take_open(&mut self, network: Network, group: &GroupId) -> Vec<Unfinished> {
        let ours =
            |it: &mut Unfinished| it.open.request.request.signers.group_id(network) == *group;
        self.past.open.extract_if(.., ours).collect()
    }

    /// Takes what the user of a group was asked and never decided.
    pub fn take_asked(&mut self, network: Network, group: &GroupId) -> Vec<AskedBefore> {
        let ours = |it: &mut AskedBefore| it.request.request.signers.group_id(network) == *group;
        self.past.asked.extract_if(.., ours).collect()
    }
}

fn take_names(names: &mut Vec<(RequestId, GroupId)>, group: &GroupId) -> Vec<RequestId> {
    names.extract_if(.., |(_, of)| of == group).map(|(id, _)| id).collect()
}

/// Whether a node's keys have been used before.
///
/// It decides what an empty store means. New keys have joined nothing. Older ones may have joined
/// attempts that only the store knew of, which is lost then: joined once more, such an attempt would
/// have us say two different things in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyAge {
    /// They may have been.
    #[default]
    Used,
    /// They were made for this node, which starts for the first time.
    New,
}

/// What opening a store found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// All is as it was left, or new together with the keys.
    Complete,
    /// It is empty, and the keys are older: what they did is not in it.
    Lost,
    /// It was restored, copied or moved.
    Restored(Opening),
}

impl Found {
    /// Whether it may have missed what this node did.
    pub const fn may_have_missed(self) -> bool {
        match self {
            Self::Complete => false,
            Self::Lost | Self::Restored(_) => true,
        }
    }
}

/// Why a store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpeningError {
    /// It does not open.
    #[error("{0}")]
    Open(#[source] OpenError),
    /// There is no such folder, and it cannot be made.
    #[error("cannot make {}: {kind}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        kind: std::io::ErrorKind,
    },
    /// It opens, and what is in it cannot be read or written.
    #[error("{0}")]
    Ledger(#[source] LedgerError),
    /// The keys are said to be new, and the store is not empty.
    #[error("the keys are said to be new, but the store has been used before")]
    NotNew,
    /// The operating system gives no random bytes for the store's mark.
    #[error("the operating system gives no random bytes")]
    Entropy,
}

impl From<LedgerError> for OpeningError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Opens the store in a folder, which is made when it is missing, and acts on what that found.
///
/// # Errors
///
/// [`OpeningError`]; what was there is as it was.
pub fn open(
    folder: &Path,
    on_move: OnMove,
    age: KeyAge,
    now: UnixTime,
) -> Result<Opened, OpeningError> {
    make(folder)?;
    let (mut store, opening) = open_file(folder, on_move)?;
    let found = look(&store, opening, age)?;
    let mut voided = void_old(&mut store, now)?;
    voided.extend(void_missed(&mut store, found, now)?);
    if opening.may_have_missed() {
        store.acknowledge().map_err(|error| OpeningError::Ledger(error.into()))?;
    }
    match ensign_store::retain(&mut store, now) {
        // A store without room for a removal is read all the same.
        Err(error) if !error.is_refused() => return Err(OpeningError::Ledger(error.into())),
        Ok(_) | Err(_) => {}
    }
    begin(Box::new(store), (found, voided), now)
}

fn begin(
    mut store: Box<dyn Store>,
    (found, voided): (Found, Voided),
    now: UnixTime,
) -> Result<Opened, OpeningError> {
    let handles = outlines::take_handles(store.as_mut(), now)?;
    ledger::bound_proofs(store.as_mut(), now)?;
    let past = past(store.as_ref())?;
    let void_until = ledger::void_until(store.as_ref())?;
    Ok(Opened { store, handles, before: Before { past, found, voided, void_until } })
}

/// Takes a store that somebody else opened, and acts on what that found.
///
/// # Errors
///
/// [`OpeningError::Ledger`] when it cannot be read or written, [`OpeningError::NotNew`].
pub fn settle(
    mut store: Box<dyn Store>,
    opening: Opening,
    age: KeyAge,
    now: UnixTime,
) -> Result<Opened, OpeningError> {
    let found = look(store.as_ref(), opening, age)?;
    let mut voided = void_old(store.as_mut(), now)?;
    voided.extend(void_missed(store.as_mut(), found, now)?);
    begin(store, (found, voided), now)
}

/// Says whether a store may have missed something.
fn look(store: &dyn Store, opening: Opening, age: KeyAge) -> Result<Found, OpeningError> {
    if opening.may_have_missed() {
        return Ok(Found::Restored(opening));
    }
    match (is_empty(store)?, age) {
        (true, KeyAge::Used) => Ok(Found::Lost),
        (false, KeyAge::New) => Err(OpeningError::NotNew),
        (true, KeyAge::New) | (false, KeyAge::Used) => Ok(Found::Complete),
    }
}

/// Whether nothing was ever written. A node that has started once has taken numbers, which stay.
fn is_empty(store: &dyn Store) -> Result<bool, LedgerError> {
    let mut is_empty = true;
    for table in Table::ALL {
        store.scan(table, &[], &mut |_| {
            is_empty = false;
            ControlFlow::Break(())
        })?;
    }
    Ok(is_empty)
}

/// Closes what was open if the store may have missed something.
fn void_missed(store: &mut dyn Store, found: Found, now: UnixTime) -> Result<Voided, OpeningError> {
    let open = if found.may_have_missed() { void(store, now)? } else { Vec::new() };
    Ok(open.into_iter().map(|(id, group)| (id, group, VOIDED_CODE)).collect())
}

/// Closes what an earlier version of the protocol left open: nobody can sign it, and its user is told so once.
fn void_old(store: &mut dyn Store, now: UnixTime) -> Result<Voided, OpeningError> {
    let mut over = ledger::names(store, Table::Closed)?;
    over.extend(ledger::names(store, Table::Finished)?);
    let mut voided = Voided::new();
    for table in [Table::Consents, Table::Requests] {
        store
            .scan(table, &[], &mut |row| {
                let old = ledger::old::request(table, row.value);
                // One that was asked about and consented to stands in both.
                if let Some(request) = old.filter(|request| over.insert(request.id())) {
                    let group = request.signers.group_id(request.network);
                    voided.push((request.id(), group, OLD_CODE));
                }
                ControlFlow::Continue(())
            })
            .map_err(|error| OpeningError::Ledger(error.into()))?;
    }
    let mut entries = Vec::new();
    for (request, group, code) in &voided {
        let (request, group, reason) = (*request, *group, AbortReason::Cancelled);
        entries.push(entry(&Record::Closed { request, group, reason }));
        if let Some(mut known) = outlines::read_outline(store, &request)? {
            known.ended = Some((now, HowEnded::GaveUp { code: (*code).to_owned() }));
            entries.push(outlines::outline(&request, &known));
        }
    }
    if !entries.is_empty() {
        write(store, &entries, now)?;
    }
    Ok(voided)
}

/// Makes the folder when it is missing, for its owner only.
fn make(folder: &Path) -> Result<(), OpeningError> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            let (path, kind) = (folder.to_owned(), error.kind());
            Err(OpeningError::Folder { path, kind })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn open_file(folder: &Path, on_move: OnMove) -> Result<(RedbStore, Opening), OpeningError> {
    let mut mark = [0; 32];
    getrandom::fill(&mut mark).map_err(|_| OpeningError::Entropy)?;
    let options = StoreOptions { machine: machine(), mark, on_move, ..StoreOptions::default() };
    RedbStore::open(folder, &options).map_err(OpeningError::Open)
}

/// Returns a hash of what the system calls this machine; zero where it has no name.
fn machine() -> [u8; 32] {
    std::fs::read("/etc/machine-id").map_or([0; 32], |name| sha256(&name))
}

/// Closes every request that was open: the store may have missed attempts that others saw us join.
///
/// Requests that it does not know are as old as it: none that was made until now, by any clock that
/// is taken for right, is joined.
fn void(store: &mut dyn Store, now: UnixTime) -> Result<Vec<(RequestId, GroupId)>, LedgerError> {
    let past = past(store)?;
    let mut open: Vec<_> =
        past.open.iter().map(|unfinished| names_of(&unfinished.open.request)).collect();
    for id in past.waiting {
        open.extend(unfinished(store, &id)?.map(|it| names_of(&it.open.request)));
    }
    let closed = |(request, group): &(RequestId, GroupId)| {
        let (request, group) = (*request, *group);
        entry(&Record::Closed { request, group, reason: AbortReason::Cancelled })
    };
    let mut entries: Vec<Entry> = open.iter().map(closed).collect();
    entries.extend(outlines::void_undecided(store, VOIDED_CODE, now)?);
    let formations = past.formations.iter().filter_map(|bytes| ensign_formation::voided(bytes));
    entries.extend(formations.map(|record| ledger::formation(&record)));
    entries.push(ledger::set_void_until(now.after(MESSAGE_AGE_MAX)));
    write(store, &entries, now)?;
    Ok(open)
}

/// The store of a node that does not run.
pub struct Archive {
    store: Box<dyn Store>,
    folder: PathBuf,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Archive {
    /// Opens the store in a folder. What it says about itself is left for the node that starts
    /// next.
    ///
    /// # Errors
    ///
    /// [`OpeningError`], also while a node has it open.
    pub fn open(folder: &Path) -> Result<Self, OpeningError> {
        let (store, _) = open_file(folder, OnMove::Refuse)?;
        Ok(Self { store: Box::new(store), folder: folder.to_owned() })
    }

    /// Whether nothing was ever written in it: one whose keys are in use is lost.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be read.
    pub fn is_empty(&self) -> Result<bool, LedgerError> {
        is_empty(self.store.as_ref())
    }

    /// Begins the store of keys that are new: from here on an empty one is known to be lost.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be written.
    pub fn begin(&mut self, now: UnixTime) -> Result<(), LedgerError> {
        write(self.store.as_mut(), &[outlines::set_handles(outlines::FIRST_HANDLE)], now)
    }

    /// Returns what is in it.
    pub fn records(&self) -> Records<'_> {
        Records::new(self.store.as_ref())
    }

    /// Ends a request for good, durably. The others hear of it when the node is up again and they
    /// ask.
    ///
    /// - `reason`: [`AbortReason::Cancelled`] for an own request, [`AbortReason::Declined`] for
    ///   another one.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be written.
    pub fn close(
        &mut self,
        request: RequestId,
        group: GroupId,
        reason: AbortReason,
        now: UnixTime,
    ) -> Result<(), LedgerError> {
        let entry = entry(&Record::Closed { request, group, reason });
        write(self.store.as_mut(), &[entry], now)
    }

    /// Closes what is open and refuses every request that was made until now: for a store that is
    /// new while its keys are not, because they were taken from a backup, and may have joined
    /// attempts that nobody here knows of.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be written.
    pub fn void(&mut self, now: UnixTime) -> Result<(), LedgerError> {
        void(self.store.as_mut(), now).map(|_| ())
    }

    /// Returns the nodes of which something is held.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be read.
    pub fn nodes(&self) -> Result<Vec<PeerId>, LedgerError> {
        let held = ledger::reputations(self.store.as_ref())?;
        Ok(held.into_iter().map(|(peer, _)| peer).collect())
    }

    /// Takes our user's word about a node, or takes it back: durable, and in force from the next start on.
    /// Returns what was said before.
    ///
    /// # Errors
    ///
    /// [`WordError`]; nothing has changed.
    pub fn say(
        &mut self,
        peer: PeerId,
        word: Option<Word>,
        now: UnixTime,
    ) -> Result<Option<Word>, WordError> {
        ledger::say(self.store.as_mut(), peer, word, now)
    }

    /// Notes that the application has the result of a request.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be written.
    pub fn received(&mut self, request: &RequestId, now: UnixTime) -> Result<(), LedgerError> {
        write(self.store.as_mut(), &[received(request)], now)
    }
}
