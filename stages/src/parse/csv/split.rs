//! The way of ordinary records: they are split where their delimiters are.
//!
//! It promises the cells that csv-core's automaton finds, or leaves the record to it: one with a line break outside
//! quotes, bytes behind a closing quote, an escape character. Cells are places in the record; only one with doubled
//! quotes is written anew.

use crate::frame::csv::CsvDialect;
use crate::record::Cells;
use memchr::memchr;

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
        cells.refill(record);
        let mut start = 0;
        loop {
            let end = match bytes.get(start) {
                Some(byte) if self.quote == Some(*byte) => self.quoted(record, start, cells)?,
                _ => {
                    let end = start + self.unquoted(&bytes[start..])?;
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

    /// The length of the cell at the front of `bytes`, which is not quoted; `None` where a line breaks in it. Cells
    /// are short as a rule: words are cheaper than a call of memchr.
    #[inline]
    fn unquoted(&self, bytes: &[u8]) -> Option<usize> {
        const LOW: u64 = u64::from_le_bytes([1; 8]);
        const HIGH: u64 = LOW << 7;
        /// No byte that is less than this is text, as a rule.
        const FIRST: u64 = b'\r' as u64 + 1;
        let ends = |byte: u8| byte == self.delimiter || matches!(byte, b'\r' | b'\n');
        let (words, rest) = bytes.as_chunks();
        let mut found = None;
        for (word, at) in words.iter().zip((0..).step_by(8)) {
            let word_bytes: [u8; 8] = *word;
            let word = u64::from_le_bytes(word_bytes);
            let different = word ^ (LOW * u64::from(self.delimiter));
            // The high bit of each byte that is a delimiter or small; above the first one it may be set wrongly.
            let hits = (different.wrapping_sub(LOW) & !different
                | word.wrapping_sub(LOW * FIRST) & !word)
                & HIGH;
            if hits == 0 {
                continue;
            }
            let first = hits.trailing_zeros() as usize / 8;
            found = match ends(word_bytes[first]) {
                true => Some(first),
                false => word_bytes.iter().position(|byte| ends(*byte)),
            };
            if let Some(index) = found {
                found = Some(at + index);
                break;
            }
        }
        let found = found.or_else(|| {
            let index = rest.iter().position(|byte| ends(*byte))?;
            Some(words.len() * 8 + index)
        });
        match found {
            Some(end) => (bytes[end] == self.delimiter).then_some(end),
            None => Some(bytes.len()),
        }
    }
}
