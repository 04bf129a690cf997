//! The whole node as one pure state machine.
#![no_std]
extern crate alloc;
