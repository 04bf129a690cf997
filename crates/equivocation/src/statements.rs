//! The first statement in each slot of one session.

use alloc::{boxed::Box, collections::BTreeMap};

use ensign_primitives::{Occupancy, PeerId, SIGNERS_MAX};
use ensign_wire::{Envelope, Slot};

use crate::Evidence;

/// What a verified statement is, next to those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The first in its slot, or of a kind that may change.
    New,
    /// Equal to the one before it.
    Repeated,
    /// Different from the one before it: equivocation.
    Conflict(Evidence),
}

/// Most statements that one signer can make once in a session: one for each slot.
pub const STATEMENTS_PER_SIGNER_MAX: usize = Slot::PartialSigShare as usize + 1;

/// The first statement of each sender in each slot of one session.
///
/// Bounded by its caller: only senders that belong to the session are entered, each with at most
/// [`STATEMENTS_PER_SIGNER_MAX`] statements.
#[derive(Clone, Debug, Default)]
pub struct Statements(BTreeMap<(PeerId, Slot), Statement>);

#[derive(Clone, Debug)]
struct Statement {
    envelope: Box<Envelope>,
    digest: [u8; 32],
}

impl Statements {
    /// Returns the statement of `sender` in `slot`.
    pub fn get(&self, sender: &PeerId, slot: Slot) -> Option<&Envelope> {
        self.0.get(&(*sender, slot)).map(|statement| statement.envelope.as_ref())
    }

    /// Returns the [`Body::digest`](ensign_wire::Body::digest) of what `sender` said in `slot`.
    pub fn digest(&self, sender: &PeerId, slot: Slot) -> Option<[u8; 32]> {
        self.0.get(&(*sender, slot)).map(|statement| statement.digest)
    }

    /// Returns whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `envelope` says something else than what its sender said in the same slot.
    /// Cheap: no curve work.
    pub fn differs(&self, envelope: &Envelope) -> bool {
        envelope
            .body()
            .slot()
            .and_then(|slot| self.get(&envelope.sender(), slot))
            .is_some_and(|first| first.body() != envelope.body())
    }

    /// Returns how many statements are held, under the given name.
    pub fn occupancy(&self, name: &'static str) -> Occupancy {
        Occupancy { name, len: self.0.len(), limit: STATEMENTS_PER_SIGNER_MAX * SIGNERS_MAX }
    }

    /// Enters a statement whose signature was verified.
    pub fn observe(&mut self, envelope: &Envelope) -> Outcome {
        let Some(slot) = envelope.body().slot() else { return Outcome::New };
        let key = (envelope.sender(), slot);
        let Some(first) = self.0.get(&key) else {
            let digest = envelope.body().digest(envelope.network());
            self.0.insert(key, Statement { envelope: Box::new(envelope.clone()), digest });
            return Outcome::New;
        };
        if first.envelope.body() == envelope.body() {
            return Outcome::Repeated;
        }
        Outcome::Conflict(Evidence::conflict(first.envelope.clone(), Box::new(envelope.clone())))
    }
}
