//! Reads all of a data file before anything is written to it.

use std::{path::Path, sync::Arc};

use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, StorageBackend,
};

use super::{
    FORMAT_VERSION,
    cause::{Cause, cause},
    data::{self, CACHE_BYTES, OWN},
    record,
};
use crate::{
    OpenError, Table,
    generation::Generation,
    medium::{Overlay, Watched},
    room,
};

/// The first bytes of every redb file.
const MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// What a data file says about itself.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) used: u64,
    pub(super) commits: u64,
    pub(super) generation: Option<Generation>,
}

/// Verifies every page and every record. What redb repairs after a crash, it repairs in memory here.
pub(super) fn verify(backend: Arc<dyn StorageBackend>, path: &Path) -> Result<Contents, OpenError> {
    check_magic(&*backend, path)?;
    let overlay = Overlay::new(backend).map_err(|error| OpenError::io(path, &error))?;
    let (watched, watcher) = Watched::new(Arc::new(overlay));
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let contents = builder
        .create_with_backend(watched)
        .map_err(redb::Error::from)
        .and_then(|database| read(&database));
    contents.map_err(|error| cause(error, &watcher).open(path))?.map_err(|flaw| match flaw {
        Flaw::Damaged => Cause::Damaged.open(path),
        Flaw::NotOurs => Cause::NotOurs.open(path),
        Flaw::Newer(seen) => {
            OpenError::Newer { path: path.to_owned(), seen, known: FORMAT_VERSION }
        }
    })
}

fn check_magic(backend: &dyn StorageBackend, path: &Path) -> Result<(), OpenError> {
    let mut magic = [0; MAGIC.len()];
    match backend.read(0, &mut magic) {
        Ok(()) if magic == *MAGIC => Ok(()),
        Ok(()) => Err(OpenError::Foreign { path: path.to_owned() }),
        Err(error) if backend.len().is_ok_and(|length| length < MAGIC.len() as u64) => {
            let _ = error;
            Err(OpenError::Damaged { path: path.to_owned() })
        }
        Err(error) => Err(OpenError::io(path, &error)),
    }
}

/// What is wrong with a file that redb can read.
#[derive(Debug)]
enum Flaw {
    Damaged,
    NotOurs,
    Newer(u32),
}

fn read(database: &Database) -> Result<Result<Contents, Flaw>, redb::Error> {
    let transaction = database.begin_read()?;
    let own = match transaction.open_table(OWN) {
        Ok(own) => own,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Err(Flaw::NotOurs)),
        Err(error) => return Err(error.into()),
    };
    let own = |name: &str| -> Result<Option<Vec<u8>>, redb::Error> {
        Ok(own.get(name)?.map(|guard| guard.value().to_vec()))
    };
    match own(data::FORMAT)?.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes) {
        Some(FORMAT_VERSION) => {}
        Some(newer) if newer > FORMAT_VERSION => return Ok(Err(Flaw::Newer(newer))),
        Some(_) | None => return Ok(Err(Flaw::NotOurs)),
    }
    let commits = own(data::COMMITS)?.and_then(|bytes| bytes.try_into().ok());
    let generation = own(data::GENERATION)?.map(|bytes| Generation::decode(&bytes));
    let (Some(commits), None | Some(Some(_)), Some(used)) =
        (commits, &generation, read_records(&transaction)?)
    else {
        return Ok(Err(Flaw::Damaged));
    };
    let commits = u64::from_be_bytes(commits);
    Ok(Ok(Contents { used, commits, generation: generation.flatten() }))
}

/// Returns what the records take; `None` when one is not what was written.
fn read_records(transaction: &ReadTransaction) -> Result<Option<u64>, redb::Error> {
    let mut used = 0;
    for kind in Table::ALL {
        let Some(table) = data::table_of(transaction, kind)? else { continue };
        for entry in table.iter()? {
            let (key, bytes) = entry?;
            let Some((_, value)) = record::decode(kind, key.value(), bytes.value()) else {
                return Ok(None);
            };
            used += room::taken(key.value(), value.len());
        }
    }
    Ok(Some(used))
}
