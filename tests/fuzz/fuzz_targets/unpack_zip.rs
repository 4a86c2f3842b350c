//! Fuzzes the reader of zip archives: its laws hold for any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::unpack::laws::zip_holds_for_any(data));
