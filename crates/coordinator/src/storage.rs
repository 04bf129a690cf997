//! The port to the disk: the store on a thread of its own, or a simulated one that is written at once.

use std::{collections::BTreeMap, fmt, time::Duration};

use ensign_engine::signing::{Known, Record};
use ensign_ledger::{
    self as ledger, About, Answer, Clerk, Entry, LedgerError, Subject, Task, Unfinished, Write,
    commit,
};
use ensign_primitives::{PeerId, RequestId, UnixTime};
use ensign_store::{Place, Store};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// The port to the disk: hands writes and looks to the store, and hears what became of them.
#[derive(Debug)]
pub(crate) struct Storage {
    way: Way,
    answers: mpsc::UnboundedReceiver<Answer>,
    found: mpsc::UnboundedSender<Looked>,
    looked: mpsc::UnboundedReceiver<Looked>,
    /// What goes with the next write that flushes twice anyhow: one for each place, so that the
    /// engine's limits bound it.
    notes: BTreeMap<Place, (Entry, About)>,
}

/// The way to the store.
enum Way {
    /// To the thread that has the store.
    Thread(Clerk),
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

/// What is heard from the disk.
#[derive(Debug)]
pub(crate) enum Heard {
    /// How a write went; `None` when nobody writes any more.
    Wrote(Option<Answer>),
    /// What a look found: behind every write that was queued before it.
    Looked(Looked),
}

/// What was found, in the order of the questions. At most
/// [`RECALLS_MAX`](ensign_engine::signing::RECALLS_MAX) looks of the engine's are under way, and one for each request
/// that ends.
#[derive(Debug)]
pub(crate) enum Looked {
    /// A request that waited in the store for room.
    Loaded(Result<Option<Box<Unfinished>>, LedgerError>),
    /// What the store knows of a request.
    Recalled(RequestId, Result<Known, LedgerError>),
}

impl Storage {
    pub(crate) fn start(store: Box<dyn Store>) -> Self {
        let (to_driver, answers) = mpsc::unbounded_channel();
        let clerk = Clerk::start(store, move |answer| {
            // A driver that is gone asks no more.
            let _ = to_driver.send(answer);
        });
        Self::by(Way::Thread(clerk), answers)
    }

    /// - `latency`: how long a commit takes, in simulated time.
    pub(crate) fn simulated(store: Box<dyn Store>, latency: Duration) -> Self {
        let (to_driver, answers) = mpsc::unbounded_channel();
        if latency.is_zero() {
            return Self::by(Way::Simulated(store, to_driver), answers);
        }
        let (tasks, waiting) = mpsc::unbounded_channel();
        tokio::spawn(work_slowly(store, latency, waiting, to_driver));
        Self::by(Way::Delayed(tasks), answers)
    }

    fn by(way: Way, answers: mpsc::UnboundedReceiver<Answer>) -> Self {
        let (found, looked) = mpsc::unbounded_channel();
        Self { way, answers, found, looked, notes: BTreeMap::new() }
    }

    /// Waits for the next news, writes before looks.
    pub(crate) async fn next(&mut self) -> Heard {
        tokio::select! {
            biased;
            answer = self.answers.recv() => Heard::Wrote(answer),
            Some(looked) = self.looked.recv() => Heard::Looked(looked),
        }
    }

    /// Waits for the next answer to a write.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        self.answers.recv().await
    }

    /// Waits until what is queued is written, and the store is free.
    pub(crate) async fn close(self) {
        let Self { way, mut answers, .. } = self;
        // Its thread ends with the way to it, and the answers end with the thread.
        drop(way);
        while answers.recv().await.is_some() {}
    }

    /// Reads a request that goes on.
    pub(crate) fn load(&mut self, id: RequestId) {
        let found = self.found.clone();
        self.read(move |store| {
            let loaded = ledger::unfinished(store, &id).map(|it| it.map(Box::new));
            // A driver that is gone asks no more.
            let _ = found.send(Looked::Loaded(loaded));
        });
    }

    /// Looks up what is known of a request.
    pub(crate) fn recall(&mut self, id: RequestId) {
        let found = self.found.clone();
        self.read(move |store| {
            let _ = found.send(Looked::Recalled(id, ledger::recall(store, &id)));
        });
    }

    /// Queues what the engine waits for under a token and that is about no request.
    pub(crate) fn persist_entry(&mut self, at: UnixTime, token: u64, entry: Entry) {
        let about = About::Record { token, of: Subject::Other };
        self.queue(Task::Write(vec![Write::of_entry(entry, at, about)]));
    }

    /// Queues a record of the engine's.
    ///
    /// - `node`: us.
    pub(crate) fn persist(&mut self, at: UnixTime, token: u64, record: &Record, node: PeerId) {
        let write = Write::of_record(record, (at, token), node);
        // What flushes once shall not wait for more.
        let mut writes = if write.is_quick() { Vec::new() } else { self.take_notes(at) };
        writes.push(write);
        self.queue(Task::Write(writes));
    }

    /// Queues something that nothing waits for.
    pub(crate) fn keep(&mut self, at: UnixTime, entry: Entry) {
        let mut writes = self.take_notes(at);
        writes.push(Write::of_entry(entry, at, About::Kept));
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
        entries.map(|(entry, about)| Write::of_entry(entry, at, about)).collect()
    }

    /// Queues a look at what is committed, behind every write that is queued.
    pub(crate) fn read(&mut self, read: impl FnOnce(&dyn Store) + Send + 'static) {
        self.queue(Task::Read(Box::new(read)));
    }

    fn queue(&mut self, task: Task) {
        match &mut self.way {
            Way::Thread(clerk) => clerk.queue(task),
            // A task that is gone has told why.
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

/// As a [`Clerk`] in simulated time: a write is durable `latency` after it was asked for. Whatever the
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
