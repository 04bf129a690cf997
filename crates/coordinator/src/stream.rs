//! From the driver to everybody who listens: a queue for each, within bounds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ensign_primitives::PeerId;
use ensign_review::{Backlog, Class, Waited};
use tokio::sync::Notify;

use crate::Event;

/// The stream of events, for one reader that may be slow: it may wait for a person between two
/// events.
///
/// What waits is bounded in three classes, and when one is full the oldest events go of whoever has most
/// in it: one member's flood pushes out its own.
///
/// - Progress: connections, attempts, how far each signer is. Of these 1,024 wait, and a warning
///   with code `E-APP-001` says how many are gone.
/// - Warnings and failed attempts: 1,024 as well, told alike. They push out nothing else.
/// - Decisions and endings: approvals, resumptions, results, failures, convictions. Of these 16,384
///   wait, and 64 MiB. They are never dropped for anything else. A reader that lets so many wait is
///   told by a warning with code `E-APP-002`:
///   [`Coordinator::requests`](crate::Coordinator::requests) knows how each request stands,
///   [`Records`](crate::Records) has the results and the evidence.
#[derive(Debug)]
pub struct Events(Arc<Queue>);

impl Events {
    /// Waits for the next event; `None` when the coordinator has shut down, or has stopped because
    /// its store failed. Port and store are free then.
    ///
    /// A call that is given up loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let is_over = {
                let mut waiting = self.0.lock();
                if let Some(event) = waiting.pop() {
                    return Some(event);
                }
                waiting.is_over
            };
            if is_over {
                return None;
            }
            // What came meanwhile has left its mark.
            self.0.news.notified().await;
        }
    }

    /// A stream in which nothing comes.
    pub(crate) fn over() -> Self {
        let queue = Queue::default();
        queue.end();
        Self(Arc::new(queue))
    }
}

/// Where events come from. The streams end when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publisher(Arc<Readers>);

/// Where further streams come from; does not keep them open.
#[derive(Clone, Debug)]
pub(crate) struct Subscriptions(Weak<Readers>);

/// As many as the application wants, each with the bounds of [`Events`].
#[derive(Debug, Default)]
struct Readers(Mutex<Vec<Weak<Queue>>>);

impl Publisher {
    /// Hands an event to everybody who listens; waits for nobody.
    pub(crate) fn send(&self, event: Event) {
        let mut readers = self.0.lock();
        readers.retain(|reader| reader.strong_count() > 0);
        if readers.is_empty() {
            return;
        }
        let (class, by) = (event.class(), event.caused_by());
        let (weight, event) = (event.weight(), Arc::new(event));
        for reader in readers.iter().filter_map(Weak::upgrade) {
            reader.push(class, by, weight, Arc::clone(&event));
        }
    }

    /// Returns a stream of what comes from now on.
    pub(crate) fn subscribe(&self) -> Events {
        self.0.subscribe()
    }

    pub(crate) fn subscriptions(&self) -> Subscriptions {
        Subscriptions(Arc::downgrade(&self.0))
    }
}

impl Subscriptions {
    /// As [`Publisher::subscribe`]; nothing comes when the driver is gone.
    pub(crate) fn subscribe(&self) -> Events {
        self.0.upgrade().map_or_else(Events::over, |readers| readers.subscribe())
    }
}

impl Readers {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(&self) -> Events {
        let queue = Arc::new(Queue::default());
        self.lock().push(Arc::downgrade(&queue));
        Events(queue)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.lock().iter().filter_map(Weak::upgrade).for_each(|reader| reader.end());
    }
}

/// What waits for one reader.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, class: Class, by: Option<PeerId>, weight: usize, event: Arc<Event>) {
        self.lock().backlog.push(class, by, weight, event);
        self.news.notify_one();
    }

    fn end(&self) {
        self.lock().is_over = true;
        self.news.notify_one();
    }
}

#[derive(Debug, Default)]
struct Waiting {
    backlog: Backlog<Arc<Event>>,
    is_over: bool,
}

impl Waiting {
    fn pop(&mut self) -> Option<Event> {
        let problem = match self.backlog.pop()? {
            Waited::Event(event) => return Some(Arc::unwrap_or_clone(event)),
            Waited::Lost(problem) => Box::new(problem),
        };
        Some(Event::Warning { peer: None, problem })
    }
}

#[cfg(test)]
mod tests;
