//! Tests of the machine.

mod cast;
mod contract;
mod lone;
mod network;
