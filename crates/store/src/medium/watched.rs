//! Remembers which kind of call failed last.

use std::{
    fmt, io,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use redb::{BackendError, StorageBackend};

/// Passes everything on and keeps what redb's errors do not say.
pub(crate) struct Watched {
    inner: Arc<dyn StorageBackend>,
    watcher: Watcher,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watcher(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    flushes: AtomicU64,
    cannot_flush: AtomicBool,
}

impl Watcher {
    /// How many flushes there were.
    pub(crate) fn flushes(&self) -> u64 {
        self.0.flushes.load(Ordering::Relaxed)
    }

    /// Whether the file system said that it cannot flush.
    pub(crate) fn cannot_flush(&self) -> bool {
        self.0.cannot_flush.load(Ordering::Relaxed)
    }
}

/// Whether the error of a flush says that there is no flushing on that file system.
pub(crate) fn is_no_flush(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn StorageBackend>) -> (Self, Watcher) {
        let watcher = Watcher::default();
        (Self { inner, watcher: watcher.clone() }, watcher)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.watcher.0.flushes.fetch_add(1, Ordering::Relaxed);
        self.inner.sync_data().inspect_err(|error| {
            self.watcher.0.cannot_flush.fetch_or(is_no_flush(error), Ordering::Relaxed);
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
