//! The one place where random bytes are drawn.

use ensign_primitives::{Network, TaggedHasher};

/// Where a node's random bytes come from: nonces, salts, the names of its requests.
#[derive(Debug)]
pub enum Randomness {
    /// The operating system, for each draw.
    System,
    /// Hashes of a seed and a counter. Whoever knows the seed knows the nonces, and with them the
    /// secret key.
    DangerousSimulated {
        /// Part of every hash.
        network: Network,
        /// What all follows from.
        seed: [u8; 32],
        /// How often was drawn.
        drawn: u64,
    },
}

/// The operating system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoEntropy;

impl Randomness {
    /// In a simulation, returns what its signer draws from: other bytes from the same seed.
    pub fn for_signer(&self) -> Option<Self> {
        let Self::DangerousSimulated { network, seed, .. } = self else { return None };
        let hasher = TaggedHasher::new("ensign/simulated-signer/v1", *network);
        let seed = hasher.bytes(seed.as_slice()).finish();
        Some(Self::DangerousSimulated { network: *network, seed, drawn: 0 })
    }

    /// Draws bytes, at most 32.
    ///
    /// # Errors
    ///
    /// [`NoEntropy`]; nothing weaker is ever given instead.
    pub fn draw<const N: usize>(&mut self) -> Result<[u8; N], NoEntropy> {
        const { assert!(N <= 32, "one hash has 32 bytes") };
        let mut bytes = [0; N];
        match self {
            Self::System => getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?,
            Self::DangerousSimulated { network, seed, drawn } => {
                let hasher = TaggedHasher::new("ensign/simulated-entropy/v1", *network);
                let hash = hasher.bytes(seed.as_slice()).u64(*drawn).finish();
                bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
                *drawn += 1;
            }
        }
        Ok(bytes)
    }
}
