//! Lets a fault begin in a given step of a disk.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use ensign_store::medium::{Fault, FaultDisk, Flush, Medium, Witness};
use redb::StorageBackend;

use super::{Mishap, locked};

/// What the file system has left when it is nearly full, in bytes.
const NEARLY_FULL_FREE_BYTES: u64 = 1 << 20;

/// A disk with a fault to come.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    pub(super) disk: FaultDisk,
    pub(super) armed: Arc<Mutex<Option<(u64, Mishap)>>>,
}

impl Armed {
    /// Before every step, and before it is asked how much is left.
    fn step(&self) {
        let mut armed = locked(&self.armed);
        if let Some((_, mishap)) = armed.take_if(|(at, _)| self.disk.steps() >= *at) {
            match mishap {
                Mishap::DiskFull => self.disk.set_full(Fault::On),
                Mishap::NearlyFull => self.disk.set_free_bytes(Some(NEARLY_FULL_FREE_BYTES)),
                Mishap::Unreadable => self.disk.set_unreadable(Fault::On),
                // The disk does these by itself.
                Mishap::PowerCut | Mishap::LostFlushes => {}
            }
        }
    }

    fn file(&self, inner: Arc<dyn StorageBackend>) -> Arc<dyn StorageBackend> {
        Arc::new(File { inner, disk: self.clone() })
    }
}

impl Medium for Armed {
    fn path(&self) -> &Path {
        self.disk.path()
    }

    fn data(&mut self) -> io::Result<Option<Arc<dyn StorageBackend>>> {
        Ok(self.disk.data()?.map(|inner| self.file(inner)))
    }

    fn fresh(&mut self) -> io::Result<Arc<dyn StorageBackend>> {
        self.step();
        let inner = self.disk.fresh()?;
        Ok(self.file(inner))
    }

    fn publish(&mut self) -> io::Result<()> {
        self.step();
        self.disk.publish()
    }

    fn mark(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.disk.mark()
    }

    fn replace_mark(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.step();
        self.disk.replace_mark(bytes)
    }

    fn note(&mut self, note: &[u8], flush: Flush) -> io::Result<()> {
        self.step();
        self.disk.note(note, flush)
    }

    fn witness(&mut self) -> io::Result<Option<Witness>> {
        self.disk.witness()
    }

    fn free_bytes(&self) -> Option<u64> {
        self.step();
        self.disk.free_bytes()
    }
}

#[derive(Debug)]
struct File {
    inner: Arc<dyn StorageBackend>,
    disk: Armed,
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.disk.step();
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.step();
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.step();
        self.inner.write(offset, data)
    }
}
