//! Drives [`ensign_fuzz::contact`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::contact(data));
