//! The head of a CSV: the rows before its first record, and the titles of its columns.
//!
//! In order: `skip_rows` physical lines, blank ones counted; then blank lines and comments, which are passed
//! over; then the header. It is the first row, or with `find_within` the first among so many rows that holds
//! every required title; rows that come before it are preamble. Titles of a header of several rows are joined
//! with a space, column by column, as Frictionless does with its `headerJoin`: a title equal to the one
//! above it is not repeated, and blank ones are left out.
//!
//! [`find_head`] is a function of the bytes from the start of the input: it does no I/O and keeps nothing.
//! A head fits [`MAX_HEAD_BYTES`].

use super::CsvDialect;
use super::scan::{Found, Scan, TOO_LARGE, line_end_len, line_ends};
use csv_core::ReadRecordResult;
use memchr::memchr2;
use pipeline::{Fatal, Position};
use serde::{Deserialize, Serialize};

/// The most bytes of a head, from the start of the input.
pub const MAX_HEAD_BYTES: usize = 1024 * 1024;

/// The most bytes of one row of a head. A row of the preamble with a quote that never closes ends at its first
/// line end, as a record does.
const MAX_ROW_BYTES: usize = 256 * 1024;

/// The least bytes of a row that is taken for UTF-16.
const MIN_UTF16_BYTES: usize = 4;

/// What a message quotes of the rows that were seen.
const MAX_ROWS_SHOWN: usize = 5;
const MAX_ROW_CHARS_SHOWN: usize = 120;

/// The head of one input: what a checkpoint keeps of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The titles, as they stand there; empty when the input ends before any row.
    pub columns: Vec<String>,
    /// Where framing begins; ordinal 0.
    pub end: Position,
    /// Physical lines before `end`: header, preamble, comments and blank lines.
    pub skipped: u64,
}

/// What [`find_head`] says of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadStep {
    /// They do not suffice.
    NeedMore,
    /// The head.
    Found(Head),
}

/// The titles that a header must hold to be found among other rows.
pub struct RequiredTitles<'a> {
    /// What they are called, for a message.
    pub names: &'a [String],
    /// Whether a row of titles holds all of them.
    pub held_by: &'a (dyn Fn(&[String]) -> bool + Sync),
}

/// Finds the head of an input that begins with `buffered`; `at_end`: and that is all of it. To be called again
/// with more bytes until it has found it.
///
/// An input that ends before any row, an empty one say, has a head without columns: whether so few records
/// are an error is not judged here.
///
/// # Errors
/// `header_too_large` when the head is over [`MAX_HEAD_BYTES`]; `header_not_found` when no row that may be the
/// header holds the titles, or the input ends within the header; `encoding` when the header is not UTF-8.
pub fn find_head(
    dialect: &CsvDialect,
    required: &RequiredTitles,
    buffered: &[u8],
    at_end: bool,
) -> Result<HeadStep, Fatal> {
    let window = &buffered[..buffered.len().min(MAX_HEAD_BYTES)];
    let whole = window.len() == buffered.len();
    let mut search = Search {
        dialect,
        required,
        bytes: window,
        at_end: at_end && whole,
        at: Position::START,
        skipped: 0,
        rows: Vec::new(),
    };
    match search.run()? {
        Some(head) => Ok(HeadStep::Found(head)),
        None if whole => Ok(HeadStep::NeedMore),
        None => Err(too_large()),
    }
}

fn too_large() -> Fatal {
    Fatal::new(
        "header_too_large",
        format!("the header does not end within the first {MAX_HEAD_BYTES} bytes"),
    )
    .hint("Look at delimiter, quote_char and skip_rows of the format: a quote may be open.")
}

/// A row, before it is known whether it belongs to the header.
struct Row<'a> {
    raw: &'a [u8],
    /// Where it begins, in decoded bytes.
    offset: u64,
    line: u64,
    broken: Option<&'static str>,
    /// `None`: it is broken or not UTF-8.
    cells: Option<Vec<String>>,
}

