//! Something that happens once, and those who wait for it.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Wakes those who wait in the order in which they came; `tokio::sync::watch` wakes them in a
/// random one, which no seed repeats.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    is_set: AtomicBool,
    waiting: Notify,
}

impl Latch {
    /// Sets it; true for the one call that did.
    pub(crate) fn set(&self) -> bool {
        let is_first = !self.is_set.swap(true, Ordering::SeqCst);
        self.waiting.notify_waiters();
        is_first
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }

    /// Waits until it is set; at once when it is.
    pub(crate) async fn wait(&self) {
        let mut set = pin!(self.waiting.notified());
        set.as_mut().enable();
        if !self.is_set() {
            set.await;
        }
    }
}
