//! Drives [`ensign_fuzz::psbt`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::psbt(data));
