//! Drives [`ensign_fuzz::overlay`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::overlay(data));
