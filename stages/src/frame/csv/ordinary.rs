//! The quick way to the ends of ordinary records: from one quote or line end to the next, as bits of 64 bytes.
//!
//! It promises the records that the automaton ([`super::scan`]) finds, or leaves one to it, and all others that begin
//! in bytes which were looked at for that one: so it looks at no byte twice. It leaves what is a comment, what has
//! no end in the bytes that are there, what is over the limit, and every dialect with an escape character.

use super::CsvDialect;
use super::marks::{CHUNK, marks};
use super::scan::line_end_len;

/// The way over the records of one stream. Places count from the start of the next record.
#[derive(Debug)]
pub struct Ordinary {
    is_possible: bool,
    delimiter: u8,
    quote: Option<u8>,
    double_quote: bool,
    comment: Option<u8>,
    max_record_bytes: usize,

    seen: Seen,
    /// Whether the records that begin in what was seen are left to the automaton.
    is_left: bool,
    scanned_bytes: u64,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// The quotes and line ends from `from` on that are still to come.
    bits: u64,
    from: usize,
    /// One past the last byte that was looked at.
    to: usize,
}

/// A record, or a line without any byte.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its bytes, line end included.
    pub len: usize,
    /// Its line ends.
    pub lines: u64,
    /// Whether it is no record.
    pub is_blank: bool,
}

/// What becomes of a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is taken, and so is the next one.
    More,
    /// It is taken, and no other.
    Last,
    /// It is not taken yet: [`Ordinary::restart`] will say so.
    Held,
}

impl Ordinary {
    pub fn new(dialect: &CsvDialect, max_record_bytes: usize) -> Self {
        let escapes = dialect.quote_char.and(dialect.escape_char);
        Self {
            is_possible: escapes.is_none() && dialect.quote_char != Some(dialect.delimiter),
            delimiter: dialect.delimiter,
            quote: dialect.quote_char,
            double_quote: dialect.double_quote,
            comment: dialect.comment_char,
            max_record_bytes,
            seen: Seen::default(),
            is_left: false,
            scanned_bytes: 0,
        }
    }

    /// Bytes that were looked at so far.
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned_bytes
    }

    /// Goes on to what begins `len` bytes behind the start of the last line.
    pub fn restart(&mut self, len: usize) {
        self.seen.pass(len);
        self.is_left &= self.seen.to > 0;
    }

    /// Forgets what was looked at.
    pub fn reset(&mut self) {
        self.restart(usize::MAX);
    }

    /// Hands the lines at the front of `bytes` to `take`, one behind the other, up to one that only the automaton can
    /// judge.
    #[inline(always)]
    pub fn run(&mut self, bytes: &[u8], at_end: bool, mut take: impl FnMut(Line) -> Taken) {
        if self.is_left || !self.is_possible {
            return;
        }
        let mut walk = Walk {
            way: self,
            bytes,
            at_end,
            start: 0,
            seen: self.seen,
            scanned_bytes: 0,
        };
        let mut is_left = false;
        loop {
            let Some(line) = walk.line() else {
                is_left = true;
                walk.seen.bits = 0;
                break;
            };
            let taken = take(line);
            if taken != Taken::Held {
                walk.start += line.len;
            }
            if taken != Taken::More {
                break;
            }
        }
        let (seen, start, scanned_bytes) = (walk.seen, walk.start, walk.scanned_bytes);
        self.scanned_bytes += scanned_bytes;
        self.seen = seen;
        self.is_left = is_left;
        self.restart(start);
    }
}

impl Seen {
    /// Counts from `len` bytes further on.
    fn pass(&mut self, len: usize) {
        if len >= self.to {
            *self = Self::default();
            return;
        }
        let passed = len.saturating_sub(self.from);
        self.bits = self.bits.checked_shr(passed as u32).unwrap_or(0);
        self.from = self.from.saturating_sub(len);
        self.to -= len;
    }
}

/// The way over some bytes. Places count from their start.
struct Walk<'a> {
    way: &'a Ordinary,
    bytes: &'a [u8],
    at_end: bool,
    /// Where the next line begins.
    start: usize,
    seen: Seen,
    scanned_bytes: u64,
}

impl Walk<'_> {
    /// What begins at `start`; `None` where only the automaton can tell.
    #[inline(always)]
    fn line(&mut self) -> Option<Line> {
        let (bytes, mut lines) = (self.bytes, 1);
        if self.way.comment.is_some() && bytes.get(self.start) == self.way.comment.as_ref() {
            return None;
        }
        loop {
            let at = self.next()?;
            if matches!(bytes[at], b'\r' | b'\n') {
                let end_len = line_end_len(bytes, at, self.at_end)?;
                if end_len > 1 {
                    self.next()?;
                }
                return (at - self.start <= self.way.max_record_bytes).then_some(Line {
                    len: at - self.start + end_len,
                    lines,
                    is_blank: at == self.start,
                });
            }
            // A quote opens where a field starts, and is nothing elsewhere.
            if at == self.start || bytes[at - 1] == self.way.delimiter {
                lines += self.quoted()?;
            }
        }
    }

    /// Goes on behind the quote that closes, and counts the line ends before it.
    #[inline(always)]
    fn quoted(&mut self) -> Option<u64> {
        let (bytes, mut lines) = (self.bytes, 0);
        loop {
            let at = self.next()?;
            match bytes[at] {
                b'\n' => lines += u64::from(bytes[at - 1] != b'\r'),
                b'\r' => lines += 1,
                byte if self.way.double_quote && bytes.get(at + 1) == Some(&byte) => {
                    self.next()?;
                }
                _ => return Some(lines),
            }
        }
    }

    /// Where the next quote or line end is.
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.seen.bits == 0 {
            self.look_on()?;
        }
        let at = self.seen.from + self.seen.bits.trailing_zeros() as usize;
        self.seen.bits &= self.seen.bits - 1;
        Some(at)
    }

    /// Looks at the next bytes; at none where they are not there, or the record is too long already.
    #[inline]
    fn look_on(&mut self) -> Option<()> {
        let to = self.seen.to;
        let rest = self.bytes.get(to..).filter(|rest| !rest.is_empty())?;
        if to > self.start + self.way.max_record_bytes {
            return None;
        }
        let len = rest.len().min(CHUNK);
        // Without quotes the line ends are all that matters.
        self.seen = Seen {
            bits: marks([self.way.quote.unwrap_or(b'\n'), b'\r', b'\n'], rest),
            from: to,
            to: to + len,
        };
        self.scanned_bytes += len as u64;
        Some(())
    }
}
