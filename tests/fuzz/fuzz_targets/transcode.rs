//! Fuzzes transcoding: its laws hold for any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::unpack::laws::transcoding_holds_for_any(data));
