//! Drives [`ensign_fuzz::seed_record`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::seed_record(data));
