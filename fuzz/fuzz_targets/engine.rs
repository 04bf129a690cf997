//! Drives [`ensign_fuzz::engine`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::engine(data));
