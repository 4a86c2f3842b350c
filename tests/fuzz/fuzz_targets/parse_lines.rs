//! Fuzzes the parser of lines by a pattern: its law holds for any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::parse::lines::laws::hold_for_any(data));
