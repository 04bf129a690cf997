//! The state machine contract as tests that run on every machine.
