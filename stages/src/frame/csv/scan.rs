//! Where a CSV record ends: the automaton of csv-core, run with memchr from one byte that matters to the
//! next, and a rescan that never repeats the work of a failed scan. Ordinary records do not come here: they are
//! found on a quicker way ([`super::ordinary`]), which leaves everything else to the automaton.
//!
//! # The automaton
//! Outside quotes only a CR or LF (the record's end) and a quote matter, and the quote only where a field
//! starts: at the record's first byte or behind a delimiter. Outside quotes every delimiter ends a field, so
//! the byte before decides. Inside quotes only the quote and the escape character matter; CR and LF are
//! counted there, for line numbers. The byte behind a quote that closes is looked at alone: another quote
//! is a doubled one. A comment begins with its character as the first byte of a record and ends, as in
//! csv-core, at the next LF and at no CR.
//!
//! # Why a rescan is linear
//! When the limit or the end of the input is reached inside a quote, the record is broken: it is cut at its
//! *first* line end, and the next record begins there, in bytes that were scanned already. Scanning them
//! again for each line would make the work quadratic. But:
//!
//! 1. Behind a line end there are two states only: outside quotes the line end has ended the record, so a
//!    record that goes on is inside a quote.
//! 2. The failed scan never ended its record. So it was inside a quote behind *every* line end that it met,
//!    from the first one up to the place where it stopped.
//! 3. So a new scan that is inside a quote behind a line end, at a place that the failed scan passed, is in
//!    the failed scan's state, and has the same future: it is taken to where the failed scan stopped.
//!
//! A new scan therefore reads the rest of its first line: there its record ends, or it stands in (3). What a
//! failed scan leaves behind is one place with its state ([`Failed`]), not a history, and each byte is
//! scanned at most once as part of a failed scan's future and once as part of the line that begins a record.

use super::CsvDialect;
use memchr::{memchr, memchr2, memchr3};

/// The code of a record whose quote is still open at the limit or at the end of the input.
pub const UNCLOSED_QUOTE: &str = "unclosed_quote";
/// The code of a record over the limit that stands outside quotes there.
pub const TOO_LARGE: &str = "record_too_large";

/// What begins at the front of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing that can be said yet: more bytes are wanted or, at the end, none are left.
    Wanting,
    /// A record of `len` bytes with `lines` line ends, its own included; or what is cut off as broken.
    Record {
        len: usize,
        lines: u64,
        broken: Option<&'static str>,
    },
    /// `len` bytes that are no record: `skipped` lines with `lines` line ends.
    Skipped {
        len: usize,
        lines: u64,
        skipped: u64,
    },
    /// A broken record whose end is not here; it has `lines` line ends so far.
    Overlong { code: &'static str, lines: u64 },
    /// A comment whose LF is not here. It is one at the end of the input, too: csv-core takes a comment
    /// that has none for an empty record, so it must not get into the bytes of a block.
    LongComment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of the record has been looked at.
    Start,
    /// In an unquoted field, or behind a delimiter.
    Outside,
    /// Inside a quote.
    Quoted,
    /// Behind an escape character inside a quote.
    Escaped,
    /// Behind a quote that closes, unless it is doubled.
    Closed,
    /// In a comment.
    Comment,
}

/// Where a scan stopped inside a quote, in bytes and line ends from the start of the record under scan.
#[derive(Clone, Copy, Debug)]
struct Failed {
    pos: usize,
    lines: u64,
    state: State,
}

/// The scan of one record, which begins at the front of the bytes that are given. It is resumed where it
/// stands when more bytes arrive, and begins anew with [`Scan::restart`].
#[derive(Debug)]
pub struct Scan {
    delimiter: u8,
    quote: Option<u8>,
    double_quote: bool,
    escape: Option<u8>,
    comment: Option<u8>,
    max_record_bytes: usize,

    state: State,
    /// Bytes of the record that have been looked at.
    pos: usize,
    /// Line ends among them.
    lines: u64,
    /// Where the first of these is.
    first_line_end: Option<usize>,
    failed: Option<Failed>,
    /// Bytes that were looked at in all scans.
    scanned_bytes: u64,
}

impl Scan {
    pub fn new(dialect: &CsvDialect, max_record_bytes: usize) -> Self {
        Self {
            delimiter: dialect.delimiter,
            quote: dialect.quote_char,
            double_quote: dialect.double_quote,
            escape: dialect.quote_char.and(dialect.escape_char),
            comment: dialect.comment_char,
            max_record_bytes,
            state: State::Start,
            pos: 0,
            lines: 0,
            first_line_end: None,
            failed: None,
            scanned_bytes: 0,
        }
    }

