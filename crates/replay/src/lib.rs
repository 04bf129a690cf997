//! Freshness, de-duplication, sequence numbers and nonce uniqueness.
#![no_std]
extern crate alloc;
