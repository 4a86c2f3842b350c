//! Which kind a record is, by what its raw text says.
//!
//! It promises the same answer for the same record, whatever came before. A record of which a path is asked, and which is no JSON
//! or XML, is none that can be told: it is given to a kind that is loaded, whose parser says what is wrong with it.

use crate::frame::kinds::Recognise;
use crate::parse::{json, xml};
use crate::spec::plain_digits;
use crate::step::bind::Path;
use crate::xml::{Namespaces, Step};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::Arc;

/// The most bytes of a compiled pattern, and of what it remembers while it reads.
const MAX_PATTERN_BYTES: usize = 4 * 1024 * 1024;

/// What tells a kind.
#[derive(Clone, Debug)]
pub enum Mark {
    /// The raw text matches.
    Text(Regex),
    /// A value is there in a JSON record.
    Place(Path),
    /// An XML record's element has this name.
    Element(Step),
}

impl Mark {
    /// A pattern, which must be one to [`crate::spec::regex`].
    ///
    /// # Errors
    /// The regular expression's.
    pub fn text(text: &str) -> Result<Self, regex::Error> {
        crate::spec::regex(text)?;
        let built = RegexBuilder::new(&plain_digits(text))
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build();
        built.map(Self::Text)
    }
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.as_str() == other.as_str(),
            (Self::Place(one), Self::Place(other)) => one == other,
            (Self::Element(one), Self::Element(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Mark {}

/// Tells kinds by their marks; the first that matches counts.
pub struct Recogniser {
    marks: Vec<Mark>,
    /// The kind of what cannot be read.
    unreadable: u8,
    namespaces: Arc<Namespaces>,
    json: json::Reading,
}

impl Recogniser {
    /// A recogniser by `marks`, at most [`super::MAX_KINDS`].
    pub fn new(marks: Vec<Mark>, unreadable: u8, namespaces: Arc<Namespaces>) -> Self {
        Self {
            marks,
            unreadable,
            namespaces,
            json: json::Reading::default(),
        }
    }
}

impl Recognise for Recogniser {
    fn kind(&mut self, text: &[u8], context: &[u8]) -> Option<u8> {
        // Read at the first mark that wants it.
        let (mut is_json, mut element) = (None, None);
        for (mark, kind) in self.marks.iter().zip(0..) {
            let is = match mark {
                Mark::Text(regex) => regex.is_match(text),
                Mark::Place(path) => {
                    if !*is_json.get_or_insert_with(|| self.json.read(text)) {
                        return Some(self.unreadable);
                    }
                    let root = self.json.root();
                    root.is_some_and(|root| path.find(root).is_some())
                }
                Mark::Element(step) => {
                    let read = || xml::element_name(text, context, &self.namespaces);
                    match element.get_or_insert_with(read) {
                        Some(name) => step.is(name),
                        None => return Some(self.unreadable),
                    }
                }
            };
            if is {
                return Some(kind);
            }
        }
        None
    }
}