struct Search<'a> {
    dialect: &'a CsvDialect,
    required: &'a RequiredTitles<'a>,
    bytes: &'a [u8],
    at_end: bool,
    at: Position,
    skipped: u64,
    rows: Vec<Row<'a>>,
}

impl<'a> Search<'a> {
    /// `None`: more bytes are wanted.
    fn run(&mut self) -> Result<Option<Head>, Fatal> {
        if !self.skip_lines() {
            return Ok(None);
        }
        let rows = self.dialect.header.rows as usize;
        if rows == 0 {
            return Ok(Some(self.head(self.dialect.columns.clone())));
        }
        let mut scan = Scan::new(self.dialect, MAX_ROW_BYTES);
        loop {
            let rest = &self.bytes[self.at.offset as usize..];
            match scan.find(rest, self.at_end) {
                Found::Skipped {
                    len,
                    lines,
                    skipped,
                } => {
                    scan.restart(len, lines);
                    self.pass(len, lines, skipped);
                }
                Found::Record { len, lines, broken } => {
                    scan.restart(len, lines);
                    let raw = &rest[..len];
                    let cells = match broken {
                        None => cells(self.dialect, raw),
                        Some(_) => None,
                    };
                    self.rows.push(Row {
                        raw,
                        offset: self.at.offset,
                        line: self.at.line,
                        broken,
                        cells,
                    });
                    let open = !raw.ends_with(b"\n") && !raw.ends_with(b"\r");
                    self.pass(len, lines, lines + u64::from(open));
                    if let Some(head) = self.judge(rows)? {
                        return Ok(Some(head));
                    }
                }
                Found::Wanting if !self.at_end => return Ok(None),
                Found::Wanting if self.rows.is_empty() => return Ok(Some(self.head(Vec::new()))),
                Found::Wanting => return Err(self.not_found()),
                Found::LongComment if self.at_end => {
                    let lines = line_ends(rest);
                    let open = !rest.ends_with(b"\r");
                    scan.restart(rest.len(), lines);
                    self.pass(rest.len(), lines, lines + u64::from(open));
                }
                Found::Overlong { .. } | Found::LongComment => return Ok(None),
            }
        }
    }

    /// Passes over the first physical lines. `false`: more bytes are wanted.
    fn skip_lines(&mut self) -> bool {
        for _ in 0..self.dialect.skip_rows {
            let rest = &self.bytes[self.at.offset as usize..];
            match memchr2(b'\r', b'\n', rest) {
                Some(index) => match line_end_len(rest, index, self.at_end) {
                    Some(len) => self.pass(index + len, 1, 1),
                    None => return false,
                },
                None if !self.at_end => return false,
                None if rest.is_empty() => return true,
                None => self.pass(rest.len(), 0, 1),
            }
        }
        true
    }

    fn pass(&mut self, len: usize, lines: u64, skipped: u64) {
        self.at.offset += len as u64;
        self.at.line += lines;
        self.skipped += skipped;
    }

    /// Whether the last rows are the header.
    fn judge(&self, rows: usize) -> Result<Option<Head>, Fatal> {
        let Some(first) = self.rows.len().checked_sub(rows) else {
            return Ok(None);
        };
        let header = &self.rows[first..];
        if let Some(row) = header.iter().find(|row| looks_like_utf16(row.raw)) {
            return Err(utf16(row));
        }
        let titles = joined(header);
        let Some(find_within) = self.dialect.header.find_within else {
            return titles
                .map(|titles| Some(self.head(titles)))
                .ok_or_else(|| unusable(header));
        };
        match titles {
            Some(titles) if (self.required.held_by)(&titles) => Ok(Some(self.head(titles))),
            _ if first + 1 >= find_within as usize => Err(self.not_found()),
            _ => Ok(None),
        }
    }

    fn head(&self, columns: Vec<String>) -> Head {
        Head {
            columns,
            end: self.at,
            skipped: self.skipped,
        }
    }

