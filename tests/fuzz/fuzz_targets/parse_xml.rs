//! Fuzzes framer and parser of XML together: a document is well-formed or not, whichever of its elements are records.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stages::parse::xml::laws::hold_for_any(data));
