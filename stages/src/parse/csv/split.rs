//! The way of ordinary records: they are split where their delimiters are.
//!
//! It promises the cells that csv-core's automaton finds, or leaves the record to it: one with a line break outside
//! quotes, bytes behind a closing quote, an escape character. Cells are places in the record; only one with doubled
//! quotes is written anew.

use crate::frame::csv::CsvDialect;
use crate::record::Cells;
use memchr::{memchr, memchr2};

/// The bytes that a dialect gives a meaning.
#[derive(Clone, Copy, Debug)]
pub struct Splitter {
    delimiter: u8,
    quote: Option<u8>,
    double_quote: bool,
    escape: Option<u8>,
    comment: Option<u8>,
    /// A mark beyond ASCII would cut characters in two.
    is_ascii: bool,
}

impl Splitter {
    pub fn new(dialect: &CsvDialect) -> Self {
        let quote = dialect.quote_char;
        let is_ascii = dialect.delimiter.is_ascii() && quote.is_none_or(|quote| quote.is_ascii());
        Self {
            delimiter: dialect.delimiter,
            quote,
            double_quote: dialect.double_quote,
            escape: quote.and(dialect.escape_char),
            comment: dialect.comment_char,
            is_ascii,
        }
    }

    /// Refills `cells` from `record`, which has no line end. `None` where only the automaton can tell what its cells
    /// are; then `cells` holds nothing of use.
    #[inline]
    pub fn split(&self, record: &str, cells: &mut Cells) -> Option<()> {
        let bytes = record.as_bytes();
        let first = *bytes.first()?;
        let escapes = |escape| memchr(escape, bytes).is_some();
        if !self.is_ascii || Some(first) == self.comment || self.escape.is_some_and(escapes) {
            return None;
        }
        let has_breaks = memchr2(b'\r', b'\n', bytes).is_some();
        cells.refill(record);
        let mut start = 0;
        loop {
            let end = match bytes.get(start) {
                Some(byte) if self.quote == Some(*byte) => self.quoted(record, start, cells)?,
                _ => {
                    let end = start + next(self.delimiter, &bytes[start..]);
                    if has_breaks && memchr2(b'\r', b'\n', &bytes[start..end]).is_some() {
                        return None;
                    }
                    cells.place(start, end);
                    end
                }
            };
            if end == bytes.len() {
                return Some(());
            }
            start = end + 1;
        }
    }

    /// Adds the cell whose quote opens at `start`, and returns where the delimiter behind it, or the end, is.
    fn quoted(&self, record: &str, start: usize, cells: &mut Cells) -> Option<usize> {
        let (bytes, quote) = (record.as_bytes(), self.quote?);
        let inside = start + 1;
        let (mut at, mut doubled) = (inside, false);
        let end = loop {
            let end = at + memchr(quote, &bytes[at..])?;
            match bytes.get(end + 1) {
                Some(next) if *next == quote && self.double_quote => {
                    (at, doubled) = (end + 2, true);
                }
                Some(next) if *next != self.delimiter => return None,
                _ => break end,
            }
        };
        if doubled {
            // Each piece ends with the first half of a doubled quote; the other half begins the next one.
            let mut rest = &record[inside..end];
            cells.push_joined(std::iter::from_fn(|| {
                let len = memchr(quote, rest.as_bytes()).map(|index| index + 1);
                let (piece, behind) = rest.split_at(len.unwrap_or(rest.len()));
                rest = behind.get(1..).unwrap_or_default();
                (!piece.is_empty()).then_some(piece)
            }));
        } else {
            cells.place(inside, end);
        }
        Some(end + 1)
    }
}

/// Where the first `wanted` is in `bytes`, or their length. Cells are short as a rule: words are cheaper than a call
/// of memchr.
#[inline]
fn next(wanted: u8, bytes: &[u8]) -> usize {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = LOW << 7;
    let pattern = LOW * u64::from(wanted);
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let different = u64::from_le_bytes(*word) ^ pattern;
        // The high bit of each byte that is zero; above the first one it may be set wrongly.
        let hits = different.wrapping_sub(LOW) & !different & HIGH;
        if hits != 0 {
            return index * 8 + hits.trailing_zeros() as usize / 8;
        }
    }
    let found = rest.iter().position(|byte| *byte == wanted);
    words.len() * 8 + found.unwrap_or(rest.len())
}
