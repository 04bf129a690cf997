//! The node as one pure state machine.
//!
//! Everything that it does today is in `ensign-signing`.
#![no_std]

pub use ensign_signing::Signing as Engine;
pub use ensign_signing::*;
