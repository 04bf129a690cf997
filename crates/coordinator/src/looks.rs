//! Looks into the store, for the engine and for what waits there: answered behind every write that is
//! queued, and never by waiting.

use ensign_engine::signing::Known;
use ensign_ledger::{self as ledger, Unfinished};
use ensign_primitives::RequestId;
use tokio::sync::mpsc;

use crate::{LedgerError, storage::Storage};

/// What was found, in the order of the questions.
#[derive(Debug)]
pub(crate) enum Looked {
    /// A request that waited in the store for room.
    Loaded(Result<Option<Box<Unfinished>>, LedgerError>),
    /// What the store knows of a request.
    Recalled(RequestId, Result<Known, LedgerError>),
}

/// Looks that are under way: at most [`RECALLS_MAX`](ensign_engine::signing::RECALLS_MAX) of the engine's, and
/// one for each request that ends.
#[derive(Debug)]
pub(crate) struct Looks {
    found: mpsc::UnboundedSender<Looked>,
    answers: mpsc::UnboundedReceiver<Looked>,
}

impl Looks {
    pub(crate) fn new() -> Self {
        let (found, answers) = mpsc::unbounded_channel();
        Self { found, answers }
    }

    /// Reads a request that goes on.
    pub(crate) fn load(&self, storage: &mut Storage, id: RequestId) {
        let found = self.found.clone();
        storage.read(move |store| {
            // A driver that is gone asks no more.
            let loaded = ledger::unfinished(store, &id).map(|it| it.map(Box::new));
            let _ = found.send(Looked::Loaded(loaded));
        });
    }

    /// Looks up what is known of a request.
    pub(crate) fn recall(&self, storage: &mut Storage, id: RequestId) {
        let found = self.found.clone();
        storage.read(move |store| {
            let _ = found.send(Looked::Recalled(id, ledger::recall(store, &id)));
        });
    }

    /// Waits for the next answer; for ever when nothing is asked.
    pub(crate) async fn next(&mut self) -> Looked {
        match self.answers.recv().await {
            Some(looked) => looked,
            None => std::future::pending().await,
        }
    }
}
