//! Which records have been verified: each costs a curve operation, once.

use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
};
use core::fmt::Debug;

use ensign_wire::{DhtRecord, NodeRecord, RecordError};

use crate::SEALS_REMEMBERED;

/// Verifies what costs curve work. A simulation gives all its nodes one that they share.
pub trait Verify: Debug + Send {
    /// Verifies work and signature of a node record.
    ///
    /// # Errors
    ///
    /// [`RecordError::PositionBits`] or [`RecordError::Signature`].
    fn node(&mut self, record: &NodeRecord, bits: u8) -> Result<(), RecordError>;

    /// Tells whether the publisher signed a record.
    fn record(&mut self, record: &DhtRecord) -> bool;
}

/// Remembers the last [`SEALS_REMEMBERED`] records that held.
#[derive(Debug, Default)]
pub struct Verifier {
    seals: BTreeSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Verifier {
    /// Makes one that remembers nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn knows(&self, seal: &[u8; 32]) -> bool {
        self.seals.contains(seal)
    }

    fn remember(&mut self, seal: [u8; 32]) {
        if !self.seals.insert(seal) {
            return;
        }
        self.order.push_back(seal);
        if self.order.len() > SEALS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seals.remove(&oldest);
        }
    }

    /// Returns how many records are remembered.
    pub fn len(&self) -> usize {
        self.seals.len()
    }

    /// Returns whether none is.
    pub fn is_empty(&self) -> bool {
        self.seals.is_empty()
    }
}

impl Verify for Verifier {
    fn node(&mut self, record: &NodeRecord, bits: u8) -> Result<(), RecordError> {
        let seal = record.seal();
        if self.knows(&seal) {
            return Ok(());
        }
        record.verify_work(bits)?;
        if !record.verify_signature() {
            return Err(RecordError::Signature);
        }
        self.remember(seal);
        Ok(())
    }

    fn record(&mut self, record: &DhtRecord) -> bool {
        let seal = record.seal();
        let holds = self.knows(&seal) || record.verify_signature();
        if holds {
            self.remember(seal);
        }
        holds
    }
}

impl Verify for Box<dyn Verify> {
    fn node(&mut self, record: &NodeRecord, bits: u8) -> Result<(), RecordError> {
        (**self).node(record, bits)
    }

    fn record(&mut self, record: &DhtRecord) -> bool {
        (**self).record(record)
    }
}
