//! The gate of a node: who is connected, what is asked of a frame before it is read, and what an offense costs.
//!
//! The engine enters each connection into the [`Gate`], has the [`Guards`] judge each frame before a byte of it
//! is decoded, and carries out what [`sentence`] says of an [`Offense`].
//!
//! Invariants:
//!
//! - Each connection has a name, each peer at most one connection; the newest.
//! - Who gives way is said by [`Gate::gives_way`]: never a member, nor who is wanted.
//! - Guards are asked from cheap to dear, and the first that does not allow a frame decides.
//! - Every offense has one [`Sentence`], decided by [`sentence`] and nowhere else.
//!
//! Absent on purpose: frames, the children of the engine, and what a score is made of (`ensign-reputation`).
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod gate;
pub use gate::{Arrival, Gate, Link};
mod guards;
pub use guards::{Arriving, Guards, Verdict};
mod offense;
pub use offense::Offense;
mod sentence;
pub use sentence::{Scope, Sentence, mark, sentence};
mod strangers;
pub use strangers::{
    BOOTSTRAP_STRANGERS_MAX, HELLO_TIMEOUT, OFFENSE_POINTS_MAX, OPEN_STRANGER_TIME,
    OPEN_STRANGERS_MAX, STRANGER_TIME, STRANGERS_MAX, Strangers,
};

#[cfg(test)]
mod tests;
