//! The journal on a thread of its own: flushing a disk blocks. A simulated one is written at once.

use std::{sync::mpsc as std_mpsc, thread};

use ensign_engine::Record;
use tokio::sync::mpsc;

use crate::{Journal, JournalError, SimulatedJournal};

/// Most records that share one flush.
const RECORDS_PER_FLUSH_MAX: usize = 1024;

/// Hands records to the journal.
///
/// With its thread, neither way has a limit of its own, so that driver and thread never wait for each other: a
/// session waits for its record before it makes another, so the engine's limits are theirs.
#[derive(Debug)]
pub(crate) enum Storage {
    /// To the thread that writes the file.
    Thread(std_mpsc::Sender<(u64, Record)>),
    /// To memory.
    Simulated(SimulatedJournal, mpsc::UnboundedSender<Result<u64, JournalError>>),
}

/// Answers, in order: the token of a record that is durable, or why none will be any more.
pub(crate) type Durable = mpsc::UnboundedReceiver<Result<u64, JournalError>>;

impl Storage {
    pub(crate) fn start(journal: Journal) -> (Self, Durable) {
        let (records, waiting) = std_mpsc::channel();
        let (durable, answers) = mpsc::unbounded_channel();
        thread::spawn(move || write(journal, &waiting, &durable));
        (Self::Thread(records), answers)
    }

    pub(crate) fn simulated(journal: SimulatedJournal) -> (Self, Durable) {
        let (durable, answers) = mpsc::unbounded_channel();
        (Self::Simulated(journal, durable), answers)
    }

    /// Queues a record.
    pub(crate) fn persist(&self, token: u64, record: Record) {
        match self {
            // A thread that is gone has told why.
            Self::Thread(records) => drop(records.send((token, record))),
            Self::Simulated(journal, durable) => {
                journal.append(record);
                // A driver that is gone asks no more.
                let _ = durable.send(Ok(token));
            }
        }
    }
}

/// Writes until the driver is gone; records that wait together share one flush.
fn write(
    mut journal: Journal,
    waiting: &std_mpsc::Receiver<(u64, Record)>,
    durable: &mpsc::UnboundedSender<Result<u64, JournalError>>,
) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(RECORDS_PER_FLUSH_MAX));
        if let Err(error) = journal.append(batch.iter().map(|(_, record)| record)) {
            let _ = durable.send(Err(error));
            return;
        }
        for (token, _) in batch {
            if durable.send(Ok(token)).is_err() {
                return;
            }
        }
    }
}
