//! Where the random numbers below TLS come from. None of them is a key.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ensign_primitives::{Network, TaggedHasher};
use quinn::ConnectionId;
use quinn_proto::ConnectionIdGenerator;

/// Random numbers of one transport.
#[derive(Clone, Debug)]
pub(crate) enum Chance {
    /// The operating system's.
    System,
    /// The same for the same seed, so that a simulated run can be repeated packet for packet.
    Simulated(Arc<Seeded>),
}

/// Hashes of a seed and a counter.
#[derive(Debug)]
pub(crate) struct Seeded {
    network: Network,
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl Chance {
    pub(crate) fn simulated(network: Network, seed: [u8; 32]) -> Self {
        Self::Simulated(Arc::new(Seeded { network, seed, drawn: AtomicU64::new(0) }))
    }

    /// Draws a number; the largest one when the operating system has none.
    pub(crate) fn number(&self) -> u32 {
        let mut bytes = [0; 4];
        match self {
            Self::System => {
                getrandom::fill(&mut bytes).map_or(u32::MAX, |()| u32::from_le_bytes(bytes))
            }
            Self::Simulated(seeded) => {
                bytes.iter_mut().zip(seeded.draw()).for_each(|(to, from)| *to = from);
                u32::from_le_bytes(bytes)
            }
        }
    }
}

impl Seeded {
    pub(crate) fn draw(&self) -> [u8; 32] {
        let position = self.drawn.fetch_add(1, Ordering::Relaxed);
        let hasher = TaggedHasher::new("ensign/simulated-transport/v1", self.network);
        hasher.bytes(&self.seed).u64(position).finish()
    }

    /// Draws the connection id that a dial gives its peer at first.
    pub(crate) fn initial_id(&self) -> ConnectionId {
        self.connection_id(INITIAL_ID_BYTES)
    }

    fn connection_id(&self, len: usize) -> ConnectionId {
        ConnectionId::new(self.draw().get(..len).unwrap_or_default())
    }
}

/// The longest that QUIC allows (RFC 9000 section 17.2), as quinn's own.
const INITIAL_ID_BYTES: usize = 20;

/// How long a connection id of ours is. Guess: as in quinn's default, too long to be hit by chance.
pub(crate) const CONNECTION_ID_BYTES: usize = 8;

/// Makes the ids of one endpoint's connections.
#[derive(Debug)]
pub(crate) struct SeededIds(pub(crate) Arc<Seeded>);

impl ConnectionIdGenerator for SeededIds {
    fn generate_cid(&mut self) -> ConnectionId {
        self.0.connection_id(CONNECTION_ID_BYTES)
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}
