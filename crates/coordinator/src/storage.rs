//! The store on a thread of its own: flushing a disk blocks. A simulated one is written at once.

use std::{collections::BTreeMap, fmt, sync::mpsc as std_mpsc, thread, time::Duration};

use ensign_engine::signing::Record;
use ensign_ledger::{self as ledger, About, Answer, Entry, Subject, Write, commit};
use ensign_primitives::{PeerId, UnixTime};
use ensign_store::{Place, Store, Table};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Most writes that share one commit.
const WRITES_PER_COMMIT_MAX: usize = 1024;

/// How long a consent waits for the join that follows it, to share its commit. Nobody waits for a
/// consent alone.
///
/// Guess: many times what a signer in this process takes for its nonces, also on a busy machine. The join itself
/// does not wait; one that comes later would wait for the consent's flushes.
const JOIN_WAIT: Duration = Duration::from_millis(10);

/// Hands writes to the store.
///
/// With its thread, neither way has a limit of its own, so that driver and thread never wait for
/// each other: a session waits for its record before it makes another, so the engine's limits are
/// theirs.
#[derive(Debug)]
pub(crate) struct Storage {
    way: Way,
    /// What goes with the next write that flushes twice anyhow: one for each place, so that the
    /// engine's limits bound it.
    notes: BTreeMap<Place, (Entry, About)>,
}

/// The way to the store.
enum Way {
    /// To the thread that has the store.
    Thread(std_mpsc::Sender<Task>),
    /// To a store that is written at once.
    Simulated(Box<dyn Store>, mpsc::UnboundedSender<Answer>),
    /// To a task that has the store and takes its time, as a disk does.
    Delayed(mpsc::UnboundedSender<Task>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread(_) => "Thread",
            Self::Simulated(..) => "Simulated",
            Self::Delayed(_) => "Delayed",
        })
    }
}

/// What the thread is asked.
pub(crate) enum Task {
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

/// The answers of a storage.
pub(crate) type Answers = mpsc::UnboundedReceiver<Answer>;

impl Storage {
    pub(crate) fn start(store: Box<dyn Store>) -> (Self, Answers) {
        let (tasks, waiting) = std_mpsc::channel();
        let (to_driver, answers) = mpsc::unbounded_channel();
        thread::spawn(move || work(store, &waiting, &to_driver));
        (Self::by(Way::Thread(tasks)), answers)
    }

    /// - `latency`: how long a commit takes, in simulated time.
    pub(crate) fn simulated(store: Box<dyn Store>, latency: Duration) -> (Self, Answers) {
        let (to_driver, answers) = mpsc::unbounded_channel();
        if latency.is_zero() {
            return (Self::by(Way::Simulated(store, to_driver)), answers);
        }
        let (tasks, waiting) = mpsc::unbounded_channel();
        tokio::spawn(work_slowly(store, latency, waiting, to_driver));
        (Self::by(Way::Delayed(tasks)), answers)
    }

    const fn by(way: Way) -> Self {
        Self { way, notes: BTreeMap::new() }
    }

    /// Queues a record of the engine's.
    ///
    /// - `node`: us. An own request is announced before it is joined, and only when it is durable.
    pub(crate) fn persist(&mut self, at: UnixTime, token: u64, record: &Record, node: PeerId) {
        let (mut before_join, mut of) = (false, Subject::Other);
        if let Record::Consented { request, .. } = record {
            before_join = request.peer != node;
            of = Subject::Begins(request.request.id());
        } else if let Some(id) = ledger::subject(record) {
            of = Subject::Request(id);
        }
        let about = About::Record { token, of };
        let entry = ledger::entry(record);
        // What flushes once shall not wait for more.
        let is_quick = matches!(entry.place.table(), Table::Joins | Table::Burns | Table::Partials);
        let mut writes = if is_quick { Vec::new() } else { self.take_notes(at) };
        writes.push(Write { entry, at, about, before_join });
        self.queue(Task::Write(writes));
    }

    /// Queues something that nothing waits for.
    pub(crate) fn keep(&mut self, at: UnixTime, entry: Entry) {
        let mut writes = self.take_notes(at);
        writes.push(Write { entry, at, about: About::Kept, before_join: false });
        self.queue(Task::Write(writes));
    }

    /// Tells whether something waits for the next write.
    pub(crate) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// Has something written with the next write, or by [`write_notes`](Self::write_notes).
    pub(crate) fn note(&mut self, record: &Record) {
        self.note_entry(ledger::entry(record), About::Kept);
    }

    /// As [`note`](Self::note), of what is no record of the engine's.
    pub(crate) fn note_entry(&mut self, entry: Entry, about: About) {
        self.notes.insert(entry.place, (entry, about));
    }

    /// Writes what waits for another write.
    pub(crate) fn write_notes(&mut self, at: UnixTime) {
        let writes = self.take_notes(at);
        if !writes.is_empty() {
            self.queue(Task::Write(writes));
        }
    }

    fn take_notes(&mut self, at: UnixTime) -> Vec<Write> {
        let entries = std::mem::take(&mut self.notes).into_values();
        let write = |(entry, about)| Write { entry, at, about, before_join: false };
        entries.map(write).collect()
    }

    /// Queues a look at what is committed, behind every write that is queued.
    pub(crate) fn read(&mut self, read: impl FnOnce(&dyn Store) + Send + 'static) {
        self.queue(Task::Read(Box::new(read)));
    }

    fn queue(&mut self, task: Task) {
        match &mut self.way {
            // A thread that is gone has told why.
            Way::Thread(tasks) => drop(tasks.send(task)),
            Way::Delayed(tasks) => drop(tasks.send(task)),
            Way::Simulated(store, answers) => match task {
                // A driver that is gone asks no more.
                Task::Write(writes) => commit(store.as_mut(), writes, &mut |answer| {
                    let _ = answers.send(answer);
                }),
                Task::Read(read) => read(store.as_ref()),
            },
        }
    }
}

/// Works until the driver is gone; writes that wait together share one commit.
fn work(
    mut store: Box<dyn Store>,
    waiting: &std_mpsc::Receiver<Task>,
    answers: &mpsc::UnboundedSender<Answer>,
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
                commit(store.as_mut(), writes, &mut |answer| {
                    let _ = answers.send(answer);
                });
            }
        }
        if next.is_none() {
            next = waiting.recv().ok();
        }
    }
}

/// Returns what else waits; waits a moment itself for a join that its consent announces.
fn follower(writes: &[Write], waiting: &std_mpsc::Receiver<Task>) -> Option<Task> {
    let next = waiting.try_recv().ok();
    if next.is_some() || !writes.last().is_some_and(|write| write.before_join) {
        return next;
    }
    waiting.recv_timeout(JOIN_WAIT).ok()
}

/// As [`work`] in simulated time: a write is durable `latency` after it was asked for. Whatever the
/// node sends meanwhile is sent.
async fn work_slowly(
    mut store: Box<dyn Store>,
    latency: Duration,
    mut waiting: mpsc::UnboundedReceiver<Task>,
    answers: mpsc::UnboundedSender<Answer>,
) {
    while let Some(task) = waiting.recv().await {
        match task {
            Task::Read(read) => read(store.as_ref()),
            Task::Write(writes) => {
                sleep_until(Instant::now() + latency).await;
                commit(store.as_mut(), writes, &mut |answer| {
                    // A driver that is gone asks no more.
                    let _ = answers.send(answer);
                });
            }
        }
    }
}
