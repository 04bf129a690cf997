//! Format version 1, an append-only journal, becomes a store.
//!
//! The new data file is made beside its place, so a crash at any moment leaves the journal as it
//! was, or the complete store. The journal is renamed and kept.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use ensign_primitives::sha256;

use super::{
    begin::{self, Opened},
    data::{Data, JOURNAL},
};
use crate::{ImportError, OpenError, Store, StoreOptions, medium::Folder};

/// The journal of format version 1.
pub const OLD_JOURNAL_FILE: &str = "journal";

/// What it is called when it has been converted.
pub const OLD_JOURNAL_BACKUP: &str = "journal.version-1";

/// Converts the journal of format version 1; its records mean nothing to the store.
pub trait Import {
    /// Writes everything in the journal to a new store, in few batches: each waits for the disk.
    ///
    /// - `journal`: may be changed as its own version would on opening it, no more.
    ///
    /// # Errors
    ///
    /// [`ImportError`]; the store is thrown away then.
    fn import(&mut self, journal: &Path, store: &mut dyn Store) -> Result<(), ImportError>;
}

/// Opens the data file of a folder, makes it when there is none, from the journal when there is one.
pub(super) fn open(
    medium: &mut Folder,
    folder: &Path,
    import: Option<&mut dyn Import>,
    options: &StoreOptions,
) -> Result<Opened, OpenError> {
    let limit = options.limit;
    let journal = folder.join(OLD_JOURNAL_FILE);
    let has_journal = journal.try_exists().map_err(|error| OpenError::io(&journal, &error))?;
    match (begin::existing(medium, options)?, has_journal) {
        (Some(opened), false) => Ok(opened),
        (Some(opened), true) => {
            // A crash before the journal was renamed; any other journal has records that we lack.
            if opened.journal != Some(digest(&journal)?) {
                return Err(OpenError::OldJournal { path: journal, reason: ImportError::Stale });
            }
            retire(folder, &journal)?;
            Ok(opened)
        }
        (None, false) => begin::fresh(medium, limit, |_| Ok(())),
        (None, true) => {
            let opened = begin::fresh(medium, limit, |data| convert(&journal, import, data))?;
            retire(folder, &journal)?;
            Ok(opened)
        }
    }
}

fn convert(
    journal: &Path,
    import: Option<&mut dyn Import>,
    data: &mut Data,
) -> Result<(), OpenError> {
    let failed = |reason| OpenError::OldJournal { path: journal.to_owned(), reason };
    let import = import.ok_or_else(|| failed(ImportError::NoImporter))?;
    import.import(journal, data).map_err(failed)?;
    let digest = digest(journal)?;
    data.set_own(JOURNAL, &digest).map_err(|error| begin::refused(&data.path, error))
}

fn digest(journal: &Path) -> Result<[u8; 32], OpenError> {
    let bytes = fs::read(journal).map_err(|error| OpenError::io(journal, &error))?;
    Ok(sha256(&bytes))
}

/// Moves the journal out of the way, over nothing.
fn retire(folder: &Path, journal: &Path) -> Result<(), OpenError> {
    let failed = |error: io::Error| OpenError::io(journal, &error);
    fs::rename(journal, free_name(folder)).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn free_name(folder: &Path) -> PathBuf {
    let first = folder.join(OLD_JOURNAL_BACKUP);
    let more = (2_u32..).map(|number| folder.join(format!("{OLD_JOURNAL_BACKUP}.{number}")));
    let mut names = std::iter::once(first.clone()).chain(more);
    names.find(|name| !name.exists()).unwrap_or(first)
}
