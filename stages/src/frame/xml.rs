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
pub(crate) mod grammar;
pub mod laws;
mod path;
pub(crate) mod scope;
#[cfg(test)]
mod tests;
mod walk;

pub use path::{BAD_PATH, BadPath, FieldPath, Namespaces, RecordPath, Step};
pub use walk::MAX_TAG_BYTES;

use super::cut::usable;
use super::growing::{Growing, changed};
use crate::unpack::Encoding;
use bytes::{Buf, BytesMut};
use element::Element;
use grammar::Malformed;
use memchr::memchr_iter;
use pipeline::{Block, Fatal, FrameLimits, Framer, MAX_RAW_BYTES, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use walk::{Found, Walk};

/// The code of the reject that a record over the limit is.
const TOO_LARGE: &str = "record_too_large";

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
pub struct XmlFramer {
    limits: FrameLimits,
    buffer: BytesMut,
    /// Where the buffer begins; its ordinal is that of the next record.
    here: Position,
    /// Records before this offset are left out.
    from: u64,
    walk: Walk,
    /// Bytes of the buffer that were read.
    read: usize,
    element: Option<Open>,
    block: Growing,
    /// What makes the rest unusable, to be told behind the last block.
    fatal: Option<Fatal>,
    ending: Ending,
    /// Whether messages may say what stands between records.
    says_text: bool,
}

/// What the end of a record means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Others may follow.
    Document,
    /// It is the only one that is wanted.
    One,
    /// It was the only one.
    Done,
}

/// A record at the front of the buffer whose end is looked for.
#[derive(Default)]
struct Open {
    element: Element,
    /// Where its end was found.
    end: Option<usize>,
    /// Bytes of it that have left the buffer, behind those that are there, and the line ends in them.
    gone: u64,
    gone_lines: u64,
}

enum Progress {
    /// A record more.
    Record,
    /// The block must be given away before the next record.
    Full,
    /// Bytes are wanted.
    More,
    /// All is framed.
    Done,
}

impl XmlFramer {
    /// A framer that stands at `at`, and is fed from the start of a document whose text had `encoding`. A limit of 0
    /// counts as 1, a `max_record_bytes` over 2 GiB as 2 GiB.
    pub fn new(path: &RecordPath, encoding: Encoding, at: Position, limits: FrameLimits) -> Self {
        let limits = usable(limits);
        Self {
            limits,
            buffer: BytesMut::new(),
            here: Position::START,
            from: at.offset,
            walk: Walk::new(path, encoding, limits.max_record_bytes),
            read: 0,
            element: None,
            block: Growing::at(at),
            fatal: None,
            ending: Ending::Document,
            says_text: true,
        }
    }

    /// Keeps what stands between records out of messages: it may be a value that nobody may see.
    #[must_use]
    pub fn saying_no_text(self) -> Self {
        Self {
            says_text: false,
            ..self
        }
    }

    /// A framer of the one record that begins at `at`, where it is also fed from.
    pub fn of_one(path: &RecordPath, at: Position, limits: FrameLimits) -> Self {
        Self {
            here: at,
            element: Some(Open::default()),
            ending: Ending::One,
            ..Self::new(path, Encoding::default(), at, limits)
        }
    }

    fn progress(&mut self, at_end: bool) -> Result<Progress, Fatal> {
        loop {
            if let Some(open) = self.element.take() {
                match self.go_on(open, at_end)? {
                    Some(progress) => return Ok(progress),
                    None => continue,
                }
            }
            if self.ending == Ending::Done {
                self.advance(self.buffer.len());
                return Ok(Progress::Done);
            }
            let found = self.walk.read(&self.buffer, self.read, at_end);
            match found.map_err(|malformed| self.malformed(&malformed))? {
                Found::Element(at) => {
                    self.advance(at);
                    self.element = Some(Open::default());
                }
                Found::More(at) => {
                    self.advance(at);
                    return Ok(Progress::More);
                }
                Found::Done => {
                    self.advance(self.buffer.len());
                    if self.here.offset < self.from {
                        return Err(changed());
                    }
                    self.block.end = self.here;
                    return Ok(Progress::Done);
                }
            }
        }
    }

