//! The store on a thread of its own: flushing a disk blocks.

use std::{fmt, sync::mpsc, thread, time::Duration};

use ensign_store::Store;

use crate::{Answer, Write, commit};

/// Most writes that share one commit.
const WRITES_PER_COMMIT_MAX: usize = 1024;

/// How long a consent waits for the join that follows it, to share its commit. Nobody waits for a
/// consent alone.
///
/// Guess: many times what a signer in this process takes for its nonces, also on a busy machine. The join itself
/// does not wait; one that comes later would wait for the consent's flushes.
const JOIN_WAIT: Duration = Duration::from_millis(10);

/// Hands tasks to a thread that has the store; the thread ends, and the store is free, when the clerk is
/// dropped and what was queued is done.
///
/// The way to it has no limit of its own, so that nobody waits for the disk who does not want to: a session waits
/// for its record before it makes another, so the engine's limits are its.
#[derive(Debug)]
pub struct Clerk(mpsc::Sender<Task>);

/// What the thread is asked.
pub enum Task {
    /// Write, each for itself if not together.
    Write(Vec<Write>),
    /// Read; whoever asks is answered by the task itself.
    Read(Read),
}

type Read = Box<dyn FnOnce(&dyn Store) + Send>;

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(writes) => writes.fmt(f),
            Self::Read(_) => f.write_str("Read"),
        }
    }
}

impl Clerk {
    /// Starts the thread.
    ///
    /// - `answered`: is told how each write went, in the order of the writes.
    pub fn start(store: Box<dyn Store>, mut answered: impl FnMut(Answer) + Send + 'static) -> Self {
        let (tasks, waiting) = mpsc::channel();
        thread::spawn(move || work(store, &waiting, &mut answered));
        Self(tasks)
    }

    /// Queues a task behind those that wait. A thread that is gone has told why.
    pub fn queue(&self, task: Task) {
        drop(self.0.send(task));
    }
}

/// Works until nobody queues any more; writes that wait together share one commit.
fn work(
    mut store: Box<dyn Store>,
    waiting: &mpsc::Receiver<Task>,
    answered: &mut dyn FnMut(Answer),
) {
    let mut next = waiting.recv().ok();
    while let Some(task) = next.take() {
        match task {
            Task::Read(read) => read(store.as_ref()),
            Task::Write(mut writes) => {
                while writes.len() < WRITES_PER_COMMIT_MAX {
                    match follower(&writes, waiting) {
                        Some(Task::Write(more)) => writes.extend(more),
                        read => {
                            next = read;
                            break;
                        }
                    }
                }
                commit(store.as_mut(), writes, answered);
            }
        }
        if next.is_none() {
            next = waiting.recv().ok();
        }
    }
}

/// Returns what else waits; waits a moment itself for a join that its consent announces.
fn follower(writes: &[Write], waiting: &mpsc::Receiver<Task>) -> Option<Task> {
    let next = waiting.try_recv().ok();
    if next.is_some() || !writes.last().is_some_and(|write| write.before_join) {
        return next;
    }
    waiting.recv_timeout(JOIN_WAIT).ok()
}
