//! Drives [`ensign_fuzz::frame_body`] with libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ensign_fuzz::frame_body(data));
