//! Fuzzes the framer that tells kinds of records, around each of the others: its laws hold for any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::kind::laws::hold_for_any(data));
