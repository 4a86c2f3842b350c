//! Bad rows of a CSV, of each of which it is known what must become of it: a value that is wrong, cells too few or too
//! many, bytes of other encodings, a row that is too long, and quotes that nobody closed.

use super::{CsvMaker, TRIES, end_line};
use crate::generate::chance::Chance;
use crate::generate::scalar::Found;
use crate::generate::words;
use crate::generate::{MAX_LONG_RECORD_BYTES, Row};

/// The most lines that a quote swallows which is closed late.
const MAX_SWALLOWED_LINES: usize = 3;
/// What a row that is too long is filled with: the first of these that means nothing to the dialect.
const FILLERS: [u8; 4] = [b'x', b'y', b'0', b'.'];

impl CsvMaker {
    /// A record in which one thing is wrong.
    pub fn bad(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Row {
        self.noise(chance, out);
        if !chance.one_in(4)
            && let Some(row) = self.bad_value(chance, out)
        {
            return row;
        }
        loop {
            if let Some(code) = self.broken(chance, out) {
                return Row::rejected(code, None);
            }
        }
    }

    /// A record whose quote the file ends in, as one does that was cut off. `None` where there are no quotes.
    pub fn cut_off(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Option<Row> {
        let quote = self.dialect.quote_char?;
        self.noise(chance, out);
        let mut cells = self.good_cells(chance);
        cells.truncate(chance.below(cells.len()));
        // The record ends with its first line, so nothing else may be in it.
        if cells
            .iter()
            .flatten()
            .any(|byte| matches!(byte, b'\r' | b'\n'))
        {
            cells.clear();
        }
        self.open(&cells, quote, out);
        self.swallowed(
            &[b"and then".to_vec(), b"the disk was full".to_vec()],
            quote,
            out,
        );
        if chance.one_in(2) {
            end_line(out, chance);
        }
        Some(Row::rejected("unclosed_quote", None))
    }

    fn bad_value(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Option<Row> {
        for _ in 0..TRIES {
            let at = chance.below(self.columns.len());
            let Some(field) = self.columns[at].field else {
                continue;
            };
            let Some((Found::Text(text), code)) = self.fields[field].bad(chance) else {
                continue;
            };
            if self.row(Some((at, &text)), chance, out) {
                end_line(out, chance);
                return Some(Row::rejected(code, Some(&self.fields[field].name)));
            }
        }
        None
    }

    /// Breaks a whole record; `None`, and nothing, where this is not to be had.
    fn broken(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Option<&'static str> {
        let mut cells = self.good_cells(chance);
        match chance.below(6) {
            0 if cells.len() > 1 => {
                cells.truncate(1 + chance.below(cells.len() - 1));
                // A lone cell may be blank, which is no record.
                if cells.len() == 1 && cells[0].is_empty() {
                    return None;
                }
                self.add(&cells, chance, out)?;
                Some("cell_count")
            }
            1 => {
                cells.push(b"one more".to_vec());
                self.add(&cells, chance, out)?;
                Some("cell_count")
            }
            2 if self.max_record_bytes <= MAX_LONG_RECORD_BYTES => {
                let filler = self.filler()?;
                let long = self.max_record_bytes + 1 + chance.below(100);
                out.extend(std::iter::repeat_n(filler, long));
                end_line(out, chance);
                Some("record_too_large")
            }
            3 => {
                let at = chance.below(cells.len());
                cells[at] = self.of_no_encoding(chance);
                self.add(&cells, chance, out)?;
                Some("encoding")
            }
            // A quote that is never closed is told from one that is closed late by the length of the record.
            4 if self.max_record_bytes <= MAX_LONG_RECORD_BYTES => {
                let (filler, quote) = (self.filler()?, self.dialect.quote_char?);
                let long = self.max_record_bytes + chance.below(100);
                self.open(&[], quote, out);
                out.extend(std::iter::repeat_n(filler, long));
                end_line(out, chance);
                Some("unclosed_quote")
            }
            5 if cells.len() > 1 => self.closed_late(cells, chance, out),
            _ => None,
        }
    }

    /// A quote that swallows the lines behind it: one record with too few cells. There must be at least two.
    fn closed_late(
        &self,
        mut cells: Vec<Vec<u8>>,
        chance: &mut Chance,
        out: &mut Vec<u8>,
    ) -> Option<&'static str> {
        let quote = self.dialect.quote_char?;
        let start = out.len();
        let before = chance.below(cells.len() - 1);
        let rest = cells.split_off(before);
        self.open(&cells, quote, out);
        self.swallowed(&rest, quote, out);
        for _ in 0..1 + chance.below(MAX_SWALLOWED_LINES) {
            end_line(out, chance);
            self.swallowed(&self.good_cells(chance), quote, out);
        }
        out.push(quote);
        if out.len() - start >= self.max_record_bytes {
            out.truncate(start);
            return None;
        }
        end_line(out, chance);
        Some("cell_count")
    }

    /// These cells, and a quote that opens.
    fn open(&self, cells: &[Vec<u8>], quote: u8, out: &mut Vec<u8>) {
        for cell in cells {
            out.extend_from_slice(cell);
            out.push(self.dialect.delimiter);
        }
        out.push(quote);
    }

    /// Cells inside a quote, without what would close it.
    fn swallowed(&self, cells: &[Vec<u8>], quote: u8, out: &mut Vec<u8>) {
        let row = cells.join(&self.dialect.delimiter);
        let ends = |byte: &u8| *byte == quote || self.dialect.escape_char == Some(*byte);
        out.extend(row.iter().filter(|byte| !ends(byte)));
    }

    /// A cell with bytes that are no UTF-8, with or without quotes.
    fn of_no_encoding(&self, chance: &mut Chance) -> Vec<u8> {
        let bytes = chance.pick(&words::NOT_UTF8).copied().unwrap_or(b"\xff");
        let cell = match chance.below(3) {
            0 => [b"M".as_slice(), bytes, b"ller"].concat(),
            1 => [b"Caf".as_slice(), bytes].concat(),
            _ => bytes.to_vec(),
        };
        match self.dialect.quote_char.filter(|_| chance.one_in(3)) {
            Some(quote) => [&[quote], cell.as_slice(), &[quote]].concat(),
            None => cell,
        }
    }

    fn filler(&self) -> Option<u8> {
        let dialect = &self.dialect;
        let marks = [
            dialect.quote_char,
            dialect.escape_char,
            dialect.comment_char,
        ];
        let means = |byte: &u8| *byte == dialect.delimiter || marks.contains(&Some(*byte));
        FILLERS.into_iter().find(|byte| !means(byte))
    }

    /// The cells of a good record, each as it is written.
    fn good_cells(&self, chance: &mut Chance) -> Vec<Vec<u8>> {
        self.cells(chance).unwrap_or_else(|| self.spare.clone())
    }

    /// Adds cells as a row; `None`, and nothing, where that is too long.
    fn add(&self, cells: &[Vec<u8>], chance: &mut Chance, out: &mut Vec<u8>) -> Option<()> {
        let row = cells.join(&self.dialect.delimiter);
        if row.len() >= self.max_record_bytes {
            return None;
        }
        out.extend_from_slice(&row);
        end_line(out, chance);
        Some(())
    }
}
