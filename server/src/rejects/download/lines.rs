//! A line behind what is said of it: four texts and the line, with tabs between them.
//!
//! Behind the fourth tab stands the line as it came, tabs and all, so that its places and its pattern are the file's own.
//! For people who open it as a table, each part of the line between tabs and CRs is no formula ([`stages::corrected::formula`]).

use super::Said;
use stages::corrected::formula::{self, MARK};

/// A line: reference, code, field and message, and the record.
pub(super) fn record(raw: &[u8], said: &Said, out: &mut Vec<u8>) {
    for text in [&said.reference, &said.code, &said.field, &said.message] {
        part(text.replace(['\t', '\r', '\n'], " ").as_bytes(), out);
        out.push(b'\t');
    }
    for bytes in raw.split_inclusive(|byte| matches!(byte, b'\t' | b'\r')) {
        part(bytes, out);
    }
    out.push(b'\n');
}

fn part(bytes: &[u8], out: &mut Vec<u8>) {
    if formula::is_formula(bytes, MARK) {
        out.push(MARK);
    }
    out.extend_from_slice(bytes);
}
