//! A record of a CSV with four more cells, in the dialect in which it came.

use super::Said;
use super::formula::{self, MARK};
use pipeline::{Fatal, FrameLimits, Framer, Position};
use stages::frame::csv::{CsvDialect, CsvFramer};

/// The titles of the columns that are added.
const TITLES: [&str; 4] = ["_reference", "_code", "_field", "_message"];
/// What a dialect that has no way to write a byte into a cell has there.
const BLANK: u8 = b' ';
/// What stands before a formula; the first that means nothing else in the dialect.
const MARKS: [u8; 5] = [MARK, BLANK, b'_', b'.', b'~'];

/// Writes a dialect.
pub(super) struct Writer {
    dialect: CsvDialect,
    line_end: &'static [u8],
    /// How many cells a record of the file has.
    columns: usize,
    /// What stands before a formula.
    mark: u8,
}

impl Writer {
    /// A writer of records of `columns` cells that ends lines as the head `raw` of the file ends its last one.
    pub(super) fn new(dialect: CsvDialect, raw: Option<&[u8]>, columns: usize) -> Self {
        let line_end = raw.map_or(&b""[..], line_end);
        let line_end = if line_end.is_empty() { b"\n" } else { line_end };
        let mut marks = MARKS.into_iter();
        let mark = marks.find(|mark| !gives_meaning(&dialect, *mark));
        Self {
            line_end,
            columns,
            mark: mark.unwrap_or(MARK),
            dialect,
        }
    }

    /// What stands before the first record: the file's own head with four more titles in its last row, or, where the
    /// file is gone or a formula may stand in its head, one that reads the same.
    pub(super) fn head(&self, raw: Option<&[u8]>, columns: &[String]) -> Vec<u8> {
        let raw = raw.filter(|raw| !self.may_compute(raw));
        let rows = self.dialect.header.rows;
        let mut head = Vec::new();
        match raw {
            Some(raw) => head.extend_from_slice(&raw[..raw.len() - line_end(raw).len()]),
            None => {
                for _ in 0..self.dialect.skip_rows {
                    head.extend_from_slice(self.line_end);
                }
                // Titles of several rows that are equal count once.
                for row in 0..rows {
                    if row > 0 {
                        head.extend_from_slice(self.line_end);
                    }
                    for (index, title) in columns.iter().enumerate() {
                        if index > 0 {
                            head.push(self.dialect.delimiter);
                        }
                        self.text(title.as_bytes(), &mut head);
                    }
                }
            }
        }
        let is_empty = head.is_empty();
        if rows > 0 {
            for title in TITLES {
                if !is_empty || title != TITLES[0] {
                    head.push(self.dialect.delimiter);
                }
                self.cell(title.as_bytes(), &mut head);
            }
            head.extend_from_slice(self.line_end);
        } else if raw.is_some() && !is_empty {
            head.extend_from_slice(self.line_end);
        }
        head
    }

    /// A record as it came but for marks before formulas, with four more cells; as many empty cells where nothing of it is
    /// kept.
    pub(super) fn record(&self, raw: &[u8], said: &Said, out: &mut Vec<u8>) -> Result<(), Fatal> {
        let mut message = said.message.clone();
        if raw.is_empty() {
            let between = self.columns.saturating_sub(1);
            out.extend(std::iter::repeat_n(self.dialect.delimiter, between));
        } else if self.stands_alone(raw)? {
            self.guarded(raw, out);
        } else {
            message += " (the whole record stands in the first cell)";
            self.text(raw, out);
        }
        for text in [&said.reference, &said.code, &said.field, &message] {
            out.push(self.dialect.delimiter);
            self.text(text.as_bytes(), out);
        }
        out.extend_from_slice(self.line_end);
        Ok(())
    }

    /// Whether bytes are one record, so that what is written behind them is not swallowed by an open quote, and they are
    /// not taken for a comment or two records.
    fn stands_alone(&self, raw: &[u8]) -> Result<bool, Fatal> {
        let limits = FrameLimits {
            max_record_bytes: raw.len(),
            max_block_bytes: raw.len() + 1,
            ..FrameLimits::default()
        };
        let mut framer = CsvFramer::new(&self.dialect, Position::START, limits);
        framer.buffer().extend_from_slice(raw);
        let block = framer.next_block(true)?;
        Ok(block.is_some_and(|block| {
            matches!(&block.frames[..], [frame] if frame.broken.is_none() && block.raw(0).len() == raw.len())
        }))
    }

