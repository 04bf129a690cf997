//! Conflicting or false signed statements become portable evidence.
#![no_std]
extern crate alloc;
