//! The framer of lines: each line that is not blank is a record.
//!
//! A line ends with LF or CRLF; a CR anywhere else is content, and the last line needs no end. A line of
//! nothing but spaces, tabs and CRs is skipped, and so are comments and the first lines of a file, where the
//! [`LinesDialect`] says so. Any other line longer than `max_record_bytes` is the reject `record_too_large` and ends
//! where it ends: a line of 10 GB costs the memory of its first [`pipeline::MAX_RAW_BYTES`]. Each byte is looked at a
//! bounded number of times, however the bytes arrive. It never looks into a line further than to its first byte that is
//! not blank.

pub mod laws;

use super::cut::{Cut, Overlong, usable};
use bytes::BytesMut;
use memchr::memchr;
use pipeline::{Block, Fatal, FrameLimits, Framer, Position};

/// The code of the reject that a line over the limit is.
const TOO_LARGE: &str = "record_too_large";

/// Which lines are no records, beside blank ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinesDialect {
    /// The byte that makes a line a comment when it is the first.
    pub comment_char: Option<u8>,
    /// Lines to pass over at the start, blank ones counted.
    pub skip_rows: u64,
}

impl LinesDialect {
    /// Whether the line with this number, from 1, and this first byte is passed over whatever it holds.
    fn passes_over(&self, line: u64, first: Option<&u8>) -> bool {
        line <= self.skip_rows || self.comment_char.is_some() && first == self.comment_char.as_ref()
    }
}

/// Cuts lines.
pub struct LinesFramer {
    dialect: LinesDialect,
    limits: FrameLimits,
    buffer: BytesMut,
    /// Where the next block begins.
    at: Position,
    /// Bytes at the front of the buffer that hold no line end.
    scanned: usize,
    /// The line whose start has left the buffer already.
    overlong: Option<Open>,
}

/// A line whose start has left the buffer.
struct Open {
    line: Overlong,
    passed_over: bool,
}

/// What begins at the front of some bytes.
enum Found {
    /// More bytes are wanted; of those here, so many hold no line end.
    Wanting(usize),
    /// A line that ends with a line end, of so many bytes, line end included.
    Line(usize),
    /// The last line, which has none.
    LastLine,
    /// A line over the limit, whose end is not here.
    Overlong,
}

impl LinesFramer {
    /// A framer whose first byte stands at `at`. A limit of 0 counts as 1, a `max_record_bytes` over 2 GiB as
    /// 2 GiB.
    pub fn new(at: Position, limits: FrameLimits) -> Self {
        Self::of(LinesDialect::default(), at, limits)
    }

    /// A framer of a dialect, likewise.
    pub fn of(dialect: LinesDialect, at: Position, limits: FrameLimits) -> Self {
        Self {
            dialect,
            limits: usable(limits),
            buffer: BytesMut::new(),
            at,
            scanned: 0,
            overlong: None,
        }
    }

    /// Looks for the end of the line that begins at `from` in the buffer; `scanned` of its bytes hold none.
    fn find(&self, from: usize, scanned: usize, at_end: bool) -> Found {
        let bytes = &self.buffer[from..];
        match memchr(b'\n', &bytes[scanned..]) {
            Some(index) => Found::Line(scanned + index + 1),
            // The content may still turn out to be one byte shorter, by a CR before the LF.
            None if bytes.len() > self.limits.max_record_bytes + 1 => Found::Overlong,
            None if at_end && !bytes.is_empty() => Found::LastLine,
            None => Found::Wanting(bytes.len()),
        }
    }

    /// The rest of a line whose start is gone.
    fn go_on(&mut self, mut open: Open, at_end: bool) -> Option<Block> {
        let (len, ends) = match memchr(b'\n', &self.buffer) {
            Some(index) => (index + 1, 1),
            None => (self.buffer.len(), 0),
        };
        open.line.take(&mut self.buffer, len);
        if ends == 1 || at_end {
            let block = open.line.close(ends, &mut self.at);
            return Some(match open.passed_over {
                true => self.without_record(block),
                false => block,
            });
        }
        self.overlong = Some(open);
        None
    }
}

impl LinesFramer {
    /// The block of a line that is no record.
    fn without_record(&mut self, block: Block) -> Block {
        self.at.ordinal = block.start.ordinal;
        Block {
            bytes: Default::default(),
            frames: Vec::new(),
            start: block.start,
            end: self.at,
            trailing_skipped: 1,
            restarts: Vec::new(),
            groups: Vec::new(),
            context: Default::default(),
            carried: None,
        }
    }
}

impl Framer for LinesFramer {
    fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        if let Some(open) = self.overlong.take() {
            return Ok(self.go_on(open, at_end));
        }
        let mut cut = Cut::new(self.at, self.limits);
        let mut scanned = std::mem::take(&mut self.scanned);
        while !cut.is_full() {
            let (len, ends) = match self.find(cut.len(), scanned, at_end) {
                Found::Line(len) => (len, 1),
                Found::LastLine => (self.buffer.len() - cut.len(), 0),
                Found::Wanting(scanned) => {
                    self.scanned = scanned;
                    break;
                }
                Found::Overlong if cut.len() > 0 => break,
                Found::Overlong => {
                    let open = Open {
                        line: Overlong::new(TOO_LARGE, 0),
                        passed_over: self.dialect.passes_over(cut.line(), self.buffer.first()),
                    };
                    return Ok(self.go_on(open, at_end));
                }
            };
            let line = &self.buffer[cut.len()..cut.len() + len];
            let broken = (content_len(line) > self.limits.max_record_bytes).then_some(TOO_LARGE);
            let passed_over = self.dialect.passes_over(cut.line(), line.first());
            if passed_over || broken.is_none() && is_blank(line) {
                cut.skip(len, ends, 1);
            } else if cut.fits(len) {
                cut.record(len, ends, broken);
            } else {
                self.scanned = len - 1;
                break;
            }
            scanned = 0;
        }
        Ok(cut.close(&mut self.buffer, &mut self.at))
    }
}

/// The length of a line without its line end.
fn content_len(line: &[u8]) -> usize {
    match line {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] | content => content.len(),
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests;
