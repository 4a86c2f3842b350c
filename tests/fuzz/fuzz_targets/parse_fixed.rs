//! Fuzzes the parser of lines with fixed places: its law holds for any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::parse::fixed::laws::hold_for_any(data));
