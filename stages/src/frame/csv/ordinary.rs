//! The quick way to the ends of ordinary records: from one quote or line end to the next, as bits of 64 bytes.
//!
//! It promises the records that the automaton ([`super::scan`]) finds, or leaves one to it, and all others that begin
//! in bytes which were looked at for that one: so it looks at no byte twice. It leaves what is a comment, what has
//! no end in the bytes that are there, what is over the limit, and every dialect with an escape character.

use super::CsvDialect;
use super::marks::{CHUNK, marks};
use super::scan::{Found, line_end_len};

/// The way over the records of one stream. Places count from the start of the next record.
#[derive(Debug)]
pub struct Ordinary {
    is_possible: bool,
    delimiter: u8,
    quote: Option<u8>,
    double_quote: bool,
    comment: Option<u8>,
    max_record_bytes: usize,

    /// The quotes and line ends from `from` on that are still to come.
    bits: u64,
    from: usize,
    /// One past the last byte that was looked at.
    to: usize,
    /// Whether the records that begin before `to` are left to the automaton.
    is_left: bool,
    scanned_bytes: u64,
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
            bits: 0,
            from: 0,
            to: 0,
            is_left: false,
            scanned_bytes: 0,
        }
    }

    /// Bytes that were looked at so far.
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned_bytes
    }

    /// Goes on to the record that begins `len` bytes behind the start of the last one.
    #[inline]
    pub fn restart(&mut self, len: usize) {
        if len >= self.to {
            (self.bits, self.from, self.to) = (0, 0, 0);
            self.is_left = false;
            return;
        }
        // What was passed is gone but for an LF behind its CR.
        let passed = len.saturating_sub(self.from);
        self.bits = self.bits.checked_shr(passed as u32).unwrap_or(0);
        self.from = self.from.saturating_sub(len);
        self.to -= len;
    }

    /// Forgets what was looked at.
    pub fn reset(&mut self) {
        self.restart(self.to);
    }

    /// What begins at the front of `bytes`, once after each restart; `None` where only the automaton can tell.
    #[inline]
    pub fn find(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        if self.is_left || !self.is_possible {
            return None;
        }
        let found = match bytes.first() {
            first if first == self.comment.as_ref() => None,
            _ => self.record(bytes, at_end),
        };
        if found.is_none() {
            self.bits = 0;
            self.is_left = self.to > 0;
        }
        found
    }

    #[inline]
    fn record(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        let mut lines = 0;
        loop {
            let at = self.next(bytes)?;
            if matches!(bytes[at], b'\r' | b'\n') {
                let len = at + line_end_len(bytes, at, at_end)?;
                return match at {
                    0 => Some(Found::Skipped {
                        len,
                        lines: 1,
                        skipped: 1,
                    }),
                    _ if at > self.max_record_bytes => None,
                    _ => Some(Found::Record {
                        len,
                        lines: lines + 1,
                        broken: None,
                    }),
                };
            }
            // A quote opens where a field starts, and is nothing elsewhere.
            if at == 0 || bytes[at - 1] == self.delimiter {
                lines += self.quoted(bytes)?;
            }
        }
    }

    /// Goes on behind the quote that closes, and counts the line ends before it.
    #[inline]
    fn quoted(&mut self, bytes: &[u8]) -> Option<u64> {
        let mut lines = 0;
        loop {
            let at = self.next(bytes)?;
            match bytes[at] {
                b'\n' => lines += u64::from(bytes[at - 1] != b'\r'),
                b'\r' => lines += 1,
                byte if self.double_quote && bytes.get(at + 1) == Some(&byte) => {
                    self.next(bytes)?;
                }
                _ => return Some(lines),
            }
        }
    }

    /// Where the next quote or line end is.
    #[inline(always)]
    fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        while self.bits == 0 {
            self.look_on(bytes)?;
        }
        let at = self.from + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }

    /// Looks at the next bytes; at none where they are not there, or the record is too long already.
    #[inline(always)]
    fn look_on(&mut self, bytes: &[u8]) -> Option<()> {
        let rest = bytes.get(self.to..).filter(|rest| !rest.is_empty())?;
        if self.to > self.max_record_bytes {
            return None;
        }
        // Without quotes the line ends are all that matters.
        self.bits = marks([self.quote.unwrap_or(b'\n'), b'\r', b'\n'], rest);
        self.from = self.to;
        self.to += rest.len().min(CHUNK);
        self.scanned_bytes += (self.to - self.from) as u64;
        Some(())
    }
}
