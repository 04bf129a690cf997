//! One memory of verified records for all nodes of a world: each signature is verified once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use ensign_dht::Verify;
use ensign_wire::{DhtRecord, NodeRecord, RecordError};

/// First halves of digests that hold, which are compared as numbers. Hostile nodes of this simulator forge no
/// signature, so that a digest stands for it, and nobody looks for two that begin alike.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<BTreeSet<u128>>>);

impl Shared {
    fn holds<E>(&self, digest: &[u8; 32], verify: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let half = digest.first_chunk().map_or(0, |it| u128::from_be_bytes(*it));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&half) {
            verify()?;
            known.insert(half);
        }
        Ok(())
    }
}

impl Verify for Shared {
    fn node(&mut self, record: &NodeRecord, bits: u8) -> Result<(), RecordError> {
        self.holds(record.digest(), || {
            record.verify_work(bits)?;
            if record.verify_signature() { Ok(()) } else { Err(RecordError::Signature) }
        })
    }

    fn record(&mut self, record: &DhtRecord) -> bool {
        let verify = || if record.verify_signature() { Ok(()) } else { Err(()) };
        self.holds(record.digest(), verify).is_ok()
    }
}
