//! The framer of CSV rows: it cuts where csv-core's automaton does.
//!
//! The framer alone decides where records begin and end, their ordinals, lines and offsets; a parser must
//! find exactly the records that it cut. CR, LF and CRLF each end a record outside quotes; lines without any
//! byte are no records, nor are comments. A record over `max_record_bytes` (its line end not counted) is
//! the reject `record_too_large` and ends at the next line end; where the limit, or the end of the input, is
//! reached inside a quote it is `unclosed_quote`, ends at its first line end, and framing starts again there.
//! All of this is a pure function of the bytes ([`scan`], and [`ordinary`] for most records). Memory is `max_record_bytes` and one read, also for
//! a record or a comment of 10 GB. It never decodes a cell.
//!
//! The dialect is in [`dialect`]; the rows before the first record are [`head`]'s.

mod dialect;
mod head;
pub mod laws;
pub(crate) mod marks;
mod ordinary;
mod scan;

pub use dialect::{CsvDialect, CsvHeader, CsvHeaderSpec, CsvSpec};
pub use head::{Head, HeadStep, MAX_HEAD_BYTES, RequiredTitles, find_head};

use super::cut::{Cut, Overlong, usable};
use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr2};
use ordinary::{Line, Ordinary, Taken};
use pipeline::{Block, Fatal, FrameLimits, Framer, Position};
use scan::{Found, Scan, line_end_len, line_ends};

/// Cuts CSV rows.
pub struct CsvFramer {
    ordinary: Ordinary,
    /// What judges the lines that are not ordinary.
    scan: Scan,
    limits: FrameLimits,
    buffer: BytesMut,
    /// Where the next block begins.
    at: Position,
    /// What began at `at` and has left the buffer without its end.
    open: Option<Open>,
    /// The record at `at`, found already: it did not fit into the block before.
    held: Option<Line>,
}

/// Something whose end is not in the buffer: its bytes are let go as they come.
enum Open {
    Record(Overlong),
    /// A comment: its bytes and its line ends so far, and whether bytes stand behind the last of these.
    Comment {
        len: u64,
        lines: u64,
        unended: bool,
    },
}

impl CsvFramer {
    /// A framer whose first byte, the first of a record, stands at `at`. A limit of 0 counts as 1, a
    /// `max_record_bytes` over 2 GiB as 2 GiB.
    pub fn new(dialect: &CsvDialect, at: Position, limits: FrameLimits) -> Self {
        let limits = usable(limits);
        Self {
            ordinary: Ordinary::new(dialect, limits.max_record_bytes),
            scan: Scan::new(dialect, limits.max_record_bytes),
            limits,
            buffer: BytesMut::new(),
            at,
            open: None,
            held: None,
        }
    }

    /// Bytes that were looked at so far, repeated looks counted: at most
    /// [`laws::MAX_SCANS_PER_BYTE`] times the bytes that were framed or wait, whatever they are.
    pub fn scanned_bytes(&self) -> u64 {
        self.ordinary.scanned_bytes() + self.scan.scanned_bytes()
    }

    /// Bytes at the front of the buffer that can be let go while no line end is in them: all but a CR that
    /// may turn out to be a CRLF.
    fn settled(&self, at_end: bool) -> usize {
        match self.buffer.last() {
            Some(b'\r') if !at_end => self.buffer.len() - 1,
            _ => self.buffer.len(),
        }
    }

    fn restart(&mut self, len: usize, lines: u64) {
        self.ordinary.restart(len);
        self.scan.restart(len, lines);
    }

    /// The next bytes are new to both ways.
    fn reset(&mut self) {
        self.ordinary.reset();
        self.scan.reset();
    }

