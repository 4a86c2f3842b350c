//! A record of a CSV with four more cells, in the dialect in which it came.

use super::Said;
use pipeline::Fatal;
use stages::corrected::cells::{first_cell, gives_meaning, is_one_record, mark_of};
use stages::corrected::{formula, titles_beside};
use stages::frame::csv::CsvDialect;

/// What a dialect that has no way to write a byte into a cell has there.
const BLANK: u8 = b' ';

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
        Self {
            line_end,
            columns,
            mark: mark_of(&dialect),
            dialect,
        }
    }

    /// What stands before the first record: the file's own head with four more titles in its last row, or, where the
    /// file is gone or a formula may stand in its head, one that reads the same.
    pub(super) fn head(&self, raw: Option<&[u8]>, columns: &[String]) -> Vec<u8> {
        let added = titles_beside(columns);
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
            for (number, title) in added.iter().enumerate() {
                if !is_empty || number > 0 {
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
        } else if is_one_record(&self.dialect, raw)? {
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

    /// A record that stands alone, with a mark in each cell that would be a formula: nothing else of it changes.
    fn guarded(&self, raw: &[u8], out: &mut Vec<u8>) {
        let mut value = Vec::new();
        let mut rest = raw;
        while !rest.is_empty() {
            value.clear();
            let (len, begins) = first_cell(&self.dialect, rest, &mut value);
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

/// The line end with which these bytes end; empty where they do not.
fn line_end(bytes: &[u8]) -> &'static [u8] {
    match bytes {
        [.., b'\r', b'\n'] => b"\r\n",
        [.., b'\n'] => b"\n",
        [.., b'\r'] => b"\r",
        _ => b"",
    }
}
