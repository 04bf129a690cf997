//! A disk in memory that crashes, lies, fills up and fails on demand.
//!
//! Writes are kept apart from what is durable until a flush. A crash keeps a random part of them, torn
//! at sectors; after [`FaultDisk::power_on`] a store finds what a real disk could have left. One
//! seed gives one outcome.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use redb::StorageBackend;

use super::{Flush, Medium, NOTE_OFFSET, Witness};

mod platter;
use platter::{Change, File, Platter};

/// What a disk writes wholly or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// A disk. Clones are the same disk, so that a store that is opened again on one finds what is there.
#[derive(Clone, Debug)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    platter: Platter,
    /// Writes, cuts, flushes and renames so far.
    steps: u64,
    flushes: u64,
    crash_at: Option<u64>,
    is_off: bool,
    lies_from: Option<u64>,
    full: bool,
    reads_fail: bool,
    flushes_fail: bool,
    free: Option<u64>,
    witness: Option<Witness>,
    chance: ChaCha20Rng,
}

impl FaultDisk {
    /// An empty disk.
    pub fn new(seed: [u8; 32]) -> Self {
        let state = State {
            platter: Platter::default(),
            steps: 0,
            flushes: 0,
            crash_at: None,
            is_off: false,
            lies_from: None,
            full: false,
            reads_fail: false,
            flushes_fail: false,
            free: None,
            witness: None,
            chance: ChaCha20Rng::from_seed(seed),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Returns how many writes, cuts, flushes and renames there were.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Returns how many flushes there were.
    pub fn flushes(&self) -> u64 {
        self.state().flushes
    }

    /// Lets the power fail in this step, counted from 0; it and everything after it fails.
    pub fn crash_at(&self, step: u64) {
        self.state().crash_at = Some(step);
    }

    /// Lets the power fail now.
    pub fn power_off(&self) {
        self.state().is_off = true;
    }

    /// Whether the power has failed.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Starts again after the power failed: a random part of what was not flushed is there.
    pub fn power_on(&self) {
        let state = &mut *self.state();
        state.platter.crash(&mut state.chance);
        state.is_off = false;
        state.crash_at = None;
    }

    /// Starts again after a process ended and the machine did not: all that was written is there.
    pub fn process_ended(&self) {
        let mut state = self.state();
        state.is_off = false;
        state.crash_at = None;
    }

    /// Lets every flush from this one on, counted from 0, promise what it does not do; `None` ends
    /// that.
    pub fn lie_from(&self, flush: Option<u64>) {
        self.state().lies_from = flush;
    }

    /// Whether there is no room: cuts that grow a file and writes fail.
    pub fn set_full(&self, full: Fault) {
        self.state().full = full == Fault::On;
    }

    /// Whether reads fail.
    pub fn set_unreadable(&self, unreadable: Fault) {
        self.state().reads_fail = unreadable == Fault::On;
    }

    /// Whether the file system says that it cannot flush.
    pub fn set_unflushable(&self, unflushable: Fault) {
        self.state().flushes_fail = unflushable == Fault::On;
    }

    /// What the file system says is left.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        self.state().free = free;
    }

    /// Returns what is there now, as a backup would copy it: the data file and the mark file.
    pub fn copy(&self) -> Backup {
        let state = self.state();
        Backup { data: state.platter.now(File::Data), mark: state.platter.now(File::Mark) }
    }

    /// Puts files back. The mark file is another file then: its witness changes.
    pub fn restore(&self, backup: &Backup, what: Restore) {
        let state = &mut *self.state();
        state.platter.put_back(File::Data, backup.data.clone());
        if what == Restore::Everything {
            state.platter.put_back(File::Mark, backup.mark.clone());
            state.witness = state.witness.map(another);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a fault is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// What a backup puts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// The data file alone.
    Data,
    /// The data file and the mark file.
    Everything,
}

/// Files as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// The data file.
    pub data: Option<Vec<u8>>,
    /// The mark file.
    pub mark: Option<Vec<u8>>,
}

const fn another(witness: Witness) -> Witness {
    Witness { number: witness.number + 1, made: witness.made + 1 }
}

impl State {
    /// Counts a step and decides whether it happens.
    fn step(&mut self) -> io::Result<()> {
        self.check_power()?;
        let step = self.steps;
        self.steps += 1;
        if self.crash_at == Some(step) {
            self.is_off = true;
        }
        Ok(())
    }

    fn check_power(&self) -> io::Result<()> {
        if self.is_off { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// Makes a change that is not durable yet. The step in which the power fails may leave it.
    fn change(&mut self, file: File, change: Change) -> io::Result<()> {
        self.step()?;
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.platter.change(file, change);
        self.check_power()
    }

    fn flush(&mut self, file: File) -> io::Result<()> {
        self.step()?;
        self.check_power()?;
        if self.flushes_fail {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flush = self.flushes;
        self.flushes += 1;
        if self.lies_from.is_none_or(|from| flush < from) {
            self.platter.flush(file);
        }
        Ok(())
    }

    fn read(&self, file: File, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.check_power()?;
        if self.reads_fail {
            return Err(io::Error::other("read error"));
        }
        self.platter.read(file, offset, out)
    }
}

/// One file of a disk, for redb.
#[derive(Debug)]
struct Handle {
    disk: FaultDisk,
    /// Which file it was when it was opened; a rename takes its handles along.
    file: Mutex<File>,
}

impl Handle {
    fn file(&self) -> File {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // What was made beside its place has moved there.
        if *file == File::Fresh && self.disk.state().platter.length(File::Fresh).is_none() {
            *file = File::Data;
        }
        *file
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        let file = self.file();
        let state = self.disk.state();
        state.check_power()?;
        state.platter.length(file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let file = self.file();
        self.disk.state().read(file, offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let file = self.file();
        self.disk.state().change(file, Change::Length(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        let file = self.file();
        self.disk.state().flush(file)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let file = self.file();
        self.disk.state().change(file, Change::Write { offset, bytes: data.to_vec() })
    }
}

impl Medium for FaultDisk {
    fn path(&self) -> &Path {
        Path::new("a disk in memory")
    }

    fn data(&mut self) -> io::Result<Option<Arc<dyn StorageBackend>>> {
        let state = self.state();
        state.check_power()?;
        let there = state.platter.length(File::Data).is_some();
        drop(state);
        Ok(there.then(|| self.handle(File::Data)))
    }

    fn fresh(&mut self) -> io::Result<Arc<dyn StorageBackend>> {
        self.state().change(File::Fresh, Change::Replace(Vec::new()))?;
        Ok(self.handle(File::Fresh))
    }

    fn publish(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.change(File::Data, Change::Take(File::Fresh))?;
        state.flush(File::Data)
    }

    fn mark(&mut self) -> io::Result<Option<Vec<u8>>> {
        let state = self.state();
        state.check_power()?;
        Ok(state.platter.now(File::Mark))
    }

    fn replace_mark(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.change(File::FreshMark, Change::Replace(bytes.to_vec()))?;
        state.flush(File::FreshMark)?;
        state.change(File::Mark, Change::Take(File::FreshMark))?;
        state.flush(File::Mark)?;
        let witness = state.witness.unwrap_or(Witness { number: 0, made: 0 });
        state.witness = Some(another(witness));
        Ok(())
    }

    fn note(&mut self, note: &[u8], flush: Flush) -> io::Result<()> {
        let mut state = self.state();
        state.change(File::Mark, Change::Write { offset: NOTE_OFFSET, bytes: note.to_vec() })?;
        match flush {
            Flush::Now => state.flush(File::Mark),
            Flush::Later => Ok(()),
        }
    }

    fn witness(&mut self) -> io::Result<Option<Witness>> {
        Ok(self.state().witness)
    }

    fn free_bytes(&self) -> Option<u64> {
        self.state().free
    }
}

impl FaultDisk {
    fn handle(&self, file: File) -> Arc<dyn StorageBackend> {
        Arc::new(Handle { disk: self.clone(), file: Mutex::new(file) })
    }
}
