//! A record of a CSV with four more cells, in the dialect in which it came.

use super::Said;
use pipeline::{Fatal, FrameLimits, Framer, Position};
use stages::frame::csv::{CsvDialect, CsvFramer};

/// The titles of the columns that are added.
const TITLES: [&str; 4] = ["_reference", "_code", "_field", "_message"];
/// What a dialect that has no way to write a byte into a cell has there.
const BLANK: u8 = b' ';

/// Writes a dialect.
pub(super) struct Writer {
    dialect: CsvDialect,
    line_end: &'static [u8],
}

impl Writer {
    /// A writer that ends lines as the head `raw` of the file ends its last one.
    pub(super) fn new(dialect: CsvDialect, raw: Option<&[u8]>) -> Self {
        let line_end = raw.map_or(&b""[..], line_end);
        let line_end = if line_end.is_empty() { b"\n" } else { line_end };
        Self { dialect, line_end }
    }

    /// What stands before the first record: the file's own head with four more titles in its last row, or, where the
    /// file is gone, one that reads the same.
    pub(super) fn head(&self, raw: Option<&[u8]>, columns: &[String]) -> Vec<u8> {
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
                        self.cell(title.as_bytes(), &mut head);
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

    /// A record as it came, with four more cells.
    pub(super) fn record(&self, raw: &[u8], said: &Said, out: &mut Vec<u8>) -> Result<(), Fatal> {
        let mut message = said.message.clone();
        if self.stands_alone(raw)? {
            out.extend_from_slice(raw);
        } else {
            message += " (the whole record stands in the first cell)";
            self.cell(raw, out);
        }
        for text in [&said.reference, &said.code, &said.field, &message] {
            out.push(self.dialect.delimiter);
            // What a spreadsheet would compute; the record's own cells stay as they are.
            let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
            match formula {
                true => self.cell(format!("'{text}").as_bytes(), out),
                false => self.cell(text.as_bytes(), out),
            }
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
