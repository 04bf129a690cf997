//! What has to be found, and whether somebody has.

use ensign_primitives::{Network, PeerId, TaggedHasher};
use ensign_wire::{Price, Proof};

/// The only version of proofs: SHA-256. Another puzzle takes another number.
pub const POW_VERSION: u8 = 1;

/// What a proof is good for; part of what is hashed, so that none serves twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Purpose {
    /// A place at a node's gate.
    Gate = 1,
    /// An advert in the open network.
    Advert = 2,
    /// A position in the open network.
    Position = 3,
}

/// A number is to be found whose hash begins with so many zero bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Puzzle {
    /// What its solution is good for.
    pub purpose: Purpose,
    /// On which network.
    pub network: Network,
    /// For whom: the node key of whoever solves it.
    pub key: PeerId,
    /// Drawn by whoever asks; nobody can begin before it is known.
    pub seed: [u8; 32],
    /// In which epoch of whoever asks the solution holds.
    pub epoch: u64,
    /// How many zero bits the hash begins with, at most 64. Each one doubles the work: `2^bits` hashes
    /// in the mean.
    pub bits: u8,
}

/// Why a proof is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody asked for it on this connection, or it has been paid there.
    #[error("a proof of work that nobody asked for")]
    NotAsked,
    /// Its puzzle is one that we do not know.
    #[error("a proof of work of version {seen}, only {POW_VERSION} is known")]
    Version {
        /// Its version.
        seen: u8,
    },
    /// Its epoch is over.
    #[error("a proof of work of epoch {seen}, which is over: it is {now}")]
    Expired {
        /// Its epoch.
        seen: u64,
        /// The epoch that runs.
        now: u64,
    },
    /// Its epoch has not begun.
    #[error("a proof of work of epoch {seen}, which has not begun: it is {now}")]
    Future {
        /// Its epoch.
        seen: u64,
        /// The epoch that runs.
        now: u64,
    },
    /// It has bought a stay that is over.
    #[error("a proof of work that has bought its stay already")]
    Spent,
    /// Too little work; or work for another node, network, seed or epoch, which looks the same.
    #[error(
        "a proof of work with {seen} of {needed} zero bits: too little, or made for another node, network or seed"
    )]
    TooFewBits {
        /// How many it needs.
        needed: u8,
        /// How many it has.
        seen: u8,
    },
}

impl Puzzle {
    /// Returns what `key` has to find to pay a price at a node's gate.
    pub const fn of_price(network: Network, key: PeerId, price: Price) -> Self {
        let Price { version: _, bits, epoch, seed } = price;
        Self { purpose: Purpose::Gate, network, key, seed, epoch, bits }
    }

    /// Everything of the hash but the number: cloned for each try, of which each then costs one
    /// compression of SHA-256.
    pub(crate) fn work(&self) -> TaggedHasher {
        let challenge = TaggedHasher::new("ensign/pow-challenge/v1", self.network)
            .bytes(&[POW_VERSION, self.purpose as u8])
            .bytes(self.key.as_bytes())
            .bytes(&self.seed)
            .u64(self.epoch)
            .finish();
        TaggedHasher::new("ensign/pow-work/v1", self.network).bytes(&challenge)
    }

    /// Returns how many zero bits the hash of a number begins with, 64 for more.
    ///
    /// Cost: six compressions of SHA-256, about half a microsecond.
    pub fn bits_of(&self, nonce: u64) -> u8 {
        zero_bits(self.work(), nonce)
    }

    /// Checks a proof for this puzzle, from cheap to dear: its version, its epoch, its work.
    /// Returns how many bits it has.
    ///
    /// # Errors
    ///
    /// [`Refusal::Version`], [`Refusal::Expired`], [`Refusal::Future`] or [`Refusal::TooFewBits`].
    pub fn check(&self, proof: Proof) -> Result<u8, Refusal> {
        check_heading(proof, self.epoch..=self.epoch)?;
        let seen = self.bits_of(proof.nonce);
        if seen < self.bits {
            return Err(Refusal::TooFewBits { needed: self.bits, seen });
        }
        Ok(seen)
    }
}

/// Checks what costs no hash: the version, and whether the epoch is one that counts.
pub(crate) fn check_heading(
    proof: Proof,
    epochs: core::ops::RangeInclusive<u64>,
) -> Result<(), Refusal> {
    let Proof { version, epoch, nonce: _ } = proof;
    if version != POW_VERSION {
        return Err(Refusal::Version { seen: version });
    }
    let now = *epochs.end();
    match epoch {
        _ if epochs.contains(&epoch) => Ok(()),
        _ if epoch > now => Err(Refusal::Future { seen: epoch, now }),
        _ => Err(Refusal::Expired { seen: epoch, now }),
    }
}

pub(crate) fn zero_bits(work: TaggedHasher, nonce: u64) -> u8 {
    let hash = work.u64(nonce).finish();
    let first = hash.first_chunk::<8>().map_or(u64::MAX, |it| u64::from_be_bytes(*it));
    // At most 64.
    first.leading_zeros() as u8
}
