//! From files to an open store.

use std::{io, path::Path, sync::Arc};

use redb::{Builder, StorageBackend};

use super::{
    OnMove, RedbStore,
    cause::cause,
    data::{CACHE_BYTES, Data},
    verify,
};
use crate::{
    OpenError, Opening, StoreError, StoreOptions,
    generation::{self, Generation, MarkFile, Sight, judge},
    medium::{Flush, Medium, Watched},
};

/// A data file that was opened, and what it says about itself.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) data: Data,
    pub(super) generation: Option<Generation>,
}

/// Opens the data file that is there; `None` when there is none. Nothing is written to one that is
/// refused, as one of another machine is.
pub(super) fn existing(
    medium: &mut dyn Medium,
    options: &StoreOptions,
) -> Result<Option<Opened>, OpenError> {
    let path = medium.path().to_owned();
    let found = medium.data().map_err(|error| OpenError::io(&path, &error))?;
    let Some(backend) = found else { return Ok(None) };
    let contents = verify::verify(backend, &path)?;
    let is_foreign = contents.generation.is_some_and(|old| old.machine != options.machine);
    if is_foreign && options.on_move == OnMove::Refuse {
        return Err(OpenError::Moved { path });
    }
    // Another handle: the first one was closed with the database that was on it.
    let found = medium.data().map_err(|error| OpenError::io(&path, &error))?;
    let backend = found.ok_or_else(|| OpenError::io(&path, &io::ErrorKind::NotFound.into()))?;
    let mut data = open(backend, &path, options.limit)?;
    (data.used, data.commits) = (contents.used, contents.commits);
    Ok(Some(Opened { data, generation: contents.generation }))
}

/// Makes a data file beside its place, and moves it there when it is complete.
pub(super) fn fresh(medium: &mut dyn Medium, limit: u64) -> Result<Opened, OpenError> {
    let path = medium.path().to_owned();
    let failed = |error: io::Error| OpenError::io(&path, &error);
    let backend = medium.fresh().map_err(failed)?;
    let mut data = open(backend, &path, limit)?;
    data.lay_out().map_err(|error| refused(&path, error))?;
    medium.publish().map_err(failed)?;
    Ok(Opened { data, generation: None })
}

fn open(backend: Arc<dyn StorageBackend>, path: &Path, limit: u64) -> Result<Data, OpenError> {
    let (watched, watcher) = Watched::new(Arc::clone(&backend));
    let database = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(watched);
    let database = database.map_err(|error| cause(error, &watcher).open(path))?;
    let path = path.to_owned();
    let (used, commits, free, stopped) = (0, 0, None, false);
    Ok(Data { database, path, watcher, backend, limit, used, commits, free, stopped })
}

/// Compares the data file with the mark beside it and begins a new generation.
pub(super) fn generation(
    opened: Opened,
    mut medium: Box<dyn Medium>,
    options: &StoreOptions,
) -> Result<(RedbStore, Opening), OpenError> {
    let Opened { mut data, generation: old, .. } = opened;
    let path = data.path.clone();
    let failed = |error: io::Error| OpenError::io(&path, &error);
    let sight = look(&mut *medium, old, data.commits, options.machine).map_err(failed)?;
    let found = judge(&sight);
    let mark = next(&sight, found, options);
    medium.replace_mark(&mark.encode()).map_err(failed)?;
    let witness = medium.witness().map_err(failed)?;
    let generation = Generation { witness, ..mark.generation };
    data.set_generation(&generation).map_err(|error| refused(&path, error))?;
    let note = generation::note(&generation, data.commits);
    medium.note(&note, Flush::Now).map_err(failed)?;
    Ok((RedbStore { data, medium, generation }, found))
}

fn look(
    medium: &mut dyn Medium,
    old: Option<Generation>,
    commits: u64,
    machine: [u8; 32],
) -> io::Result<Sight> {
    let mark = medium.mark()?;
    let witness = if mark.is_some() { medium.witness()? } else { None };
    // A damaged mark file says as little as a missing one.
    let mark = mark.and_then(|bytes| MarkFile::decode(&bytes));
    Ok(Sight { data: old.map(|old| (old, commits)), mark, witness, machine })
}

/// The generation after what was seen.
fn next(sight: &Sight, found: Opening, options: &StoreOptions) -> MarkFile {
    let epochs =
        [sight.data.map(|(data, _)| data.epoch), sight.mark.map(|mark| mark.generation.epoch)];
    let epoch = epochs.into_iter().flatten().max().unwrap_or(0) + 1;
    let generation =
        Generation { epoch, mark: options.mark, machine: options.machine, witness: None, found };
    let previous = sight.data.map(|(data, commits)| (data.epoch, data.mark, commits));
    MarkFile { generation, previous, seen: None }
}

/// What a refused write means for an opening.
pub(super) fn refused(path: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::DiskFull { path } => OpenError::DiskFull { path },
        StoreError::Damaged { path } => OpenError::Damaged { path },
        StoreError::Io { path, kind: io::ErrorKind::Unsupported } => OpenError::NoFlush { path },
        StoreError::Io { path, kind } => OpenError::io(&path, &kind.into()),
        error @ (StoreError::TooLarge { .. }
        | StoreError::Full { .. }
        | StoreError::NoSpace { .. }
        | StoreError::Stopped) => OpenError::Refused { path: path.to_owned(), reason: error },
    }
}
