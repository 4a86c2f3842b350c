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
mod path;
#[cfg(test)]
mod tests;
mod text;
mod walk;

pub use path::{BAD_PATH, BadPath, MAX_STEPS, RecordPath, Step, UNSUPPORTED};

use super::cut::usable;
use super::growing::{Growing, changed};
use bytes::{Buf, BytesMut};
use element::Element;
use memchr::memchr_iter;
use pipeline::{Block, Fatal, FrameLimits, Framer, MAX_RAW_BYTES, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use walk::{Found, Malformed, Walk};

/// The code of the reject that a record over the limit is.
const TOO_LARGE: &str = "record_too_large";

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
pub struct JsonFramer {
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
    /// A record of an object, until the next name shows it to be whole.
    waiting: Option<Whole>,
    block: Growing,
    /// What makes the rest unusable, to be told behind the last block.
    fatal: Option<Fatal>,
    ending: Ending,
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
struct Open {
    element: Element,
    /// Where its end was found.
    end: Option<usize>,
    /// Bytes of it that have left the buffer, behind those that are there, and the line ends in them.
    gone: u64,
    gone_lines: u64,
}

/// A record of an object that has ended.
struct Whole {
    at: Position,
    raw: Vec<u8>,
    broken: Option<&'static str>,
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

impl JsonFramer {
    /// A framer that stands at `at`, and is fed from [`Self::fed_from`] on. A limit of 0 counts as 1, a
    /// `max_record_bytes` over 2 GiB as 2 GiB.
    pub fn new(path: &RecordPath, at: Position, limits: FrameLimits) -> Self {
        let is_fed_from_start = Self::fed_from(path, at) == 0;
        let (walk, here) = match is_fed_from_start {
            true => (Walk::new(path), Position::START),
            false => (Walk::behind_a_record(path), at),
        };
        Self {
            limits: usable(limits),
            buffer: BytesMut::new(),
            here,
            from: at.offset,
            walk,
            read: 0,
            element: None,
            waiting: None,
            block: Growing::at(at),
            fatal: None,
            ending: Ending::Document,
        }
    }

    /// A framer of the one record that begins at `at`, where it is also fed from.
    pub fn of_one(path: &RecordPath, at: Position, limits: FrameLimits) -> Self {
        let element = match path.steps() {
            [] => Element::root(),
            _ => Element::default(),
        };
        Self {
            here: at,
            element: Some(Open::new(element)),
            ending: Ending::One,
            ..Self::new(path, at, limits)
        }
    }

    /// The offset of the first byte that a framer wants which stands at `at`.
    pub fn fed_from(path: &RecordPath, at: Position) -> u64 {
        match path.restarts() {
            true => at.offset,
            false => 0,
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
                    self.element = Some(Open::new(match self.walk.is_in_container() {
                        true => Element::default(),
                        false => Element::root(),
                    }));
                }
                Found::Confirmed(at) => match self.waiting.take() {
                    Some(whole) => {
                        self.advance(at);
                        self.block.push(whole.at, &whole.raw, whole.broken)?;
                        self.block.end = self.here;
                        return Ok(Progress::Record);
                    }
                    None => self.read = at,
                },
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

    /// Goes on with the record at the front of the buffer; `None` when it has ended and nothing shows yet that it is
    /// whole.
    fn go_on(&mut self, mut open: Open, at_end: bool) -> Result<Option<Progress>, Fatal> {
        if open.end.is_none() {
            let end = open.element.end_in(&self.buffer[self.read..]);
            open.end = end.map(|end| self.read + end);
            self.read = open.end.unwrap_or(self.buffer.len());
        }
        let ends_here = at_end && (open.element.is_root() || self.ending == Ending::One);
        let Some(end) = open.end.or(ends_here.then_some(self.buffer.len())) else {
            if at_end {
                return Err(self.cut_off(&open));
            }
            self.shorten(&mut open);
            self.element = Some(open);
            return Ok(Some(Progress::More));
        };
        let len = open.element.solid_len();
        let broken = (len > self.limits.max_record_bytes as u64).then_some(TOO_LARGE);
        let kept = match broken {
            Some(_) => len.min(MAX_RAW_BYTES as u64) as usize,
            None => len as usize,
        };
        let is_left_out = self.here.offset < self.from;
        if !is_left_out && !self.block.fits(kept, self.limits) {
            open.end = Some(end);
            self.element = Some(open);
            return Ok(Some(Progress::Full));
        }
        let at = self.here;
        let is_alone = ends_here || self.ending == Ending::One;
        let shown_whole = match self.buffer.get(end) {
            Some(b',' | b']') => self.walk.is_in_array(),
            _ => false,
        };
        let given = !is_left_out && (is_alone || shown_whole);
        if given {
            self.block.push(at, &self.buffer[..kept], broken)?;
        } else if !is_left_out {
            let raw = self.buffer[..kept].to_vec();
            self.waiting = Some(Whole { at, raw, broken });
        }
        self.here.offset += open.gone;
        self.here.line += open.gone_lines;
        self.here.ordinal += 1;
        self.advance(end);
        self.walk.behind_element(given);
        if is_alone {
            self.ending = Ending::Done;
        }
        if given {
            self.block.end = self.here;
            return Ok(Some(Progress::Record));
        }
        Ok(None)
    }

    /// Lets go of the end of an open record: once it is over the limit of all but its start, before that of blanks
    /// behind it.
    fn shorten(&mut self, open: &mut Open) {
        let limit = self.limits.max_record_bytes;
        let most = match open.element.solid_len() > limit as u64 {
            true => MAX_RAW_BYTES,
            false => limit.max(MAX_RAW_BYTES),
        };
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
        let what = &malformed.what;
        let message =
            format!("the JSON document is malformed on line {line}, byte {offset}: {what}");
        let hint = match malformed.code {
            "truncated" => "the file was cut off: send it again",
            "duplicate_key" => "which of the two holds the records cannot be known",
            "encoding" => "say which encoding the file has: [input] encoding",
            _ => "what is around the records must be JSON; one object a line is [format.jsonl]",
        };
        Fatal::new(malformed.code, message).hint(hint)
    }

    fn cut_off(&self, open: &Open) -> Fatal {
        let line = self.here.line + open.gone_lines + line_ends(&self.buffer);
        let offset = self.here.offset + open.gone + self.buffer.len() as u64;
        let message = format!(
            "the JSON document ends on line {line}, byte {offset}, inside record {}",
            self.here.ordinal + 1
        );
        Fatal::new("truncated", message)
            .hint("the file was cut off, or a string or bracket of the record does not close")
    }
}

impl Framer for JsonFramer {
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

impl Open {
    fn new(element: Element) -> Self {
        Self {
            element,
            end: None,
            gone: 0,
            gone_lines: 0,
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
