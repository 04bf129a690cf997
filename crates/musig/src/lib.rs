//! BIP327 MuSig2 over libsecp256k1: keys, nonces, sessions, partial signatures, blame.
//!
//! All named signers together make one ordinary [BIP-0340] signature under one aggregate key. The
//! curve work is libsecp256k1's; this crate is the strict part around it, where a mistake does not
//! compile or comes back as a typed error.
//!
//! # Invariants
//!
//! - A secret ([`SecKey`], [`NonceEntropy`], [`SecNonce`]) has neither `Clone` nor `PartialEq` nor
//!   serialization, prints as its public part only, and is erased when dropped.
//! - A [`SecNonce`] is consumed by [`SigningCtx::sign`], whether signing succeeds or not, and a
//!   [`NonceEntropy`] by [`nonce_gen`].
//! - The key set, all public nonces and the message are fixed together in one immutable
//!   [`SigningCtx`]; there is no way to sign for one key set under the challenge of another.
//! - A key that is not in the key set neither gets a nonce nor signs.
//! - Every invariant libsecp256k1 would answer with an abort of the process is checked before it is
//!   called.
//! - A partial signature leaves [`SigningCtx::sign`] verified, and a final signature leaves
//!   [`SigningCtx::partial_sig_agg`] verified.
//!
//! # One signature by two signers
//!
//! ```
//! use ensign_musig::{KeyAggCtx, NonceEntropy, SecKey, SigningCtx, key_sort, nonce_gen};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (alice, bob) = (SecKey::from_secret_bytes([1; 32])?, SecKey::from_secret_bytes([2; 32])?);
//! let mut keys = [alice.public_key(), bob.public_key()];
//! key_sort(&mut keys);
//! let ctx = KeyAggCtx::new(&keys)?;
//!
//! // In real use 32 fresh bytes from the operating system for each nonce.
//! let (entropy_a, entropy_b) = (NonceEntropy::new([3; 32])?, NonceEntropy::new([4; 32])?);
//! let (message, session_id) = ([5; 32], [6; 32]);
//! let (secnonce_a, pubnonce_a) = nonce_gen(entropy_a, &alice, &ctx, &message, &session_id)?;
//! let (secnonce_b, pubnonce_b) = nonce_gen(entropy_b, &bob, &ctx, &message, &session_id)?;
//!
//! // The nonces travel; each signer puts them into the order of the keys.
//! let alice_is_first = ctx.signer_index(&alice.public_key()) == Some(0);
//! let nonces =
//!     if alice_is_first { vec![pubnonce_a, pubnonce_b] } else { vec![pubnonce_b, pubnonce_a] };
//! let signing = SigningCtx::new(&ctx, nonces, message)?;
//! let (sig_a, sig_b) = (signing.sign(secnonce_a, &alice)?, signing.sign(secnonce_b, &bob)?);
//!
//! let sigs = if alice_is_first { [sig_a, sig_b] } else { [sig_b, sig_a] };
//! let signature = signing.partial_sig_agg(&sigs)?;
//! assert!(ensign_musig::verify_schnorr(&ctx.agg_key(), &message, &signature));
//! # Ok(())
//! # }
//! ```
//!
//! # What is deliberately absent
//!
//! Deterministic and counter nonces (replaying a session with another nonce, or rolling the counter
//! back, yields the key), serialized secret nonces, nonces made before the message is known,
//! messages of other lengths than 32 bytes, adaptor signatures, randomness, clocks.
//!
//! # What erasing can promise
//!
//! Secrets live in one heap allocation that is overwritten before it is freed. libsecp256k1's Rust
//! types are passed by value, so short-lived copies on the stack cannot be excluded.
//!
//! [BIP-0340]: https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod derive;
mod error;
mod hex;
mod key;
mod key_agg;
mod nonce;
mod partial_sig;
mod schnorr;
mod signing;
mod tweak;

#[cfg(test)]
mod tests;

pub use derive::{CHAIN_CODE, ExtendedKey};
pub use error::{
    Blame, InvalidEntropy, InvalidKey, InvalidNonce, InvalidPartialSig, InvalidSecret, KeyAggError,
    NonceAggError, NonceGenError, SignError, SigningCtxError, TweakError,
};
pub use key::{SecKey, key_sort, parse_public_key};
pub use key_agg::{KeyAggCtx, SIGNERS_MAX};
pub use nonce::{AggNonce, NonceEntropy, PubNonce, SecNonce, nonce_agg, nonce_gen};
pub use partial_sig::PartialSig;
pub use schnorr::verify_schnorr;
pub use secp256k1::{PublicKey, XOnlyPublicKey};
pub use signing::SigningCtx;
pub use tweak::{Tweak, taproot_tweak};
