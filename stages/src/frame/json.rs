//! The framer of a JSON document: each value to which a path leads is a record.
//!
//! The document is read forward, once, whatever its size: what lies outside of the records is judged by RFC 8259 and
//! let go ([`walk`]); of a record only the end is looked for ([`element`]), so a broken one is one reject, of the
//! parser, as long as its strings and brackets balance. A record over `max_record_bytes` is the reject
//! `record_too_large`. A document that is malformed outside of its records, or ends early, fails the job after the
//! records before. A record counts as soon as what stands behind it shows it to be whole: the comma or the bracket, in
//! an object the next name. Memory is `max_record_bytes` and one read. Blocks hold the bytes of records only.
//!
//! Where the path has one wildcard, at its end, framing can start again behind any record ([`RecordPath::restarts`]);
//! otherwise it starts with the document and leaves out what lies before the place.

mod element;
pub mod laws;
#[cfg(test)]
mod tests;
mod text;
mod walk;

use super::document::{self, DocumentFramer, Malformed};
use crate::json::RecordPath;
use bytes::Bytes;
use element::Element;
use pipeline::{Fatal, FrameLimits, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use walk::Walk;

/// `[format.json]` as it stands in a spec: one JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSpec {
    /// Where the records are, as a path of RFC 9535 that is followed while reading forward: `$`, names (`.data`,
    /// `['data']`), indexes from 0 (`[2]`) and wildcards (`[*]`, `.*`). Required: `$[*]` is each item of an array,
    /// `$.data.events[*]` each item of the array `events` in the object `data`.
    #[schemars(example = &"$.data.events[*]")]
    pub record_path: Option<String>,
}

/// Cuts the records of a JSON document.
pub type JsonFramer = DocumentFramer<Walk>;

impl JsonFramer {
    /// A framer that stands at `at`, and is fed from [`Self::fed_from`] on. A limit of 0 counts as 1, a
    /// `max_record_bytes` over 2 GiB as 2 GiB.
    pub fn new(path: &RecordPath, at: Position, limits: FrameLimits) -> Self {
        match Self::fed_from(path, at) {
            0 => Self::walking(Walk::new(path), Position::START, at, limits),
            _ => Self::walking(Walk::behind_a_record(path), at, at, limits),
        }
    }

    /// A framer of the one record that begins at `at`, where it is also fed from.
    pub fn of_one(path: &RecordPath, at: Position, limits: FrameLimits) -> Self {
        let element = match path.steps() {
            [] => Element::root(),
            _ => Element::default(),
        };
        Self::alone(Walk::new(path), element, at, limits)
    }

    /// The offset of the first byte that a framer wants which stands at `at`.
    pub fn fed_from(path: &RecordPath, at: Position) -> u64 {
        match path.restarts() {
            true => at.offset,
            false => 0,
        }
    }
}

impl document::Walk for Walk {
    type Element = Element;
    const NAME: &str = "JSON";
    const CUT_OFF_HINT: &str =
        "the file was cut off, or a string or bracket of the record does not close";

    fn read(
        &mut self,
        bytes: &[u8],
        at: usize,
        at_end: bool,
    ) -> Result<document::Found, Malformed> {
        self.read(bytes, at, at_end)
    }

    fn element(&self) -> Element {
        match self.is_in_container() {
            true => Element::default(),
            false => Element::root(),
        }
    }

    fn context(&mut self) -> Bytes {
        Bytes::new()
    }

    /// In an object only the next name does.
    fn shows_whole(&self, next: Option<u8>) -> bool {
        match next {
            Some(b',' | b']') => self.is_in_array(),
            _ => false,
        }
    }

    fn behind_element(&mut self, is_known_whole: bool) {
        self.behind_element(is_known_whole);
    }

    fn fatal(&self, malformed: &Malformed, place: &str) -> Fatal {
        let what = &malformed.what;
        let message = format!("the JSON document is malformed on {place}: {what}");
        let hint = match malformed.code {
            "truncated" => "the file was cut off: send it again",
            "duplicate_key" => "which of the two holds the records cannot be known",
            "encoding" => "say which encoding the file has: [input] encoding",
            _ => "what is around the records must be JSON; one object a line is [format.jsonl]",
        };
        Fatal::new(malformed.code, message).hint(hint)
    }
}

impl document::Element for Element {
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        self.end_in(bytes)
    }

    fn ends_with_input(&self, is_alone: bool) -> bool {
        is_alone || self.is_root()
    }

    fn len(&self, _read_bytes: u64) -> u64 {
        self.solid_len()
    }
}
