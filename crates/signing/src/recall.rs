//! What the store knows of a request, asked before anything is done about one that we do not hold.
//!
//! A memory that may forget is no rule: what was once consented to, joined, declined, closed or
//! finished stands in the store, and only the store can say that it never was.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use ensign_primitives::{GroupId, Now, Occupancy, PeerId, RequestId};
use ensign_wire::{Body, Envelope};

use crate::{
    Ending, Output, Record, Signing,
    ended::{End, Share},
};

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
                | Record::Burned { request, .. }
                | Record::Partials { request, .. } => (*request, Self::Begun),
                Record::Finished { request, group, signatures } => {
                    let ending = Ending::Signed(signatures.clone());
                    (*request, Self::Over { group: *group, ending })
                }
                Record::Closed { request, group, reason } => {
                    (*request, Self::Over { group: *group, ending: Ending::Closed(*reason) })
                }
                Record::Undecided(_) | Record::Horizon(_) => continue,
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

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= RECALLS_MAX
    }

    /// Lets a statement wait; returns whether the store is to be asked.
    fn wait(&mut self, request: RequestId, from: PeerId, envelope: Box<Envelope>) -> bool {
        let asks = !self.contains(&request);
        if asks && self.is_full() {
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

    fn take(&mut self, request: &RequestId) -> Vec<(PeerId, Box<Envelope>)> {
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

impl Signing {
    /// Asks the store about a request; the statement waits for the answer.
    pub(crate) fn recall(&mut self, request: RequestId, from: PeerId, envelope: Box<Envelope>) {
        if self.recalls.wait(request, from, envelope) {
            self.outputs.push_back(Output::Recall { request });
        }
    }

    /// Goes on with what waited: a request that never was is opened, of any other the end is told.
    pub(crate) fn on_recalled(&mut self, now: Now, request: RequestId, known: Known) {
        let waiting = self.recalls.take(&request);
        match known {
            Known::Begun => {}
            Known::Over { group, ending } => {
                // Whoever digs out old requests pushes none out that we hold.
                if !self.ended.contains(&request) {
                    self.remember_end(request, (group, End::of(&ending)), Share::Undecided);
                }
                for (from, envelope) in waiting {
                    self.tell_ended(now, (from, request), &envelope, &ending);
                }
            }
            Known::Nothing => {
                for (from, envelope) in waiting {
                    if self.requests.contains_key(&request) {
                        self.on_envelope(now, from, envelope);
                    } else if let Body::SessionAnnounce(announce) = envelope.body() {
                        self.open_announced(now, from, &envelope, announce);
                    }
                }
            }
        }
    }
}
