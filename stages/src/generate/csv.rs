//! A generated CSV: its head and its rows, in the spec's dialect, with all that people's files have: quotes that need
//! not be, mixed line ends, comments, blank lines, rows before the header.

use super::chance::Chance;
use super::columns::{Column, Drawing};
use super::field::FieldMaker;
use super::scalar::Found;
use super::words;
use super::{MAX_LONG_RECORD_BYTES, Row};
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
        maker.spare = (0..TRIES).find_map(|number| {
            let mut chance = Chance::of(number, 0, 0);
            maker
                .cells(None, &mut chance)
                .filter(|cells| maker.fits(cells))
        })?;
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
        let cells =
            (0..TRIES).find_map(|_| self.cells(None, chance).filter(|cells| self.fits(cells)));
        self.join(cells.as_ref().unwrap_or(&self.spare), chance, out);
    }

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

    fn bad_value(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Option<Row> {
        for _ in 0..TRIES {
            let at = chance.below(self.columns.len());
            let Some(field) = self.columns[at].field else {
                continue;
            };
            let Some((Found::Text(text), code)) = self.fields[field].bad(chance) else {
                continue;
            };
            let cells = self.cells(Some((at, &text)), chance);
            if let Some(cells) = cells.filter(|cells| self.fits(cells)) {
                self.join(&cells, chance, out);
                return Some(Row::rejected(code, Some(&self.fields[field].name)));
            }
        }
        None
    }

    /// Breaks a whole record; `None` where this is not to be had.
    fn broken(&self, chance: &mut Chance, out: &mut Vec<u8>) -> Option<&'static str> {
        let drawn = self.cells(None, chance).filter(|cells| self.fits(cells));
        let mut cells = drawn.unwrap_or_else(|| self.spare.clone());
        match chance.below(4) {
            0 if cells.len() > 1 => {
                cells.truncate(1 + chance.below(cells.len() - 1));
                // A lone cell may be blank, which is no record.
                if cells.len() == 1 && cells[0].is_empty() {
                    return None;
                }
                self.join(&cells, chance, out);
                Some("cell_count")
            }
            1 => {
                cells.push(b"one more".to_vec());
                self.fits(&cells).then(|| {
                    self.join(&cells, chance, out);
                    "cell_count"
                })
            }
            2 if self.max_record_bytes <= MAX_LONG_RECORD_BYTES => {
                let long = self.max_record_bytes + 1 + chance.below(100);
                out.extend(std::iter::repeat_n(b'x', long));
                end_line(out, chance);
                Some("record_too_large")
            }
            3 => {
                let at = chance.below(cells.len());
                cells[at] = vec![b'M', 0xfc, b'l', b'l', b'e', b'r'];
                self.fits(&cells).then(|| {
                    self.join(&cells, chance, out);
                    "encoding"
                })
            }
            _ => None,
        }
    }

    /// The cells of a record as they are written, one of them with a text that is given.
    fn cells(&self, given: Option<(usize, &str)>, chance: &mut Chance) -> Option<Vec<Vec<u8>>> {
        let mut cells = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            let text = match (given, column.field) {
                (Some((given, text)), _) if given == at => text.to_owned(),
                (_, Some(field)) => self.value(&self.fields[field], chance),
                (_, None) => words::text(0, 20, chance),
            };
            // Values that the dialect has no way to write are drawn again with the whole record.
            cells.push(self.cell(&text, at == 0, chance)?);
        }
        Some(cells)
    }

    fn value(&self, field: &FieldMaker, chance: &mut Chance) -> String {
        let null = match field.may_be_null() && chance.one_in(8) {
            true => field.null(chance),
            false => None,
        };
        match null.unwrap_or_else(|| field.good(chance)) {
            Found::Text(text) | Found::Word(text) => text,
            Found::List(_) | Found::Object(_) => String::new(),
        }
    }

    /// One cell; `None` where the dialect cannot write it.
    fn cell(&self, text: &str, is_first: bool, chance: &mut Chance) -> Option<Vec<u8>> {
        let dialect = &self.dialect;
        let bytes = text.as_bytes();
        let has = |byte: u8| bytes.contains(&byte);
        let begins = |byte: Option<u8>| byte.is_some() && bytes.first().copied() == byte;
        let needs = has(dialect.delimiter)
            || has(b'\r')
            || has(b'\n')
            || begins(dialect.quote_char)
            || (is_first && begins(dialect.comment_char))
            || (bytes.is_empty() && self.columns.len() == 1);
        let Some(quote) = dialect.quote_char else {
            return (!needs).then(|| bytes.to_vec());
        };
        if !needs && !chance.one_in(8) {
            return Some(bytes.to_vec());
        }
        let mut cell = vec![quote];
        for &byte in bytes {
            let before = match dialect.escape_char {
                Some(escape) if byte == escape || (byte == quote && !dialect.double_quote) => {
                    Some(escape)
                }
                _ if byte == quote && dialect.double_quote => Some(quote),
                _ if byte == quote => return (!needs).then(|| bytes.to_vec()),
                _ => None,
            };
            cell.extend(before);
            cell.push(byte);
        }
        cell.push(quote);
        Some(cell)
    }

    fn fits(&self, cells: &[Vec<u8>]) -> bool {
        let bytes: usize = cells.iter().map(|cell| cell.len() + 1).sum();
        bytes <= self.max_record_bytes
    }

    fn join(&self, cells: &[Vec<u8>], chance: &mut Chance, out: &mut Vec<u8>) {
        out.extend_from_slice(&cells.join(&self.dialect.delimiter));
        end_line(out, chance);
    }

    fn row_of(&self, texts: &[String], chance: &mut Chance, out: &mut Vec<u8>) {
        let cell = |at: usize, text: &String, chance: &mut Chance| {
            self.cell(text, at == 0, chance)
                .unwrap_or_else(|| text.as_bytes().to_vec())
        };
        let cells: Vec<Vec<u8>> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| cell(at, text, chance))
            .collect();
        self.join(&cells, chance, out);
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
