//! Who is served at one time: when all places are taken, whoever was idle longest gives way.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::task::{AbortHandle, JoinSet};

use crate::bounds::CLIENTS_MAX;

/// The clients there are.
#[derive(Debug, Default)]
pub(crate) struct Places {
    places: Vec<Place>,
    tasks: JoinSet<()>,
    turn: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Place {
    task: AbortHandle,
    client: Arc<Activity>,
}

/// What a client is about.
#[derive(Debug)]
pub(crate) struct Activity {
    /// What it asked for that is being done; never broken off.
    busy: AtomicUsize,
    /// When it was served last, in turns of all clients.
    last: AtomicU64,
    turn: Arc<AtomicU64>,
}

impl Activity {
    /// Something is done for the client until what is returned is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.touch();
        Busy(Arc::clone(self))
    }

    fn touch(&self) {
        self.last.store(self.turn.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Something that is done for a client.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    /// Serves one more; there must be [room](Self::make_room).
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        serve: impl FnOnce(Arc<Activity>) -> F,
    ) {
        let (busy, last) = (AtomicUsize::new(0), AtomicU64::new(0));
        let client = Arc::new(Activity { busy, last, turn: Arc::clone(&self.turn) });
        client.touch();
        let task = self.tasks.spawn(serve(Arc::clone(&client)));
        self.places.push(Place { task, client });
    }

    /// Waits until there is room for one more.
    pub(crate) async fn make_room(&mut self) {
        loop {
            while self.tasks.try_join_next().is_some() {}
            self.places.retain(|place| !place.task.is_finished());
            if self.places.len() < CLIENTS_MAX {
                return;
            }
            let idle = |place: &&Place| place.client.busy.load(Ordering::Relaxed) == 0;
            let longest = self.places.iter().filter(idle);
            match longest.min_by_key(|place| place.client.last.load(Ordering::Relaxed)) {
                Some(place) => {
                    place.task.abort();
                    self.tasks.join_next().await;
                }
                // Each of them is answered soon.
                None => drop(self.tasks.join_next().await),
            }
        }
    }

    /// Waits until every client has gone.
    pub(crate) async fn gone(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}
