//! What the system tells about the process under attack: processor time, memory, writes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Ticks of processor time in a second: `USER_HZ`, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// How often memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// A process of this machine, or the one that took its place: clones see the same.
#[derive(Clone, Debug)]
pub(crate) struct Process(Arc<AtomicU32>);

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processor time in seconds.
    pub(crate) cpu: f64,
    /// Bytes handed to the disk.
    pub(crate) disk_bytes: u64,
    /// Calls that write, of every thread but the first: the store's.
    pub(crate) writes: u64,
}

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self(Arc::new(AtomicU32::new(id)))
    }

    /// Returns its number.
    pub(crate) fn id(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// From here on another process is meant.
    pub(crate) fn replace(&self, id: u32) {
        self.0.store(id, Ordering::SeqCst);
    }

    fn read(&self, what: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{what}", self.id())).unwrap_or_default()
    }

    /// Returns what it has used; zero for what cannot be read.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            cpu: cpu_seconds(&self.read("stat")).unwrap_or_default(),
            disk_bytes: field(&self.read("io"), "write_bytes").unwrap_or_default(),
            writes: self.other_threads().map(|io| field(&io, "syscw").unwrap_or_default()).sum(),
        }
    }

    /// Returns its resident memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        field(&self.read("status"), "VmRSS").unwrap_or_default() * 1024
    }

    fn other_threads(&self) -> impl Iterator<Item = String> {
        let threads =
            fs::read_dir(format!("/proc/{}/task", self.id())).into_iter().flatten().flatten();
        let first = self.id().to_string();
        threads
            .filter(move |thread| thread.file_name() != *first)
            .map(|thread| fs::read_to_string(thread.path().join("io")).unwrap_or_default())
    }
}

/// Returns user and system time out of `/proc/PID/stat`, whose second field may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system) = (fields.next()?.parse::<f64>().ok()?, fields.next()?.parse::<f64>().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

/// Returns the number of a line `name: number`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Returns how many calls that write this thread has made.
pub(crate) fn own_writes() -> u64 {
    let io = fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    field(&io, "syscw").unwrap_or_default()
}

/// Returns the bytes of all files below a folder.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| bytes_of(&entry.path())).sum()
}

fn bytes_of(path: &PathBuf) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => bytes_below(path),
        Ok(found) => found.len(),
        Err(_) => 0,
    }
}

/// Looks at a process's memory until it is asked for what it saw.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Memory>,
}

/// A process's resident memory over time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Vec<(Instant, u64)>);

impl Memory {
    /// Returns the most bytes there were.
    pub(crate) fn most(&self) -> u64 {
        self.0.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default()
    }

    /// Returns by how many bytes the most between two moments exceeds the most before; `None` if
    /// nothing was seen on one side.
    pub(crate) fn growth_between(&self, from: Instant, to: Instant) -> Option<u64> {
        let most = |is_meant: &dyn Fn(Instant) -> bool| {
            self.0.iter().filter(|(at, _)| is_meant(*at)).map(|(_, bytes)| *bytes).max()
        };
        let before = most(&|at| at < from)?;
        Some(most(&|at| at >= from && at < to)?.saturating_sub(before))
    }
}

impl MemoryWatch {
    /// Begins to look.
    pub(crate) fn start(process: Process) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let mut seen = vec![(Instant::now(), process.memory())];
            while stopped.recv_timeout(SAMPLE_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                seen.push((Instant::now(), process.memory()));
            }
            seen.push((Instant::now(), process.memory()));
            Memory(seen)
        });
        Self { stop, thread }
    }

    /// Stops looking; returns what there was.
    pub(crate) fn end(self) -> Memory {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_a_name_with_spaces_and_brackets() {
        let stat = "77 (a b) c) S 1 77 77 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 3 0 900";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let io = "rchar: 9\nwchar: 8\nsyscw: 7\nwrite_bytes: 4096\ncancelled_write_bytes: 1\n";
        assert_eq!((field(io, "syscw"), field(io, "write_bytes")), (Some(7), Some(4096)));
        assert_eq!((field(io, "bytes"), field("VmRSS:\t  12 kB", "VmRSS")), (None, Some(12)));
    }

    #[test]
    fn a_clone_means_the_process_that_took_the_place() {
        let process = Process::new(1);
        let clone = process.clone();
        process.replace(2);
        assert_eq!(clone.id(), 2);
    }

    #[test]
    fn this_process_is_seen() {
        let process = Process::new(std::process::id());
        assert!(process.memory() > 0);
        assert!(MemoryWatch::start(process).end().most() > 0);
    }

    #[test]
    fn growth_is_what_came_after_a_moment() {
        let begin = Instant::now();
        let at = |second: u64, bytes| (begin + Duration::from_secs(second), bytes);
        let memory = Memory(vec![at(0, 10), at(5, 40), at(11, 45), at(15, 60), at(30, 90)]);
        let growth = |from, to| memory.growth_between(at(from, 0).0, at(to, 0).0);
        assert_eq!((growth(10, 20), growth(0, 20), growth(20, 25)), (Some(20), None, None));
        assert_eq!(memory.most(), 90);
    }

    #[test]
    fn files_below_a_folder_are_added_up() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("a"), [0; 10]).unwrap();
        fs::write(folder.path().join("inner/b"), [0; 5]).unwrap();
        assert_eq!(bytes_below(folder.path()), 15);
    }
}
