//! How many calls that write make one flush of a store.
//!
//! The system counts calls of another process, not its flushes; a store of our own tells how many of
//! the one make the other.

use std::path::Path;

use anyhow::{Result, ensure};
use ensign_primitives::{RequestId, UnixTime};
use ensign_store::{Batch, Place, RedbStore, Store as _, StoreOptions};

use crate::{line::random, process};

/// How many batches are written. Guess: enough for an average.
const BATCHES: u64 = 64;
/// Bytes of a record: about what a join takes.
const RECORD_BYTES: usize = 256;

/// Measures it with a store in a folder that is made below `below`.
///
/// # Errors
///
/// Fails if the store does, or counts no flush.
pub(crate) fn writes_per_flush(below: &Path) -> Result<f64> {
    let folder = below.join("calibration");
    std::fs::create_dir(&folder)?;
    let (mut store, _) = RedbStore::open(&folder, &StoreOptions::default())?;
    let (writes, flushes) = (process::own_writes(), store.flushes());
    for _ in 0..BATCHES {
        let mut batch = Batch::new(UnixTime::from_millis(1));
        batch.put(Place::closed(&RequestId::from_bytes(random()?)), vec![0; RECORD_BYTES])?;
        store.commit(&batch)?;
    }
    let writes = process::own_writes().saturating_sub(writes) as f64;
    let flushes = store.flushes().saturating_sub(flushes);
    ensure!(flushes > 0 && writes > 0.0, "{writes} writes in {flushes} flushes");
    Ok(writes / flushes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_takes_some_writes() {
        let folder = tempfile::tempdir().unwrap();
        assert!(writes_per_flush(folder.path()).unwrap() >= 1.0);
    }
}