    /// A record that stands alone, with a mark in each cell that would be a formula: nothing else of it changes.
    fn guarded(&self, raw: &[u8], out: &mut Vec<u8>) {
        let mut value = Vec::new();
        let mut rest = raw;
        while !rest.is_empty() {
            value.clear();
            let (len, begins) = self.first_cell(rest, &mut value);
            let (before, behind) = rest[..len].split_at(begins);
            out.extend_from_slice(before);
            if formula::is_formula(&value, self.mark) {
                out.push(self.mark);
            }
            out.extend_from_slice(behind);
            rest = &rest[len..];
            if let Some((delimiter, others)) = rest.split_first() {
                out.push(*delimiter);
                rest = others;
            }
        }
    }

    /// The length of the first cell of a record in bytes, and where in it the first byte of its value is written; the
    /// value goes into `value`.
    fn first_cell(&self, record: &[u8], value: &mut Vec<u8>) -> (usize, usize) {
        let dialect = &self.dialect;
        let (mut begins, mut at) = (None, 0);
        let mut is_quoted = false;
        while let Some(&byte) = record.get(at) {
            let from = at;
            let next = record.get(at + 1).copied();
            if Some(byte) == dialect.quote_char && (at == 0 || is_quoted) {
                if is_quoted && dialect.double_quote && next == Some(byte) {
                    at += 1;
                } else {
                    is_quoted = !is_quoted;
                    at += 1;
                    continue;
                }
            } else if is_quoted && Some(byte) == dialect.escape_char && next.is_some() {
                at += 1;
            } else if !is_quoted && byte == dialect.delimiter {
                break;
            }
            begins.get_or_insert(from);
            value.push(record[at]);
            at += 1;
        }
        (at, begins.unwrap_or(at))
    }

    /// A cell of these bytes, which is no formula.
    fn text(&self, bytes: &[u8], out: &mut Vec<u8>) {
        match formula::is_formula(bytes, self.mark) {
            true => self.cell(&[&[self.mark], bytes].concat(), out),
            false => self.cell(bytes, out),
        }
    }

    /// Whether a formula may begin somewhere in these bytes, wherever the cells are.
    fn may_compute(&self, bytes: &[u8]) -> bool {
        let begins = |at: usize| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            before.is_none_or(|byte| {
                matches!(byte, b'\r' | b'\n')
                    || *byte == self.dialect.delimiter
                    || gives_meaning(&self.dialect, *byte)
            })
        };
        let is_end = |byte: &u8| *byte == self.dialect.delimiter || matches!(byte, b'\r' | b'\n');
        let cells = (0..bytes.len()).filter(|at| begins(*at) && !is_end(&bytes[*at]));
        cells.into_iter().any(|at| {
            let len = bytes[at..].iter().position(is_end);
            let cell = &bytes[at..len.map_or(bytes.len(), |len| at + len)];
            formula::is_formula(cell, self.mark)
        })
    }

    /// A cell of these bytes, quoted where it has to be.
    fn cell(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let dialect = &self.dialect;
        let means = |byte: &u8| {
            matches!(byte, b'\r' | b'\n')
                || *byte == dialect.delimiter
                || [dialect.quote_char, dialect.escape_char].contains(&Some(*byte))
        };
        let comments =
            dialect.comment_char.is_some() && bytes.first() == dialect.comment_char.as_ref();
        let Some(quote) = dialect.quote_char else {
            let blank = |(index, byte): (usize, &u8)| match means(byte) || (comments && index == 0)
            {
                true => BLANK,
                false => *byte,
            };
            out.extend(bytes.iter().enumerate().map(blank));
            return;
        };
        if !bytes.iter().any(means) && !comments {
            out.extend_from_slice(bytes);
            return;
        }
        out.push(quote);
        for &byte in bytes {
            match dialect.escape_char {
                Some(escape) if byte == escape || (byte == quote && !dialect.double_quote) => {
                    out.extend([escape, byte]);
                }
                _ if byte != quote => out.push(byte),
                _ if dialect.double_quote => out.extend([quote, quote]),
                _ => out.push(BLANK),
            }
        }
        out.push(quote);
    }
}

/// Whether a byte is more than itself somewhere in a cell.
fn gives_meaning(dialect: &CsvDialect, byte: u8) -> bool {
    byte == dialect.delimiter
        || [
            dialect.quote_char,
            dialect.escape_char,
            dialect.comment_char,
        ]
        .contains(&Some(byte))
}

/// The line end with which these bytes end; empty where they do not.
fn line_end(bytes: &[u8]) -> &'static [u8] {
    match bytes {
        [.., b'\r', b'\n'] => b"\r\n",
        [.., b'\n'] => b"\n",
        [.., b'\r'] => b"\r",
        _ => b"",
    }
}