    /// Bytes that were looked at since this scan was made, repeated looks counted.
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned_bytes
    }

    /// Begins a new record `len` bytes and `lines` line ends behind the start of the last one.
    pub fn restart(&mut self, len: usize, lines: u64) {
        self.state = State::Start;
        self.pos = 0;
        self.lines = 0;
        self.first_line_end = None;
        self.failed = self
            .failed
            .filter(|failed| failed.pos > len)
            .map(|failed| Failed {
                pos: failed.pos - len,
                lines: failed.lines - lines,
                ..failed
            });
    }

    /// Forgets everything: the next bytes begin a record that no scan has seen.
    pub fn reset(&mut self) {
        self.failed = None;
        self.restart(0, 0);
    }

    /// Whether it has seen nothing of what begins at the front of the bytes.
    pub fn is_fresh(&self) -> bool {
        self.state == State::Start && self.failed.is_none()
    }

    /// Looks for the end of what begins at the front of `bytes`, which are those of the last call and more.
    pub fn find(&mut self, bytes: &[u8], at_end: bool) -> Found {
        loop {
            let found = match self.state {
                State::Start => self.start(bytes, at_end),
                State::Outside => self.outside(bytes, at_end),
                State::Quoted => self.quoted(bytes, at_end),
                State::Escaped => self.escaped(bytes, at_end),
                State::Closed => self.closed(bytes, at_end),
                State::Comment => Some(self.comment(bytes)),
            };
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn start(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        let Some(&first) = bytes.first() else {
            return Some(Found::Wanting);
        };
        self.scanned_bytes += 1;
        match first {
            b'\r' | b'\n' => {
                return Some(match line_end_len(bytes, 0, at_end) {
                    None => Found::Wanting,
                    Some(len) => Found::Skipped {
                        len,
                        lines: 1,
                        skipped: 1,
                    },
                });
            }
            _ if self.comment == Some(first) => self.state = State::Comment,
            _ if self.quote == Some(first) => self.move_to(1, State::Quoted),
            _ => self.state = State::Outside,
        }
        None
    }

    fn outside(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        // The byte behind the limit may end a record that is just as long as it may be.
        let window = bytes.len().min(self.max_record_bytes + 1);
        let Some(index) = self.next_outside(&bytes[..window]) else {
            self.move_to(window, State::Outside);
            return Some(if bytes.len() > self.max_record_bytes {
                self.too_large(bytes, at_end)
            } else if at_end {
                self.whole(bytes.len(), 0)
            } else {
                Found::Wanting
            });
        };
        if !matches!(bytes[index], b'\r' | b'\n') {
            if index == self.max_record_bytes {
                self.move_to(index, State::Outside);
                return Some(self.too_large(bytes, at_end));
            }
            self.move_to(index + 1, State::Quoted);
            return None;
        }
        self.move_to(index, State::Outside);
        Some(self.end_at(index, bytes, at_end))
    }

    /// The next line end, or quote that opens.
    fn next_outside(&self, bytes: &[u8]) -> Option<usize> {
        let Some(quote) = self.quote else {
            return Some(self.pos + memchr2(b'\r', b'\n', &bytes[self.pos..])?);
        };
        let mut pos = self.pos;
        loop {
            let index = pos + memchr3(quote, b'\r', b'\n', &bytes[pos..])?;
            if bytes[index] != quote || bytes[index - 1] == self.delimiter {
                return Some(index);
            }
            pos = index + 1;
        }
    }

    fn quoted(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        let window = bytes.len().min(self.max_record_bytes);
        let Some(index) = self.next_in_quotes(&bytes[..window]) else {
            self.move_to(window, State::Quoted);
            return Some(self.at_window(bytes, at_end));
        };
        match bytes[index] {
            b'\r' | b'\n' => {
                self.move_to(index + 1, State::Quoted);
                if bytes[index] == b'\r' || bytes[index - 1] != b'\r' {
                    self.lines += 1;
                    self.first_line_end.get_or_insert(index);
                }
                if let Some(failed) = self.failed.filter(|failed| failed.pos > self.pos) {
                    self.state = failed.state;
                    self.pos = failed.pos;
                    self.lines = failed.lines;
                }
            }
            byte if self.quote == Some(byte) => self.move_to(index + 1, State::Closed),
            _ => self.move_to(index + 1, State::Escaped),
        }
        None
    }

    /// The next byte that matters inside quotes.
    fn next_in_quotes(&self, bytes: &[u8]) -> Option<usize> {
        let (quote, rest) = (self.quote?, &bytes[self.pos..]);
        let found = match self.escape {
            None => memchr3(quote, b'\r', b'\n', rest),
            Some(escape) => rest
                .iter()
                .position(|&byte| byte == quote || byte == escape || matches!(byte, b'\r' | b'\n')),
        };
        Some(self.pos + found?)
    }

    fn escaped(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        if self.pos >= bytes.len().min(self.max_record_bytes) {
            return Some(self.at_window(bytes, at_end));
        }
        // An escaped line end still ends a physical line: it is left for the look inside quotes.
        let skip = usize::from(!matches!(bytes[self.pos], b'\r' | b'\n'));
        self.move_to(self.pos + skip, State::Quoted);
        None
    }

    fn closed(&mut self, bytes: &[u8], at_end: bool) -> Option<Found> {
        let Some(&byte) = bytes.get(self.pos) else {
            return Some(match at_end {
                true => self.whole(bytes.len(), 0),
                false => Found::Wanting,
            });
        };
        let doubled = self.double_quote && self.quote == Some(byte);
        if doubled && self.pos < self.max_record_bytes {
            self.move_to(self.pos + 1, State::Quoted);
        } else {
            self.state = State::Outside;
        }
        None
    }

    fn comment(&mut self, bytes: &[u8]) -> Found {
        let end = memchr(b'\n', &bytes[self.pos..]).map(|index| self.pos + index + 1);
        self.move_to(end.unwrap_or(bytes.len()), State::Comment);
        if end.is_none() {
            return Found::LongComment;
        }
        let lines = line_ends(&bytes[..self.pos]);
        Found::Skipped {
            len: self.pos,
            lines,
            skipped: lines,
        }
    }

    fn move_to(&mut self, pos: usize, state: State) {
        self.scanned_bytes += (pos - self.pos) as u64;
        self.pos = pos;
        self.state = state;
    }

    /// Inside a quote, at the limit or at the end of the bytes.
    fn at_window(&mut self, bytes: &[u8], at_end: bool) -> Found {
        // Even at the limit one more byte is wanted, so that a CR at the limit can be judged.
        if bytes.len() <= self.max_record_bytes && !at_end {
            return Found::Wanting;
        }
        self.failed = Some(Failed {
            pos: self.pos,
            lines: self.lines,
            state: self.state,
        });
        match self.first_line_end {
            Some(index) => match line_end_len(bytes, index, at_end) {
                Some(len) => broken(index + len, 1, UNCLOSED_QUOTE),
                None => Found::Wanting,
            },
            None => self.cut_behind(bytes, at_end, UNCLOSED_QUOTE),
        }
    }

    fn too_large(&mut self, bytes: &[u8], at_end: bool) -> Found {
        self.cut_behind(bytes, at_end, TOO_LARGE)
    }

    /// Cuts the record off as broken at the next line end from here.
    fn cut_behind(&mut self, bytes: &[u8], at_end: bool, code: &'static str) -> Found {
        let from = self.pos.min(self.max_record_bytes);
        let lines = self.lines;
        match memchr2(b'\r', b'\n', &bytes[from..]) {
            Some(index) => {
                self.scanned_bytes += index as u64;
                match line_end_len(bytes, from + index, at_end) {
                    Some(len) => broken(from + index + len, lines + 1, code),
                    None => Found::Overlong { code, lines },
                }
            }
            None if at_end => broken(bytes.len(), lines, code),
            None => Found::Overlong { code, lines },
        }
    }

    /// A record that the line end at `index` ends.
    fn end_at(&self, index: usize, bytes: &[u8], at_end: bool) -> Found {
        match line_end_len(bytes, index, at_end) {
            Some(len) => self.whole(index + len, 1),
            None => Found::Wanting,
        }
    }

    fn whole(&self, len: usize, ends: u64) -> Found {
        Found::Record {
            len,
            lines: self.lines + ends,
            broken: None,
        }
    }
}

fn broken(len: usize, lines: u64, code: &'static str) -> Found {
    Found::Record {
        len,
        lines,
        broken: Some(code),
    }
}

/// The length of the line end at `index`. `None`: a CR is the last byte here, and an LF may follow.
pub fn line_end_len(bytes: &[u8], index: usize, at_end: bool) -> Option<usize> {
    match (bytes[index], bytes.get(index + 1)) {
        (b'\r', Some(b'\n')) => Some(2),
        (b'\r', None) if !at_end => None,
        _ => Some(1),
    }
}

/// Line ends in `bytes`: each CR, LF and CRLF is one.
pub fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr2_iter(b'\r', b'\n', bytes)
        .filter(|&index| bytes[index] == b'\n' || bytes.get(index + 1) != Some(&b'\n'))
        .count() as u64
}
