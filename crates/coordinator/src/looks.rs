//! Looks into the store, for the engine and for what waits there: answered behind every write that is
//! queued, and never by waiting.

use ensign_engine::{Input, Known};
use ensign_primitives::{RequestId, StateMachine as _};

use crate::{
    LedgerError,
    driver::Driver,
    ledger::{self, Unfinished},
    problem,
};

/// A request that waited in the store for room.
pub(crate) type Loaded = Result<Option<Unfinished>, LedgerError>;

/// What the store knows of a request.
pub(crate) type Recalled = (RequestId, Result<Known, LedgerError>);

impl Driver {
    /// Reads the next request that waits in the store for room.
    pub(crate) fn load_next(&mut self) {
        let Some(id) = self.before.past.waiting.pop() else { return };
        let loading = self.loading.clone();
        self.storage.read(move |store| {
            // A driver that is gone asks no more.
            let _ = loading.send(ledger::unfinished(store, &id));
        });
    }

    pub(crate) fn on_loaded(&mut self, loaded: Loaded) {
        match loaded {
            Ok(Some(unfinished)) => {
                let request = &unfinished.open.request.request;
                let group = request.signers.group_id(self.network);
                self.before.past.open.push(unfinished);
                if self.groups.contains_key(&group) {
                    self.resume(group);
                }
            }
            Ok(None) => {}
            Err(error) => self.warn(None, problem::of_unreadable(&error)),
        }
    }

    /// Looks a request up for the engine, behind every write that is queued.
    pub(crate) fn recall(&mut self, request: RequestId) {
        let recalling = self.recalling.clone();
        self.storage.read(move |store| {
            // A driver that is gone asks no more.
            let _ = recalling.send((request, ledger::recall(store, &request)));
        });
    }

    pub(crate) fn on_recalled(&mut self, (request, known): Recalled) {
        let known = known.unwrap_or_else(|error| {
            self.warn(None, problem::of_unreadable(&error));
            // What cannot be read may have been joined.
            Known::Begun
        });
        self.engine.handle_input(self.clock.now(), Input::Recalled { request, known });
    }
}
