//! A store is opened, and what it says about itself is acted on before anything else.

use std::path::{Path, PathBuf};

use ensign_engine::signing::Record;
use ensign_primitives::{GroupId, RequestId, UnixTime, sha256};
use ensign_replay::MESSAGE_AGE_MAX;
use ensign_signer::unix_now;
use ensign_store::{OnMove, OpenError, Opening, RedbStore, Store, StoreOptions};
use ensign_wire::AbortReason;

use crate::{
    LedgerError, Records,
    handles::Handles,
    ledger::{self, Entry, Past},
    problem,
    records::names_of,
};

/// A store that is open, and what it says about the time before.
pub(crate) struct Opened {
    pub(crate) store: Box<dyn Store>,
    pub(crate) past: Past,
    /// What opening found.
    pub(crate) found: Opening,
    /// Requests that were closed because of it.
    pub(crate) voided: Vec<(RequestId, GroupId)>,
    /// Requests made before this are refused.
    pub(crate) void_until: Option<UnixTime>,
    /// Gives the numbers of this process.
    pub(crate) handles: Handles,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("past", &self.past).finish_non_exhaustive()
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
    /// The operating system gives no random bytes for the store's mark.
    #[error("the operating system gives no random bytes")]
    Entropy,
}

impl From<LedgerError> for OpeningError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Opens the store in a folder and acts on what it found.
pub(crate) fn open(folder: &Path, on_move: OnMove, now: UnixTime) -> Result<Opened, OpeningError> {
    make(folder)?;
    let (mut store, found) = open_file(folder, on_move)?;
    let voided = void_missed(&mut store, found, now)?;
    if found.may_have_missed() {
        store.acknowledge().map_err(|error| OpeningError::Ledger(error.into()))?;
    }
    match ensign_store::retain(&mut store, now) {
        // A store without room for a removal is read all the same.
        Err(error) if !error.is_refused() => return Err(OpeningError::Ledger(error.into())),
        Ok(_) | Err(_) => {}
    }
    Ok(Opened { found, voided, ..read(Box::new(store), now)? })
}

/// Takes a store that is as it was left.
pub(crate) fn read(mut store: Box<dyn Store>, now: UnixTime) -> Result<Opened, OpeningError> {
    let handles = ledger::take_handles(store.as_mut(), now)?;
    let past = ledger::past(store.as_ref())?;
    let void_until = ledger::void_until(store.as_ref())?;
    let (found, voided) = (Opening::Continued, Vec::new());
    Ok(Opened { store, past, found, voided, void_until, handles })
}

/// Takes a store that somebody else opened, and acts on what that found.
pub(crate) fn settle(
    mut store: Box<dyn Store>,
    found: Opening,
    now: UnixTime,
) -> Result<Opened, OpeningError> {
    let voided = void_missed(store.as_mut(), found, now)?;
    Ok(Opened { found, voided, ..read(store, now)? })
}

/// Closes what was open if the store may have missed something.
fn void_missed(
    store: &mut dyn Store,
    found: Opening,
    now: UnixTime,
) -> Result<Vec<(RequestId, GroupId)>, OpeningError> {
    Ok(if found.may_have_missed() { void(store, now)? } else { Vec::new() })
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
    let past = ledger::past(store)?;
    let mut open: Vec<_> =
        past.open.iter().map(|unfinished| names_of(&unfinished.open.request)).collect();
    for id in past.waiting {
        open.extend(ledger::unfinished(store, &id)?.map(|it| names_of(&it.open.request)));
    }
    let closed = |(request, group): &(RequestId, GroupId)| {
        let (request, group) = (*request, *group);
        ledger::entry(&Record::Closed { request, group, reason: AbortReason::Cancelled })
    };
    let mut entries: Vec<Entry> = open.iter().map(closed).collect();
    entries.extend(ledger::void_undecided(store, problem::of_voided().code, now)?);
    entries.push(ledger::set_void_until(now.after(MESSAGE_AGE_MAX)));
    ledger::write(store, &entries, now)?;
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

    /// Returns what is in it.
    pub fn records(&self) -> Records<'_> {
        Records(self.store.as_ref())
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
    ) -> Result<(), LedgerError> {
        let entry = ledger::entry(&Record::Closed { request, group, reason });
        ledger::write(self.store.as_mut(), &[entry], unix_now())
    }

    /// Closes what is open and refuses every request that was made until now: for a store that is
    /// new while its keys are not, because they were taken from a backup, and may have joined
    /// attempts that nobody here knows of.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be written.
    pub fn void(&mut self) -> Result<(), LedgerError> {
        void(self.store.as_mut(), unix_now()).map(|_| ())
    }

    /// Notes that the application has the result of a request.
    ///
    /// # Errors
    ///
    /// [`LedgerError`] when it cannot be written.
    pub fn received(&mut self, request: &RequestId) -> Result<(), LedgerError> {
        ledger::write(self.store.as_mut(), &[ledger::received(request)], unix_now())
    }
}
