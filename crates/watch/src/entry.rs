//! What is known of one peer.

use alloc::{collections::VecDeque, vec::Vec};
use core::net::IpAddr;

use ensign_primitives::UnixTime;

use crate::{Act, CAUSES_KEPT, Cause, Counts, Note};

/// What was done to one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Where it spoke from the last time; `None` where that is not known.
    pub remote: Option<IpAddr>,
    /// How often what was done.
    pub counts: Counts,
    /// The latest last.
    causes: VecDeque<Cause>,
}

impl Entry {
    /// Returns the last causes, the latest first; at most [`CAUSES_KEPT`].
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().rev()
    }

    /// Returns when something was done the last time.
    pub fn last(&self) -> UnixTime {
        self.causes.iter().map(|cause| cause.last).max().unwrap_or(UnixTime::from_millis(0))
    }

    /// Returns since when it is held back: the first of what is kept.
    pub fn since(&self) -> UnixTime {
        let first = self.causes.iter().map(|cause| cause.first).min();
        first.unwrap_or(UnixTime::from_millis(0))
    }

    /// Returns what was done of late: everything whose cause is kept, each once.
    pub fn acts(&self) -> Vec<Act> {
        let mut acts: Vec<Act> = self.causes.iter().map(|cause| cause.act).collect();
        acts.sort_unstable();
        acts.dedup();
        acts
    }

    pub(crate) fn take(&mut self, now: UnixTime, note: &Note<'_>, what: &str) {
        let Note { act, points, remote, .. } = *note;
        self.counts.add(act, points);
        self.remote = remote.or(self.remote);
        if let Some(at) = self.causes.iter().position(|cause| cause.is_like(act, what)) {
            if let Some(mut cause) = self.causes.remove(at) {
                cause.again(now, points);
                self.causes.push_back(cause);
            }
            return;
        }
        if self.causes.len() >= CAUSES_KEPT {
            self.causes.pop_front();
        }
        self.causes.push_back(Cause::new(now, act, what, points));
    }
}
