//! Fuzzes the framer of JSON documents: its laws hold for any bytes, limits and some paths.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::frame::json::laws::hold_for_any(data));
