//! Drives [`ensign_fuzz::gossip`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::gossip(data));
