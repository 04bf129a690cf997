//! Who is served at one time: when all places are taken, whoever was served longest gives way.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{AbortHandle, JoinSet};

use super::super::CLIENTS_MAX;

/// The clients, the one that came first in front.
#[derive(Debug)]
pub(super) struct Clients {
    places: Vec<Place>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Place {
    task: AbortHandle,
    /// What it asked for is being done, and is not broken off.
    is_answering: Arc<AtomicBool>,
}

impl Clients {
    pub(super) fn new() -> Self {
        Self { places: Vec::with_capacity(CLIENTS_MAX), tasks: JoinSet::new() }
    }

    /// Serves one more; there must be [room](Self::make_room).
    pub(super) fn start<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        serve: impl FnOnce(Arc<AtomicBool>) -> F,
    ) {
        let is_answering = Arc::new(AtomicBool::new(false));
        let task = self.tasks.spawn(serve(Arc::clone(&is_answering)));
        self.places.push(Place { task, is_answering });
    }

    /// Waits until there is room for one more. A client that says nothing, or does not read, is
    /// hung up on.
    pub(super) async fn make_room(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.places.retain(|place| !place.task.is_finished());
            if self.places.len() < CLIENTS_MAX {
                return;
            }
            let is_idle = |place: &Place| !place.is_answering.load(Ordering::Relaxed);
            match self.places.iter().position(is_idle) {
                Some(first) => self.places.remove(first).task.abort(),
                // Each of them is answered soon.
                None => drop(self.tasks.join_next().await),
            }
        }
    }
}
