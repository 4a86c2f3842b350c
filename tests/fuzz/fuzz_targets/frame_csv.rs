//! Fuzzes the CSV framer: its laws hold for any bytes, limits and dialects.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::frame::csv::laws::hold_for_any(data));
