//! The way of ordinary records: they are split where their delimiters are, from one delimiter or quote to the next, as
//! bits of 64 bytes.
//!
//! It promises the cells that csv-core's automaton finds, or leaves the record to it: one with a line break outside
//! quotes, bytes behind a closing quote, an escape character. Cells are places in the record; only one with doubled
//! quotes is written anew.

use crate::frame::csv::CsvDialect;
use crate::frame::csv::marks::{CHUNK, marks};
use crate::record::Cells;
use memchr::memchr;

/// The bytes that a dialect gives a meaning.
#[derive(Clone, Copy, Debug)]
pub struct Splitter {
    delimiter: u8,
    /// The delimiter where no character encloses a field.
    quote: u8,
    double_quote: bool,
    escape: Option<u8>,
    comment: Option<u8>,
    /// A mark beyond ASCII would cut characters in two, and no byte can mean two things.
    is_possible: bool,
}

impl Splitter {
    pub fn new(dialect: &CsvDialect) -> Self {
        let (delimiter, quote) = (dialect.delimiter, dialect.quote_char);
        let is_mark = |quote: u8| quote.is_ascii() && quote != delimiter;
        Self {
            delimiter,
            quote: quote.unwrap_or(delimiter),
            double_quote: dialect.double_quote,
            escape: quote.and(dialect.escape_char),
            comment: dialect.comment_char,
            is_possible: delimiter.is_ascii() && quote.is_none_or(is_mark),
        }
    }

    /// Refills `cells` from `record`, which has no line end; `bytes` begin with it and may go on behind it. `None` where
    /// only the automaton can tell what its cells are; then `cells` holds nothing of use.
    #[inline]
    pub fn split(&self, record: &str, bytes: &[u8], cells: &mut Cells) -> Option<()> {
        let first = *record.as_bytes().first()?;
        let escapes = |escape| memchr(escape, record.as_bytes()).is_some();
        if !self.is_possible || Some(first) == self.comment || self.escape.is_some_and(escapes) {
            return None;
        }
        cells.refill(record);
        let mut places = Places {
            marks: [self.quote, self.delimiter, b'\r', b'\n'],
            bytes,
            len: record.len(),
            bits: 0,
            from: 0,
            to: 0,
        };
        let mut start = 0;
        while let Some(at) = places.next() {
            let byte = bytes[at];
            if byte == self.delimiter {
                cells.place(start, at);
                start = at + 1;
            } else if byte != self.quote {
                return None;
            } else if at == start {
                let end = self.quoted(record, start + 1, &mut places, cells)?;
                if end == record.len() {
                    return Some(());
                }
                start = end + 1;
            }
        }
        cells.place(start, record.len());
        Some(())
    }

    /// Adds the cell whose text begins at `inside`, behind its quote, and returns where the delimiter behind it, or the
    /// end, is.
    #[inline]
    fn quoted(
        &self,
        record: &str,
        inside: usize,
        places: &mut Places<'_>,
        cells: &mut Cells,
    ) -> Option<usize> {
        let bytes = record.as_bytes();
        let (mut from, mut written) = (inside, None);
        loop {
            let at = places.next()?;
            if bytes[at] != self.quote {
                continue;
            }
            match bytes.get(at + 1) {
                Some(next) if *next == self.quote && self.double_quote => {
                    places.next()?;
                    // The first half of a doubled quote ends a piece; the other half is left out.
                    let start = cells.append(&record[from..=at]);
                    written.get_or_insert(start);
                    from = at + 2;
                    continue;
                }
                Some(next) if *next != self.delimiter => return None,
                Some(_) => _ = places.next(),
                None => {}
            }
            match written {
                None => cells.place(inside, at),
                Some(start) => {
                    let last = cells.append(&record[from..at]);
                    cells.place(start, last + (at - from));
                }
            }
            return Some(at + 1);
        }
    }
}

/// Where the marks of a record are, one behind the other.
struct Places<'a> {
    marks: [u8; 4],
    bytes: &'a [u8],
    /// The length of the record, with which `bytes` begin.
    len: usize,
    /// The marks from `from` on that are still to come.
    bits: u64,
    from: usize,
    /// One past the last byte that was looked at.
    to: usize,
}

impl Places<'_> {
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            if self.to >= self.len {
                return None;
            }
            self.bits = marks(self.marks, &self.bytes[self.to..]);
            let left = self.len - self.to;
            if left < CHUNK {
                self.bits &= !(u64::MAX << left);
            }
            self.from = self.to;
            self.to += CHUNK;
        }
        let at = self.from + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}
