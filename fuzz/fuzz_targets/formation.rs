//! Drives [`ensign_fuzz::formation`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::formation(data));
