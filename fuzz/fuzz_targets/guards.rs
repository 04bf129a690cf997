//! Drives [`ensign_fuzz::guards`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::guards(data));
