//! A generated CSV: its head and its rows, in the spec's dialect, with all that people's files have: quotes that need
//! not be, mixed line ends, comments, blank lines, rows before the header; and bad ones ([`bad`]).

mod bad;

use super::chance::Chance;
use super::columns::{Column, Drawing};
use super::field::FieldMaker;
use super::scalar::Found;
use super::words;
use crate::frame::csv::CsvDialect;

/// Rows that are drawn before a plain one is taken.
const TRIES: u64 = 12;

/// How rows are written.
#[derive(Clone, Debug)]
pub struct CsvMaker {
    dialect: CsvDialect,
    fields: Vec<FieldMaker>,
    columns: Vec<Column>,
    max_record_bytes: usize,
    /// The cells of a record that is good and fits, for when none does by chance.
    spare: Vec<Vec<u8>>,
}

impl CsvMaker {
    /// `None` where no record was met that the dialect and the limit on a record let through.
    pub fn of(
        dialect: CsvDialect,
        fields: Vec<FieldMaker>,
        columns: Vec<Column>,
        max_record_bytes: usize,
    ) -> Option<Self> {
        let mut maker = Self {
            dialect,
            fields,
            columns,
            max_record_bytes,
            spare: Vec::new(),
        };
        maker.spare = (0..TRIES).find_map(|number| maker.cells(&mut Chance::of(number, 0, 0)))?;
        Some(maker)
    }

    /// What stands before the first record.
    pub fn head(&self, drawing: &Drawing<'_>, chance: &mut Chance, out: &mut Vec<u8>) {
        if chance.one_in(4) {
            out.extend_from_slice("\u{feff}".as_bytes());
        }
        for _ in 0..self.dialect.skip_rows {
            if !chance.one_in(3) {
                out.extend_from_slice(b"exported by night");
            }
            end_line(out, chance);
        }
        let rows = self.dialect.header.rows as usize;
        if rows == 1
            && let Some(within) = self.dialect.header.find_within
        {
            let preamble = ["Report".to_owned(), words::plain(chance)];
            let count = chance.below(within.min(4) as usize);
            for _ in 0..count {
                if !drawing.is_header(&preamble) && !drawing.is_header(&preamble[..1]) {
                    self.row_of(&preamble, chance, out);
                    if chance.one_in(3) {
                        end_line(out, chance);
                    }
                }
            }
        }
        for row in 0..rows {
            let titles: Vec<String> = self
                .columns
                .iter()
                .map(|column| part_of(&column.title, row, rows))
                .collect();
            self.row_of(&titles, chance, out);
        }
    }

    /// What is no record and stands before one.
    fn noise(&self, chance: &mut Chance, out: &mut Vec<u8>) {
        if chance.one_in(60) {
            end_line(out, chance);
        }
        if let Some(comment) = self.dialect.comment_char
            && chance.one_in(50)
        {
            out.push(comment);
            out.extend_from_slice(b" page ");
            out.extend_from_slice(words::plain(chance).as_bytes());
            end_line(out, chance);
        }
    }

    /// A record that is good.
    pub fn good(&self, chance: &mut Chance, out: &mut Vec<u8>) {
        self.noise(chance, out);
        if !(0..TRIES).any(|_| self.row(None, chance, out)) {
            out.extend_from_slice(&self.spare.join(&self.dialect.delimiter));
        }
        end_line(out, chance);
    }

    /// Adds the row of a record without its line end, one of its cells a text that is given. `false`, and nothing, where
    /// the dialect cannot write it or it is too long.
    fn row(&self, given: Option<(usize, &str)>, chance: &mut Chance, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for (at, column) in self.columns.iter().enumerate() {
            if at > 0 {
                out.push(self.dialect.delimiter);
            }
            let drawn = match given {
                Some((given, text)) if given == at => self.cell(text, at == 0, chance, out),
                _ => self.cell(&self.text(column, chance), at == 0, chance, out),
            };
            // Values that the dialect has no way to write are drawn again with the whole record.
            if drawn.is_none() {
                out.truncate(start);
                return false;
            }
        }
        let fits = out.len() - start < self.max_record_bytes;
        if !fits {
            out.truncate(start);
        }
        fits
    }

    /// The cells of a good record, each as it is written; `None` where that was not met.
    fn cells(&self, chance: &mut Chance) -> Option<Vec<Vec<u8>>> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            let mut cell = Vec::new();
            self.cell(&self.text(column, chance), at == 0, chance, &mut cell)?;
            cells.push(cell);
        }
        let bytes: usize = cells.iter().map(|cell| cell.len() + 1).sum();
        (bytes <= self.max_record_bytes).then_some(cells)
    }

    /// A good text for a column.
    fn text(&self, column: &Column, chance: &mut Chance) -> String {
        let Some(field) = column.field.map(|field| &self.fields[field]) else {
            return words::text(0, 20, chance);
        };
        let null = match field.may_be_null() && chance.one_in(8) {
            true => field.null(chance),
            false => None,
        };
        match null.unwrap_or_else(|| field.good(chance)) {
            Found::Text(text) | Found::Word(text) => text,
            Found::List(_) | Found::Object(_) => String::new(),
        }
    }

    /// Adds one cell; `None`, and perhaps a part of it, where the dialect cannot write it.
    fn cell(
        &self,
        text: &str,
        is_first: bool,
        chance: &mut Chance,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let dialect = &self.dialect;
        let bytes = text.as_bytes();
        let begins = |byte: Option<u8>| byte.is_some() && bytes.first().copied() == byte;
        let needs = bytes
            .iter()
            .any(|byte| *byte == dialect.delimiter || matches!(byte, b'\r' | b'\n'))
            || begins(dialect.quote_char)
            || (is_first && begins(dialect.comment_char))
            || (bytes.is_empty() && self.columns.len() == 1);
        let Some(quote) = dialect.quote_char.filter(|_| needs || chance.one_in(8)) else {
            out.extend_from_slice(bytes);
            return (!needs).then_some(());
        };
        let start = out.len();
        out.push(quote);
        for &byte in bytes {
            let before = match dialect.escape_char {
                Some(escape) if byte == escape || (byte == quote && !dialect.double_quote) => {
                    Some(escape)
                }
                _ if byte == quote && dialect.double_quote => Some(quote),
                _ if byte == quote => {
                    out.truncate(start);
                    out.extend_from_slice(bytes);
                    return (!needs).then_some(());
                }
                _ => None,
            };
            out.extend(before);
            out.push(byte);
        }
        out.push(quote);
        Some(())
    }

    fn row_of(&self, texts: &[String], chance: &mut Chance, out: &mut Vec<u8>) {
        for (at, text) in texts.iter().enumerate() {
            if at > 0 {
                out.push(self.dialect.delimiter);
            }
            let start = out.len();
            if self.cell(text, at == 0, chance, out).is_none() {
                out.truncate(start);
                out.extend_from_slice(text.as_bytes());
            }
        }
        end_line(out, chance);
    }
}

/// What a header of several rows has of a title in one of them: a word in each where there are as many, else the title
/// in all, which counts once.
fn part_of(title: &str, row: usize, rows: usize) -> String {
    let words: Vec<&str> = title.split(' ').collect();
    let is_split = rows > 1
        && words.len() == rows
        && words.iter().all(|word| !word.trim().is_empty())
        && words.windows(2).all(|two| two[0] != two[1]);
    match is_split {
        true => words[row].to_owned(),
        false => title.to_owned(),
    }
}

fn end_line(out: &mut Vec<u8>, chance: &mut Chance) {
    out.extend_from_slice(if chance.one_in(5) { b"\r\n" } else { b"\n" });
}
