//! The framer of a document whose records are parts of it, whatever format the document has.
//!
//! The document is read forward, once, whatever its size: a [`Walk`] judges what lies outside of the records and says
//! where one begins; an [`Element`] finds its end. Both are of one format, and known when this is compiled. What is the same for all stands here: the
//! buffer, the record over `max_record_bytes` (the reject `record_too_large`), the blocks, what is left out before the
//! place to go on, and the end. A malformed document fails the job after the records before. Memory is `max_record_bytes`,
//! what the walk asks for at once, and one read. Blocks hold the bytes of records only.

use super::cut::usable;
use super::growing::{Growing, changed};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr_iter;
use pipeline::{Block, Fatal, FrameLimits, Framer, MAX_RAW_BYTES, Position};

/// The code of the reject that a record over the limit is.
pub const TOO_LARGE: &str = "record_too_large";

/// What stands around the records of a document, read forward.
pub trait Walk: Send {
    /// What finds the end of a record.
    type Element: Element;
    /// What such a document is called.
    const NAME: &str;
    /// What to do about a document that ends inside of a record.
    const CUT_OFF_HINT: &str;

    /// Reads `bytes` from `at` on. Bytes before what it says are never looked at again.
    ///
    /// # Errors
    /// Why the document is unusable.
    fn read(&mut self, bytes: &[u8], at: usize, at_end: bool) -> Result<Found, Malformed>;

    /// What finds the end of the record that begins where it stands.
    fn element(&self) -> Self::Element;

    /// What the parser must know of the document before the record where it stands.
    fn context(&mut self) -> Bytes;

    /// Whether `next`, behind a record, shows it to be whole. Otherwise it is kept until [`Found::Confirmed`].
    fn shows_whole(&self, next: Option<u8>) -> bool;

    /// Goes on behind a record, of which may be known already that it is whole.
    fn behind_element(&mut self, is_known_whole: bool);

    /// What to say of a malformed document; `place` is the line and the byte.
    fn fatal(&self, malformed: &Malformed, place: &str) -> Fatal;
}

/// A record whose end is looked for.
pub trait Element: Send {
    /// Goes on with the next bytes. Says where in them the record has ended.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize>;

    /// Whether the end of the input ends it too; `is_alone`: the input begins with it, and holds no other.
    fn ends_with_input(&self, is_alone: bool) -> bool;

    /// The length in bytes of the record, of which `read_bytes` were given to it.
    fn len(&self, read_bytes: u64) -> u64;
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A record begins here.
    Element(usize),
    /// The record before was whole: what stands here shows it. Framing can start again here.
    Confirmed(usize),
    /// More bytes are wanted; those from here on are looked at again.
    More(usize),
    /// The document ends with the input.
    Done,
}

/// Why the document is unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// A stable word.
    pub code: &'static str,
    /// Where in the bytes.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

/// Cuts the records of a document.
pub struct DocumentFramer<W: Walk> {
    limits: FrameLimits,
    buffer: BytesMut,
    /// Where the buffer begins; its ordinal is that of the next record.
    here: Position,
    /// Records before this offset are left out.
    from: u64,
    pub(super) walk: W,
    /// Bytes of the buffer that were read.
    read: usize,
    element: Option<Open<W::Element>>,
    /// A record that has ended, until what stands behind it shows it to be whole.
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
struct Open<E> {
    element: E,
    /// Where its end was found.
    end: Option<usize>,
    /// Bytes of it that have left the buffer, behind those that are there, and the line ends in them.
    gone: u64,
    gone_lines: u64,
}

/// A record that has ended, and is not known to be whole.
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

impl<W: Walk> DocumentFramer<W> {
    /// A framer that gives the records from `at` on, and is fed from `fed_from` on, where `walk` stands. A limit of 0
    /// counts as 1, a `max_record_bytes` over 2 GiB as 2 GiB.
    pub(super) fn walking(walk: W, fed_from: Position, at: Position, limits: FrameLimits) -> Self {
        Self {
            limits: usable(limits),
            buffer: BytesMut::new(),
            here: fed_from,
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

    /// A framer of the one record `element`, which begins at `at`, where it is also fed from.
    pub(super) fn alone(walk: W, element: W::Element, at: Position, limits: FrameLimits) -> Self {
        Self {
            element: Some(Open::new(element)),
            ending: Ending::One,
            ..Self::walking(walk, at, at, limits)
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
                    self.element = Some(Open::new(self.walk.element()));
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

    /// Goes on with the record at the front of the buffer; `None` when it has ended and is left out, or nothing shows
    /// yet that it is whole.
    fn go_on(
        &mut self,
        mut open: Open<W::Element>,
        at_end: bool,
    ) -> Result<Option<Progress>, Fatal> {
        if open.end.is_none() {
            let end = open.element.end_in(&self.buffer[self.read..]);
            open.end = end.map(|end| self.read + end);
            self.read = open.end.unwrap_or(self.buffer.len());
        }
        let is_one = self.ending == Ending::One;
        let ends_here = at_end && open.element.ends_with_input(is_one);
        let Some(end) = open.end.or(ends_here.then_some(self.buffer.len())) else {
            if at_end {
                return Err(self.cut_off(&open));
            }
            self.shorten(&mut open);
            self.element = Some(open);
            return Ok(Some(Progress::More));
        };
        let len = open.element.len(open.gone + end as u64);
        let broken = (len > self.limits.max_record_bytes as u64).then_some(TOO_LARGE);
        let kept = match broken {
            Some(_) => len.min(MAX_RAW_BYTES as u64) as usize,
            None => len as usize,
        };
        let is_left_out = self.here.offset < self.from;
        if !is_left_out {
            let context = self.walk.context();
            let is_elsewhere = !self.block.is_empty() && self.block.context != context;
            if is_elsewhere || !self.block.fits(kept, self.limits) {
                open.end = Some(end);
                self.element = Some(open);
                return Ok(Some(Progress::Full));
            }
            self.block.context = context;
        }
        let at = self.here;
        let is_alone = ends_here || is_one;
        let shows_whole = is_alone || self.walk.shows_whole(self.buffer.get(end).copied());
        let given = !is_left_out && shows_whole;
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

    /// Lets go of the end of an open record: once it is over the limit of all but its start, before that of what does
    /// not count to its length.
    fn shorten(&mut self, open: &mut Open<W::Element>) {
        let limit = self.limits.max_record_bytes;
        let len = open.element.len(open.gone + self.buffer.len() as u64);
        let most = match len > limit as u64 {
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
        let place = format!("line {line}, byte {offset}");
        self.walk.fatal(malformed, &place)
    }

    fn cut_off(&self, open: &Open<W::Element>) -> Fatal {
        let line = self.here.line + open.gone_lines + line_ends(&self.buffer);
        let offset = self.here.offset + open.gone + self.buffer.len() as u64;
        let message = format!(
            "the {} document ends on line {line}, byte {offset}, inside record {}",
            W::NAME,
            self.here.ordinal + 1
        );
        Fatal::new("truncated", message).hint(W::CUT_OFF_HINT)
    }
}

impl<W: Walk> Framer for DocumentFramer<W> {
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

impl<E> Open<E> {
    fn new(element: E) -> Self {
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
