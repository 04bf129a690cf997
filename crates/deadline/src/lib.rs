//! Phase timeouts, and who is not responding.
#![no_std]
extern crate alloc;
