//! The digest of everything a node did: equal for equal scenario and seed.

use std::fmt::Write as _;

use ensign_primitives::{Instant, sha256};

use crate::Seen;

/// How many bytes are hashed at a time.
const CHUNK_BYTES: usize = 2048;

/// A running digest.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    digest: [u8; 32],
    waiting: Vec<u8>,
}

impl Trace {
    pub(crate) fn add(&mut self, at: Instant, what: &Seen) {
        self.waiting.extend(at.as_micros().to_le_bytes());
        if let Seen::Received { from: peer, frame, .. } | Seen::Sent { to: peer, frame, .. } = what
        {
            self.waiting.extend(peer.0.to_le_bytes());
            self.waiting.extend_from_slice(frame);
        } else {
            let mut text = String::new();
            let _ = write!(text, "{what:?}");
            self.waiting.extend(text.into_bytes());
        }
        if self.waiting.len() >= CHUNK_BYTES {
            self.fold();
        }
    }

    pub(crate) fn digest(&mut self) -> [u8; 32] {
        self.fold();
        self.digest
    }

    fn fold(&mut self) {
        self.waiting.extend(self.digest);
        self.digest = sha256(&self.waiting);
        self.waiting.clear();
    }
}
