//! What can go wrong, one enum for each operation, and who is to blame.

use alloc::vec::Vec;

use secp256k1::PublicKey;

use crate::hex::Hex;

/// Says that 33 bytes are not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a compressed curve point", Hex(bytes))]
pub struct InvalidKey {
    /// The bytes seen.
    pub bytes: [u8; 33],
}

/// Says that 32 bytes are not a secret key: they are zero or not below the group order.
///
/// Carries nothing, since the bytes may be most of somebody's secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret key is zero or not below the group order")]
pub struct InvalidSecret;

/// Says that the bytes offered as randomness are all zero, so no random source wrote them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nonce entropy is 32 zero bytes")]
pub struct InvalidEntropy;

/// Says that 66 bytes are not two curve points.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not two compressed curve points", Hex(bytes))]
pub struct InvalidNonce {
    /// The bytes seen.
    pub bytes: [u8; 66],
}

/// Says that 32 bytes are not below the group order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("partial signature {} is not below the group order", Hex(bytes))]
pub struct InvalidPartialSig {
    /// The bytes seen.
    pub bytes: [u8; 32],
}

/// Why keys cannot be aggregated.
///
/// An infinite sum is not listed: every coefficient is a hash of all keys, so nobody can produce
/// one, and libsecp256k1 does not report one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyAggError {
    /// A key set has at least one key.
    #[error("no keys to aggregate")]
    NoKeys,
    /// More keys than one key set may hold.
    #[error("{seen} keys to aggregate, at most {limit} are allowed")]
    TooManyKeys {
        /// Keys given.
        seen: usize,
        /// [`SIGNERS_MAX`](crate::SIGNERS_MAX).
        limit: usize,
    },
}

/// Why a tweak cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TweakError {
    /// The tweak is not below the group order.
    #[error("tweak {} is not below the group order", Hex(tweak))]
    OutOfRange {
        /// The tweak, big-endian.
        tweak: [u8; 32],
    },
    /// The tweak is the negation of the key, so the tweaked key would be the point at infinity.
    #[error("tweak {} moves the key to infinity", Hex(tweak))]
    Infinity {
        /// The tweak, big-endian.
        tweak: [u8; 32],
    },
}

/// Why no nonce is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceGenError {
    /// The signer's key is not in the key set.
    #[error("signer {signer} is not in the key set")]
    UnlistedSigner {
        /// The public key of the signer.
        signer: PublicKey,
    },
}

/// Why public nonces cannot be aggregated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceAggError {
    /// There is nothing to add.
    #[error("no nonces to aggregate")]
    NoNonces,
    /// More nonces than a key set may hold keys.
    #[error("{seen} nonces to aggregate, at most {limit} are allowed")]
    TooManyNonces {
        /// Nonces given.
        seen: usize,
        /// [`SIGNERS_MAX`](crate::SIGNERS_MAX).
        limit: usize,
    },
}

/// Why a signing context cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningCtxError {
    /// There is not exactly one public nonce per key.
    #[error("{seen} public nonces for {expected} keys")]
    NonceCount {
        /// Keys in the key set.
        expected: usize,
        /// Nonces given.
        seen: usize,
    },
}

/// Why no partial signature is made. The secret nonce is gone in every case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The nonce was made for another key, and signing with it could cost both.
    #[error("nonce was made for signer {nonce_key}, who is not signing")]
    KeyMismatch {
        /// The key the nonce was made for.
        nonce_key: PublicKey,
    },
    /// The signer's key is not in the key set.
    #[error("signer {signer} is not in the key set")]
    UnlistedSigner {
        /// The public key of the signer.
        signer: PublicKey,
    },
    /// No slot of the signer holds the public half of this nonce.
    #[error("public nonce of signer {signer} is in none of its slots")]
    NonceNotInSlot {
        /// The public key of the signer.
        signer: PublicKey,
    },
    /// The finished partial signature does not verify: this machine computed wrongly. Nothing was
    /// handed out; treat the hardware as faulty or attacked.
    #[error("own partial signature for slot {slot} does not verify")]
    SelfCheck {
        /// The slot signed for.
        slot: usize,
    },
}

/// Who is at fault when partial signatures do not add up to a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Blame {
    /// The caller did not pass exactly one partial signature per key. No signer is at fault.
    #[error("{seen} partial signatures for {expected} keys")]
    Caller {
        /// Keys in the key set.
        expected: usize,
        /// Partial signatures given.
        seen: usize,
    },
    /// Every slot, ascending, whose partial signature is false.
    ///
    /// Empty if every one is true and still no signature exists, because `R1 + b * R2` is infinite and
    /// BIP327 then puts the generator in its place. It takes somebody who knew every secret nonce, so
    /// it does not happen to a signer that made its own with fresh entropy.
    #[error("false partial signatures in slots {0:?}")]
    Signers(Vec<usize>),
}

impl Blame {
    /// Names the slots with a false partial signature, ascending; empty if the caller is at fault.
    pub fn signers(&self) -> &[usize] {
        match self {
            Self::Caller { .. } => &[],
            Self::Signers(slots) => slots,
        }
    }
}