    /// Goes on with the record at the front of the buffer; `None` when it was one to leave out.
    fn go_on(&mut self, mut open: Open, at_end: bool) -> Result<Option<Progress>, Fatal> {
        if open.end.is_none() {
            let end = open.element.end_in(&self.buffer[self.read..]);
            open.end = end.map(|end| self.read + end);
            self.read = open.end.unwrap_or(self.buffer.len());
        }
        let Some(end) = open.end else {
            if at_end {
                return Err(self.cut_off(&open));
            }
            self.shorten(&mut open);
            self.element = Some(open);
            return Ok(Some(Progress::More));
        };
        let len = open.gone + end as u64;
        let broken = (len > self.limits.max_record_bytes as u64).then_some(TOO_LARGE);
        let kept = match broken {
            Some(_) => end.min(MAX_RAW_BYTES),
            None => end,
        };
        let is_left_out = self.here.offset < self.from;
        if !is_left_out {
            let context = self.walk.context().clone();
            let is_elsewhere = !self.block.is_empty() && self.block.context != context;
            if is_elsewhere || !self.block.fits(kept, self.limits) {
                open.end = Some(end);
                self.element = Some(open);
                return Ok(Some(Progress::Full));
            }
            self.block.context = context;
            self.block.push(self.here, &self.buffer[..kept], broken)?;
        }
        self.here.offset += open.gone;
        self.here.line += open.gone_lines;
        self.here.ordinal += 1;
        self.advance(end);
        if self.ending == Ending::One {
            self.ending = Ending::Done;
        }
        if is_left_out {
            return Ok(None);
        }
        self.block.end = self.here;
        Ok(Some(Progress::Record))
    }

    /// Lets go of the end of an open record, once it is over the limit of all but its start.
    fn shorten(&mut self, open: &mut Open) {
        let limit = self.limits.max_record_bytes;
        let is_over = open.gone + self.buffer.len() as u64 > limit as u64;
        let most = if is_over { MAX_RAW_BYTES } else { limit };
        if let Some(gone) = self.buffer.get(most..) {
            open.gone += gone.len() as u64;
            open.gone_lines += line_ends(gone);
            self.buffer.truncate(most);
            self.read = most;
        }
    }

    /// Lets go of the first `len` bytes of the buffer.
    fn advance(&mut self, len: usize) {
        self.here.line += line_ends(&self.buffer[..len]);
        self.here.offset += len as u64;
        self.buffer.advance(len);
        self.read = 0;
    }

    fn malformed(&self, malformed: &Malformed) -> Fatal {
        let line = self.here.line + line_ends(&self.buffer[..malformed.at]);
        let offset = self.here.offset + malformed.at as u64;
        let what = match self.says_text || !malformed.what.contains('&') {
            true => malformed.what.as_str(),
            false => "a reference there is none that can be read",
        };
        let message = match malformed.code {
            "xml_doctype" | "xml_encoding" => format!("{what} (line {line}, byte {offset})"),
            _ => format!("the XML document is malformed on line {line}, byte {offset}: {what}"),
        };
        let hint = match malformed.code {
            "truncated" => "the file was cut off: send it again".to_owned(),
            "encoding" => "say which encoding the file has: [input] encoding".to_owned(),
            "xml_doctype" => {
                "ask for the file without it, or take it away before the upload: it can define entities and name files"
                    .to_owned()
            }
            "xml_encoding" => {
                let label = self.walk.declared();
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

    fn cut_off(&self, open: &Open) -> Fatal {
        let line = self.here.line + open.gone_lines + line_ends(&self.buffer);
        let offset = self.here.offset + open.gone + self.buffer.len() as u64;
        let message = format!(
            "the XML document ends on line {line}, byte {offset}, inside record {}",
            self.here.ordinal + 1
        );
        Fatal::new("truncated", message)
            .hint("the file was cut off, or the record's element, a comment or a CDATA section does not close")
    }
}

impl Framer for XmlFramer {
    fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        loop {
            match self.progress(at_end) {
                Ok(Progress::Record) if !self.block.is_full(self.limits) => {}
                Ok(_) => return Ok(self.block.close()),
                Err(fatal) => {
                    self.fatal = Some(fatal.clone());
                    return match self.block.close() {
                        Some(block) => Ok(Some(block)),
                        None => Err(fatal),
                    };
                }
            }
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
