//! The framer of an XML document: each element to which a path leads is a record.
//!
//! The document is read forward, once, whatever its size: what lies outside of the records is judged and let go
//! ([`walk`]); of a record only the end is looked for ([`element`]), so a broken one is one reject, of the parser, as long
//! as its end can be found. A record over `max_record_bytes` is the reject `record_too_large`. A document that is
//! malformed outside of its records, has a DOCTYPE or ends early fails the job after the records before. Memory is
//! `max_record_bytes`, or [`MAX_TAG_BYTES`] where that is more, and one read. Blocks hold the bytes of records only, and
//! the namespaces that are declared around them.
//!
//! Which elements are open says only what stands before a place, so framing always starts with the document, and leaves
//! out what lies before the place.

mod element;
pub mod laws;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::MAX_TAG_BYTES;

use super::cut::usable;
use super::document::{self, DocumentFramer, Found, Malformed};
use crate::unpack::Encoding;
use crate::xml::{RecordPath, grammar};
use bytes::Bytes;
use element::Element;
use pipeline::{Fatal, FrameLimits, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use walk::Walk;

/// `[format.xml]` as it stands in a spec: one XML document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XmlSpec {
    /// Where the records are, a path from the document down: `/catalog/product` is each element `product` in the root
    /// element `catalog`. A step is a name, a name with a prefix of `namespaces`, or `*` for any element. A name without
    /// a prefix means no namespace. Required.
    #[schemars(example = &"/catalog/product")]
    pub record_path: Option<String>,
    /// The prefixes that paths use, each with the namespaces that it may mean:
    /// `{ a = ["http://www.w3.org/2005/Atom"] }`. The prefixes of the document do not matter. Default: none.
    #[schemars(example = serde_json::json!({ "a": ["http://www.w3.org/2005/Atom"] }))]
    pub namespaces: Option<BTreeMap<String, Vec<String>>>,
}

/// Cuts the records of an XML document.
pub type XmlFramer = DocumentFramer<Walk>;

impl XmlFramer {
    /// A framer that stands at `at`, and is fed from the start of a document whose text had `encoding`. A limit of 0
    /// counts as 1, a `max_record_bytes` over 2 GiB as 2 GiB.
    pub fn new(path: &RecordPath, encoding: Encoding, at: Position, limits: FrameLimits) -> Self {
        let walk = Walk::new(path, encoding, usable(limits).max_record_bytes);
        Self::walking(walk, Position::START, at, limits)
    }

    /// Keeps what stands between records out of messages: it may be a value that nobody may see.
    #[must_use]
    pub fn saying_no_text(mut self) -> Self {
        self.walk.says_text = false;
        self
    }

    /// A framer of the one record that begins at `at`, where it is also fed from.
    pub fn of_one(path: &RecordPath, at: Position, limits: FrameLimits) -> Self {
        let walk = Walk::new(path, Encoding::default(), usable(limits).max_record_bytes);
        Self::alone(walk, Element::default(), at, limits)
    }
}

impl document::Walk for Walk {
    type Element = Element;
    const NAME: &str = "XML";
    const CUT_OFF_HINT: &str = "the file was cut off, or the record's element, a comment or a CDATA section does not close";

    fn read(&mut self, bytes: &[u8], at: usize, at_end: bool) -> Result<Found, Malformed> {
        self.read(bytes, at, at_end).map_err(Malformed::from)
    }

    fn element(&self) -> Element {
        Element::default()
    }

    fn context(&mut self) -> Bytes {
        self.context().clone()
    }

    /// A record ends with a tag of its own.
    fn shows_whole(&self, _next: Option<u8>) -> bool {
        true
    }

    fn behind_element(&mut self, _is_known_whole: bool) {}

    fn fatal(&self, malformed: &Malformed, place: &str) -> Fatal {
        let what = match self.says_text || !malformed.what.contains('&') {
            true => malformed.what.as_str(),
            false => "a reference there is none that can be read",
        };
        let message = match malformed.code {
            "xml_doctype" | "xml_encoding" => format!("{what} ({place})"),
            _ => format!("the XML document is malformed on {place}: {what}"),
        };
        let hint = match malformed.code {
            "truncated" => "the file was cut off: send it again".to_owned(),
            "encoding" => "say which encoding the file has: [input] encoding".to_owned(),
            "xml_doctype" => {
                "ask for the file without it, or take it away before the upload: it can define entities and name files"
                    .to_owned()
            }
            "xml_encoding" => {
                let label = self.declared();
                match Encoding::of_label(label) {
                    Ok(_) => format!("write [input] encoding = \"{}\"", label.to_ascii_lowercase()),
                    Err(_) => "it is no label of the WHATWG Encoding Standard: convert the file to UTF-8"
                        .to_owned(),
                }
            }
            "xml_limit" => "such a document cannot be read in bounded memory".to_owned(),
            _ => "what is around the records must be well-formed XML".to_owned(),
        };
        Fatal::new(malformed.code, message).hint(hint)
    }
}

impl document::Element for Element {
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        self.end_in(bytes)
    }

    fn ends_with_input(&self, _is_alone: bool) -> bool {
        false
    }

    fn len(&self, read_bytes: u64) -> u64 {
        read_bytes
    }
}

impl From<grammar::Malformed> for Malformed {
    fn from(malformed: grammar::Malformed) -> Self {
        let grammar::Malformed { code, at, what } = malformed;
        Self { code, at, what }
    }
}
