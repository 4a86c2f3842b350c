//! Fuzzes the JSON parser: its law holds for any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::parse::json::laws::hold_for_any(data));
