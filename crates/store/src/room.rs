//! How much a store may take, and who gets the last of it.

use crate::{Batch, StoreError};

/// How many bytes the records may take unless the caller says otherwise.
///
/// Guess: 10,000 requests with PSBTs of 10 KiB fit in it twice.
pub const STORE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How much of that is kept for work that runs: marks, partials and results of what was begun.
///
/// Guess: 100 open requests with 100 KiB of partials and signatures each fit in it three times.
pub const RESERVE_BYTES: u64 = 32 * 1024 * 1024;

/// How much room new work leaves on the disk. The file grows beyond its records while they are
/// rewritten, and others use the disk too.
pub const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// What a page takes; a record above half of it has pages of its own, a power of two of them.
const PAGE_BYTES: u64 = 4096;

/// Returns what a record takes on disk, nearly: records share pages that are two thirds full.
pub(crate) fn taken(key: &[u8], value_bytes: usize) -> u64 {
    let bytes = (key.len() + value_bytes) as u64 + 24;
    if bytes > PAGE_BYTES / 2 {
        bytes.div_ceil(PAGE_BYTES).next_power_of_two().saturating_mul(PAGE_BYTES)
    } else {
        bytes + bytes / 2
    }
}

/// What there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) used: u64,
    pub(crate) limit: u64,
    /// What the file system has left, where it says so.
    pub(crate) free: Option<u64>,
}

impl Room {
    /// Decides whether a batch may be written: new work only while the reserve is untouched.
    pub(crate) fn admit(self, batch: &Batch) -> Result<(), StoreError> {
        let changes = batch.changes().iter();
        let added = changes
            .filter_map(|change| change.value.as_ref().map(|value| (change.place, value)))
            .map(|(place, value)| taken(place.key(), value.len()))
            .sum::<u64>();
        if added == 0 {
            return Ok(());
        }
        let reserve = if batch.is_new_work() { RESERVE_BYTES.min(self.limit / 8) } else { 0 };
        if self.used.saturating_add(added) > self.limit.saturating_sub(reserve) {
            return Err(StoreError::Full { used: self.used, limit: self.limit });
        }
        let wanted = FREE_BYTES_MIN.saturating_add(added.saturating_mul(2));
        match self.free {
            // The last bytes of a disk are for work that runs; the write itself says when they end.
            Some(free) if batch.is_new_work() && free < wanted => {
                Err(StoreError::NoSpace { free, wanted })
            }
            _ => Ok(()),
        }
    }
}
