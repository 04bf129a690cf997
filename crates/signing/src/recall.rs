//! What the store knows of a request, asked before anything is done about one that we do not hold.
//!
//! A memory that may forget is no rule: what was once consented to, joined, declined, closed or
//! finished stands in the store, and only the store can say that it never was.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use ensign_primitives::{GroupId, Occupancy, PeerId, RequestId};
use ensign_wire::Envelope;

use crate::{Ending, Record};

/// Most requests that the store is asked about at one time. Guess: what a handful of members may
/// bring at once.
pub const RECALLS_MAX: usize = 256;

/// Most statements that wait for what the store knows of one request. Guess: one of each member of
/// an ordinary group.
pub const RECALL_ENVELOPES_MAX: usize = 16;

/// What a store knows of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// Our user consented, or an attempt was joined, and it is not over.
    Begun,
    /// It is over.
    Over {
        /// Whose it was.
        group: GroupId,
        /// How it ended.
        ending: Ending,
    },
}

impl Known {
    /// Looks through a journal's records, oldest first, for drivers that keep one.
    pub fn from_records<'a>(
        records: impl IntoIterator<Item = &'a Record>,
        wanted: &RequestId,
    ) -> Self {
        let mut known = Self::Nothing;
        for record in records {
            let (id, found) = match record {
                Record::Consented { request, .. } => (request.request.id(), Self::Begun),
                Record::Joined { request, .. }
                | Record::Decided { request, .. }
                | Record::Burned { request, .. }
                | Record::Partials { request, .. } => (*request, Self::Begun),
                Record::Finished { request, group, signatures } => {
                    let ending = Ending::Signed(signatures.clone());
                    (*request, Self::Over { group: *group, ending })
                }
                Record::Closed { request, group, reason } => {
                    (*request, Self::Over { group: *group, ending: Ending::Closed(*reason) })
                }
                Record::Undecided(_)
                | Record::Case(_)
                | Record::Horizon(_)
                | Record::Delegated(_) => continue,
            };
            if id == *wanted && found.rank() >= known.rank() {
                known = found;
            }
        }
        known
    }
}

impl Known {
    /// An end outranks a beginning, signatures outrank a failure.
    const fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Begun => 1,
            Self::Over { ending: Ending::Closed(_), .. } => 2,
            Self::Over { ending: Ending::Signed(_), .. } => 3,
        }
    }
}

/// Statements that wait for what the store knows.
#[derive(Debug, Default)]
pub(crate) struct Recalls(BTreeMap<RequestId, Vec<(PeerId, Box<Envelope>)>>);

impl Recalls {
    pub(crate) fn contains(&self, request: &RequestId) -> bool {
        self.0.contains_key(request)
    }

    /// Whether the store may be asked about one more request that a node brings: it has brought fewer of
    /// those that are asked about than places are free, so that some always are.
    pub(crate) fn has_place_for(&self, from: &PeerId) -> bool {
        let free = RECALLS_MAX.saturating_sub(self.0.len());
        let is_theirs = |waiting: &&Vec<(PeerId, Box<Envelope>)>| {
            waiting.first().is_some_and(|(bearer, _)| bearer == from)
        };
        self.0.values().filter(is_theirs).count() < free
    }

    /// Lets a statement wait; returns whether the store is to be asked.
    pub(crate) fn wait(
        &mut self,
        request: RequestId,
        from: PeerId,
        envelope: Box<Envelope>,
    ) -> bool {
        let asks = !self.contains(&request);
        if asks && !self.has_place_for(&from) {
            return false;
        }
        let waiting = self.0.entry(request).or_default();
        // Each speaks for itself: a second one of the same kind and bearer adds nothing.
        let kind = envelope.body().kind();
        let is_new = |(bearer, known): &(PeerId, Box<Envelope>)| {
            *bearer != from || known.body().kind() != kind
        };
        if waiting.len() < RECALL_ENVELOPES_MAX && waiting.iter().all(is_new) {
            waiting.push((from, envelope));
        }
        asks
    }

    pub(crate) fn take(&mut self, request: &RequestId) -> Vec<(PeerId, Box<Envelope>)> {
        self.0.remove(request).unwrap_or_default()
    }

    pub(crate) fn occupancy(&self) -> [Occupancy; 2] {
        let fullest = self.0.values().map(Vec::len).max().unwrap_or(0);
        [
            Occupancy { name: "recalled requests", len: self.0.len(), limit: RECALLS_MAX },
            Occupancy {
                name: "statements that wait for a recall",
                len: fullest,
                limit: RECALL_ENVELOPES_MAX,
            },
        ]
    }
}
