//! Puzzles, solved beside the loop of a node: on every core but one, or in virtual time.
//!
//! [`Solving`] has one puzzle in work at a time, tells how far it is, and ends what nobody waits for. What is
//! solved, and for whom, is decided by `ensign-pow` and the engine.
//!
//! Invariants:
//!
//! - At most one puzzle is worked at; one that is begun ends the one before.
//! - Workers end within a few milliseconds of [`Solving::stop`], and when [`Solving`] is dropped.
//!
//! Absent on purpose: clocks other than the runtime's, and any decision about what is paid.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use ensign_pow::{Proof, Puzzle, Solver};
use ensign_primitives::PeerId;
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};

/// How often it is told how far the work is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How many tries are made between two looks at whether anybody waits: a few milliseconds.
const TRIES: u32 = 1 << 14;

/// What so many tries take a simulated machine: 9.8 million of them a second.
const TRIES_SIMULATED: Duration = Duration::from_micros(1672);

/// Who solves.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// So many threads.
    Threads(u32),
    /// A task of the runtime, in virtual time.
    Simulated,
}

/// What the workers of one puzzle share.
#[derive(Debug, Default)]
struct Work {
    is_over: AtomicBool,
    tried: AtomicU64,
}

/// The puzzle that is being solved.
#[derive(Debug)]
struct Job {
    name: u64,
    peer: PeerId,
    bits: u8,
    since: Instant,
    told: Instant,
    work: Arc<Work>,
}

/// What comes of it.
#[derive(Clone, Copy, Debug)]
pub enum Worked {
    /// The puzzle of this name is solved.
    Found(u64, Proof),
    /// The work goes on; said about once a second.
    Goes {
        /// Who asks for it.
        peer: PeerId,
        /// How many zero bits are looked for.
        bits: u8,
        /// How many tries were made so far.
        tried: u64,
        /// How long that has taken.
        spent: Duration,
    },
}

/// Solves one puzzle at a time.
#[derive(Debug)]
pub struct Solving {
    workers: Workers,
    find: mpsc::UnboundedSender<(u64, Proof)>,
    found: mpsc::UnboundedReceiver<(u64, Proof)>,
    job: Option<Job>,
}

impl Solving {
    /// Has these workers, and nothing to do.
    pub fn new(workers: Workers) -> Self {
        let (find, found) = mpsc::unbounded_channel();
        Self { workers, find, found, job: None }
    }

    /// Begins a puzzle in place of the one before.
    pub fn begin(&mut self, name: u64, (peer, puzzle): (PeerId, Puzzle), start: u64) {
        self.end();
        let work = Arc::<Work>::default();
        let (threads, find) = match self.workers {
            Workers::Threads(threads) => (threads, self.find.clone()),
            Workers::Simulated => (0, self.find.clone()),
        };
        for part in 0..threads {
            let mut solver = Solver::part(&puzzle, start, (part, threads));
            let (work, find) = (Arc::clone(&work), find.clone());
            spawn_blocking(move || while step(&mut solver, &work, &find, name) {});
        }
        if let Workers::Simulated = self.workers {
            let (mut solver, work) = (Solver::new(&puzzle, start), Arc::clone(&work));
            tokio::spawn(async move {
                while step(&mut solver, &work, &find, name) {
                    sleep(TRIES_SIMULATED).await;
                }
            });
        }
        let since = Instant::now();
        self.job = Some(Job { name, peer, bits: puzzle.bits, since, told: since, work });
    }

    /// Ends a puzzle that nobody waits for.
    pub fn stop(&mut self, name: u64) {
        if self.job.as_ref().is_some_and(|job| job.name == name) {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(job) = self.job.take() {
            job.work.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// Waits for what comes of it; for ever while there is none.
    pub async fn next(&mut self) -> Worked {
        let Some(job) = &mut self.job else { return std::future::pending().await };
        tokio::select! {
            biased;
            Some((name, proof)) = self.found.recv() => Worked::Found(name, proof),
            () = sleep_until(job.told + PROGRESS_INTERVAL) => {
                job.told = Instant::now();
                let tried = job.work.tried.load(Ordering::Relaxed);
                let spent = job.since.elapsed();
                Worked::Goes { peer: job.peer, bits: job.bits, tried, spent }
            }
        }
    }
}

impl Drop for Solving {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes some tries; returns whether there is more to do.
fn step(
    solver: &mut Solver,
    work: &Work,
    find: &mpsc::UnboundedSender<(u64, Proof)>,
    name: u64,
) -> bool {
    if work.is_over.load(Ordering::Relaxed) {
        return false;
    }
    let found = solver.step(TRIES);
    work.tried.fetch_add(TRIES.into(), Ordering::Relaxed);
    if let Some(proof) = found
        && !work.is_over.swap(true, Ordering::Relaxed)
    {
        let _ = find.send((name, proof));
    }
    found.is_none()
}
