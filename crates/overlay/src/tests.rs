//! Tests of the machine.

mod contract;
mod network;
