//! The contract of every machine.
