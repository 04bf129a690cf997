//! Drives [`ensign_fuzz::dht`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::dht(data));