    /// Takes ordinary lines into `cut`, as many as stand there and fit.
    fn take_ordinary(&mut self, cut: &mut Cut, at_end: bool) {
        let (rest, held) = (&self.buffer[cut.len()..], &mut self.held);
        self.ordinary.run(rest, at_end, |line| {
            if line.is_blank {
                cut.skip(line.len, 1, 1);
            } else if cut.fits(line.len) {
                cut.record(line.len, line.lines, None);
            } else {
                *held = Some(line);
                return Taken::Held;
            }
            match cut.is_full() {
                true => Taken::Last,
                false => Taken::More,
            }
        });
    }

    fn open_record(&mut self, mut record: Overlong) {
        let len = self.settled(false);
        record.take(&mut self.buffer, len);
        self.reset();
        self.open = Some(Open::Record(record));
    }

    fn go_on_with_record(&mut self, mut record: Overlong, at_end: bool) -> Option<Block> {
        let end = memchr2(b'\r', b'\n', &self.buffer)
            .and_then(|index| Some(index + line_end_len(&self.buffer, index, at_end)?));
        let here = end.unwrap_or(self.settled(at_end));
        record.take(&mut self.buffer, here);
        if end.is_some() || at_end {
            return Some(record.close(u64::from(end.is_some()), &mut self.at));
        }
        self.open = Some(Open::Record(record));
        None
    }

    /// Lets go of what is here of a comment that began `len` bytes and `lines` line ends ago.
    fn go_on_with_comment(
        &mut self,
        len: u64,
        lines: u64,
        unended: bool,
        at_end: bool,
    ) -> Option<Block> {
        let end = memchr(b'\n', &self.buffer).map(|index| index + 1);
        let here = end.unwrap_or(self.settled(at_end));
        let bytes = &self.buffer[..here];
        let len = len + here as u64;
        let lines = lines + line_ends(bytes);
        let unended = bytes
            .last()
            .map_or(unended, |last| !matches!(last, b'\r' | b'\n'));
        self.buffer.advance(here);
        self.reset();
        if end.is_none() && !at_end {
            self.open = Some(Open::Comment {
                len,
                lines,
                unended,
            });
            return None;
        }
        let start = self.at;
        self.at.offset += len;
        self.at.line += lines;
        Some(Block {
            bytes: Default::default(),
            frames: Vec::new(),
            start,
            end: self.at,
            trailing_skipped: lines + u64::from(unended),
            restarts: Vec::new(),
            groups: Vec::new(),
            context: Default::default(),
            carried: None,
        })
    }
}

impl Framer for CsvFramer {
    fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        match self.open.take() {
            Some(Open::Record(record)) => return Ok(self.go_on_with_record(record, at_end)),
            Some(Open::Comment {
                len,
                lines,
                unended,
            }) => {
                return Ok(self.go_on_with_comment(len, lines, unended, at_end));
            }
            None => {}
        }
        let mut cut = Cut::new(self.at, self.limits);
        if let Some(line) = self.held.take() {
            cut.record(line.len, line.lines, None);
            self.ordinary.restart(line.len);
        }
        while !cut.is_full() {
            if self.scan.is_fresh() {
                self.take_ordinary(&mut cut, at_end);
                if cut.is_full() || self.held.is_some() {
                    break;
                }
            }
            match self.scan.find(&self.buffer[cut.len()..], at_end) {
                Found::Record { len, lines, broken } if cut.fits(len) => {
                    cut.record(len, lines, broken);
                    self.restart(len, lines);
                }
                Found::Skipped {
                    len,
                    lines,
                    skipped,
                } => {
                    cut.skip(len, lines, skipped);
                    self.restart(len, lines);
                }
                // What cannot end here is opened by the next call, when it stands at the buffer's front.
                Found::Overlong { code, lines } if cut.len() == 0 => {
                    self.open_record(Overlong::new(code, lines));
                }
                Found::LongComment if cut.len() == 0 => {
                    return Ok(self.go_on_with_comment(0, 0, false, at_end));
                }
                _ => break,
            }
            if self.open.is_some() {
                break;
            }
        }
        Ok(cut.close(&mut self.buffer, &mut self.at))
    }
}

#[cfg(test)]
mod tests;
