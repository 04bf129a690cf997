//! The signer: who holds the secret signer key, and how it is asked.
//!
//! A [`Signer`] answers five questions, whoever it is: [`InProcess`], a `SocketSigner` that speaks
//! to another process over a Unix socket, or anything that an application brings. `serve` is the other
//! end of that socket. A [`Desk`] asks a signer on a thread of its own, because it may wait for a
//! person.
//!
//! Invariants:
//!
//! - The secret key is in a [`Signer`] and nowhere else.
//! - Secret nonces never leave it, are drawn for one attempt each and are never stored.
//! - What a session has given up is not asked any more: nobody is shown what is over.
//!
//! This crate reads the wall clock ([`unix_now`]) and draws from the operating system
//! ([`Randomness::System`]), for a signer needs both and must trust nobody else for them.
//!
//! Absent on purpose: judging what is signed (`ensign-review`), an encrypted key file
//! (`ensign-vault`), a runtime: threads and blocking calls are enough.

mod signer;
pub use signer::{Asks, Signer, SignerError};
mod in_process;
pub use in_process::InProcess;
mod desk;
pub use desk::{Answer, Desk, Question};
mod holder;
pub use holder::KeyHolder;
#[cfg(unix)]
mod socket;
#[cfg(unix)]
pub use socket::{ServeError, SocketSigner, serve};
mod keys;
pub use keys::Keys;
mod randomness;
pub use randomness::{NoEntropy, Randomness};
mod wall;
pub use wall::unix_now;