    fn not_found(&self) -> Fatal {
        let wanted = match self.dialect.header.find_within {
            Some(_) => format!(
                "no header with the required titles ({}) is among the first {} rows",
                self.required.names.join(", "),
                self.rows.len()
            ),
            None => format!(
                "the file ends within the header: it has {} of {} rows",
                self.rows.len(),
                self.dialect.header.rows
            ),
        };
        let rows: Vec<String> = self.rows.iter().take(MAX_ROWS_SHOWN).map(shown).collect();
        Fatal::new("header_not_found", wanted)
            .hint(format!("The first rows are {}.", rows.join(", ")))
    }
}

/// Why rows that are the header cannot be read.
fn unusable(header: &[Row]) -> Fatal {
    let row = header.iter().find(|row| row.cells.is_none());
    let line = row.map_or(1, |row| row.line);
    match row.and_then(|row| row.broken) {
        Some(TOO_LARGE) => too_large(),
        Some(_) => Fatal::new(
            "header_not_found",
            format!("the header on line {line} opens a quote that is never closed"),
        ),
        None => not_utf8(header, row),
    }
}

/// Why a header that is not UTF-8 is refused.
fn not_utf8(header: &[Row], row: Option<&Row>) -> Fatal {
    let Some(row) = row.or(header.first()) else {
        return Fatal::new("encoding", "the header is not valid UTF-8");
    };
    let valid = std::str::from_utf8(row.raw).map_or_else(|error| error.valid_up_to(), str::len);
    let (line, at) = (row.line, row.offset + valid as u64);
    Fatal::new(
        "encoding",
        format!("the header on line {line} is not valid UTF-8 at byte {at} of the file"),
    )
    .hint("[input] encoding says what else it is, \"windows-1252\" for example")
}

/// Why a header of UTF-16 without a byte-order mark is refused.
fn utf16(row: &Row) -> Fatal {
    let message = format!(
        "the header on line {} looks like UTF-16: every second byte is NUL",
        row.line
    );
    let hint = "[input] encoding = \"utf-16le\" reads it, or \"utf-16be\"";
    Fatal::new("encoding", message).hint(hint)
}

/// Whether every second byte is NUL, as in UTF-16 of Latin letters.
fn looks_like_utf16(row: &[u8]) -> bool {
    let all_nul = |from: usize| row.iter().skip(from).step_by(2).all(|byte| *byte == 0);
    row.len() >= MIN_UTF16_BYTES && (all_nul(0) || all_nul(1))
}

fn shown(row: &Row) -> String {
    let raw = &row.raw[..row.raw.len().min(4 * MAX_ROW_CHARS_SHOWN)];
    let text = String::from_utf8_lossy(raw);
    let text: String = text.trim_end().chars().take(MAX_ROW_CHARS_SHOWN).collect();
    format!("line {}: {text:?}", row.line)
}

/// The titles of all columns; `None` when a row of them cannot be read.
fn joined(header: &[Row]) -> Option<Vec<String>> {
    let rows: Vec<&Vec<String>> = header
        .iter()
        .map(|row| row.cells.as_ref())
        .collect::<Option<_>>()?;
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let title = |column: usize| {
        let mut parts: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(String::as_str)
            .filter(|title| rows.len() == 1 || !title.trim().is_empty())
            .collect();
        parts.dedup();
        parts.join(" ")
    };
    Some((0..width).map(title).collect())
}

/// The cells of one row; `None` when they are not UTF-8.
fn cells(dialect: &CsvDialect, row: &[u8]) -> Option<Vec<String>> {
    let mut reader = dialect.core_reader();
    let (mut text, mut ends) = (vec![0; row.len() + 1], vec![0; row.len() + 2]);
    // A byte-order mark has been taken away by now; csv-core would take away another one at its start.
    reader.read_record(b"\n", &mut text, &mut ends);
    let (result, _, written, mut count) = reader.read_record(row, &mut text, &mut ends);
    if result != ReadRecordResult::Record {
        count += reader
            .read_record(&[], &mut text[written..], &mut ends[count..])
            .3;
    }
    let mut from = 0;
    ends[..count]
        .iter()
        .map(|&end| {
            let cell = std::str::from_utf8(&text[from..end]).ok()?;
            from = end;
            Some(cell.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests;
