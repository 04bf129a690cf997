//! What follows the events of a coordinator: the board, the ring, and what was shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ensign_coordinator::{Approval, Class, CommandError, Coordinator, Event, Events, RequestEvent};
use ensign_primitives::{PeerId, RequestId, UnixTime};
use serde_json::Value;

use crate::board::{Board, Me};
use crate::ring::Ring;
use crate::told::told;
use crate::view::Forming;

/// Clones are the same feed.
#[derive(Clone, Debug)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ring: Ring,
    state: Mutex<State>,
    /// Held from asking for the groups until the board has them: an older answer never takes the
    /// place of a newer one.
    refreshing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    board: Board,
    /// What every open request asks for, as it was told last; the engine bounds how many there are.
    shown: BTreeMap<RequestId, Arc<Approval>>,
    forming: Forming,
}

impl Feed {
    pub(crate) fn new(me: Me, ring: Ring) -> Self {
        let (board, forming) = (Board::new(me), Forming::default());
        let state = State { board, shown: BTreeMap::new(), forming };
        let refreshing = tokio::sync::Mutex::new(());
        Self(Arc::new(Shared { ring, state: Mutex::new(state), refreshing }))
    }

    /// Follows events until the node ends.
    pub(crate) async fn follow(self, mut events: Events) {
        while let Some(event) = events.next().await {
            self.take(&event);
        }
    }

    fn take(&self, event: &Event) {
        let told = {
            let mut state = self.state();
            state.board.apply(event, unix_now());
            state.note(event);
            if let Event::Formation(event) = event {
                Some(state.forming.told(event))
            } else {
                told(event, |peer: &PeerId| state.board.name_of(peer))
            }
        };
        if let Some(told) = told {
            self.0.ring.push(event.class(), &told.to_string());
        }
    }

    /// Tells an event that is no coordinator's: what our user did.
    pub(crate) fn tell(&self, event: &Value) {
        self.0.ring.push(Class::Decision, &event.to_string());
    }

    /// Takes the groups and nodes that there are now.
    pub(crate) async fn refresh(&self, coordinator: &Coordinator) -> Result<(), CommandError> {
        let _only = self.0.refreshing.lock().await;
        let (groups, peers) = (coordinator.groups().await?, coordinator.peers().await?);
        let (forming, _) = coordinator.formations().await?;
        self.state().forming.know(&forming);
        self.state().board.set(&groups, &peers, unix_now());
        Ok(())
    }

    pub(crate) fn board(&self) -> Board {
        self.state().board.clone()
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.0.ring
    }

    /// Returns what a request that is not over asks for.
    pub(crate) fn shown(&self, id: &RequestId) -> Option<Arc<Approval>> {
        self.state().shown.get(id).cloned()
    }

    /// Returns the request that is not over and that is called so in this home.
    pub(crate) fn called(&self, handle: u64) -> Option<Arc<Approval>> {
        let state = self.state();
        let is_it = |known: &&Arc<Approval>| known.handle.is_some_and(|known| known.0 == handle);
        state.shown.values().find(is_it).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, event: &Event) {
        let Event::Request(request, event) = event else { return };
        if let RequestEvent::Failed { .. } | RequestEvent::Done { .. } = event {
            self.shown.remove(&request.id);
        } else if let Some(approval) = event.approval() {
            self.shown.insert(request.id, Arc::new(approval.clone()));
        }
    }
}

/// Returns the wall clock.
pub(crate) fn unix_now() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
