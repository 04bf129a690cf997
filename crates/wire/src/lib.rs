//! Every message, the signed envelope, the codec, framing and size limits.
#![no_std]
extern crate alloc;
