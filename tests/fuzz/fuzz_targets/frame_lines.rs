//! Fuzzes the framer of lines: its laws hold for any bytes and limits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::frame::lines::laws::hold_for_any(data));
