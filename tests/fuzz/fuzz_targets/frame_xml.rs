//! Fuzzes the framer of XML documents: its laws hold for any bytes, limits and some paths.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::frame::xml::laws::hold_for_any(data));
