//! Drives [`ensign_fuzz::session`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::session(data));
