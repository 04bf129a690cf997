//! Tests of the kernel.

mod adversaries;
pub(crate) mod checkers;
mod kernel;
mod waits;
mod world;
