//! What the running node has shown its user: only that can be approved in another terminal.

use std::sync::{Arc, Mutex, PoisonError};

use ensign_coordinator::{ConsentDigest, Event, Events, RequestEvent};
use ensign_primitives::RequestId;

use crate::recent::Recent;
use crate::request::Asked;
use crate::work_view::WorkView;

/// Most requests that are remembered; above it the oldest are forgotten, which costs a look at the
/// first terminal.
const SHOWN_MAX: usize = 1024;

/// What was shown and is not over.
#[derive(Clone, Debug)]
pub(super) struct Shown(Arc<Mutex<Recent<RequestId, (WorkView, ConsentDigest)>>>);

impl Default for Shown {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Recent::new(SHOWN_MAX))))
    }
}

impl Shown {
    /// Notes what is shown, until the node ends.
    pub(super) async fn watch(self, mut events: Events) {
        while let Some(event) = events.next().await {
            let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Event::Request(request, event) = &event else { continue };
            if let RequestEvent::Asked(approval) = event {
                let work = WorkView::of(&Asked::of(approval));
                shown.insert(request.id, (work, approval.digest));
            }
            if let RequestEvent::Done { .. } | RequestEvent::Failed { .. } = event {
                shown.remove(&request.id);
            }
        }
    }

    /// Returns what a request was shown to have us sign.
    pub(super) fn work(&self, id: &RequestId) -> Option<WorkView> {
        self.get(id).map(|(work, _)| work)
    }

    /// Returns what a yes to a request is given to.
    pub(super) fn digest(&self, id: &RequestId) -> Option<ConsentDigest> {
        self.get(id).map(|(_, digest)| digest)
    }

    fn get(&self, id: &RequestId) -> Option<(WorkView, ConsentDigest)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}
