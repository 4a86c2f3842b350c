//! A record of a CSV with four more cells: these are taken off, and a mark before a formula.

use super::cells::{first_cell, is_one_record, mark_of};
use super::{ADDED, Reference, Taken, formula, no_record};
use crate::frame::csv::CsvDialect;
use pipeline::Fatal;

/// The columns of a file of corrected records.
#[derive(Clone, Debug)]
pub struct Columns {
    dialect: CsvDialect,
    mark: u8,
    width: usize,
    /// Where each of [`ADDED`] is.
    added: [Option<usize>; 4],
}

/// A cell of a record.
struct Cell {
    start: usize,
    end: usize,
    /// A mark stands there, which is to go.
    mark: Option<usize>,
    value: Vec<u8>,
}

impl Columns {
    /// Finds the added columns by their titles, and the titles of the others, without marks. A file without a header has
    /// them behind its own.
    pub(super) fn find(
        dialect: &CsvDialect,
        titles: &[String],
    ) -> Result<(Self, Vec<String>), Fatal> {
        let mark = mark_of(dialect);
        let own = titles.len();
        let (added, width) = match dialect.header.rows {
            0 => ([0, 1, 2, 3].map(|at| Some(own + at)), own + ADDED.len()),
            _ => {
                let at = |title: &str| titles.iter().position(|found| found.trim() == title);
                (ADDED.map(at), own)
            }
        };
        let columns = Self {
            dialect: dialect.clone(),
            mark,
            width,
            added,
        };
        // The input ended before any row.
        if columns.added[0].is_none() && !titles.is_empty() {
            let message = format!("the file has no column {}", ADDED[0]);
            return Err(Fatal::new("no_references", message)
                .hint("send the file of the rejects, corrected, with its added columns: their titles say which they are"));
        }
        let left = titles.iter().enumerate();
        let left = left.filter(|(at, _)| !columns.is_added(*at));
        let left = left.map(|(_, title)| {
            let is_marked = formula::is_marked(title.as_bytes(), mark);
            title
                .get(usize::from(is_marked)..)
                .unwrap_or(title)
                .to_owned()
        });
        Ok((columns.clone(), left.collect()))
    }

    fn is_added(&self, at: usize) -> bool {
        self.added.contains(&Some(at))
    }

    /// Writes the record without them.
    pub(super) fn take(&self, raw: &[u8], out: &mut Vec<u8>) -> Taken {
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let cells = self.cells(text);
        let (gone, reference) = self.added_in(&cells);
        let reference = reference.and_then(|at| {
            let value = std::str::from_utf8(&cells.get(at)?.value).ok()?;
            Reference::parse(value)
        });
        let from = out.len();
        let left = cells.iter().enumerate();
        let left = left.filter(|(at, _)| !gone.contains(at));
        for (number, (_, cell)) in left.enumerate() {
            if number > 0 {
                out.push(self.dialect.delimiter);
            }
            match cell.mark {
                Some(mark) => {
                    out.extend_from_slice(&text[cell.start..mark]);
                    out.extend_from_slice(&text[mark + 1..cell.end]);
                }
                None => out.extend_from_slice(&text[cell.start..cell.end]),
            }
        }
        out.push(b'\n');
        let is_record = is_one_record(&self.dialect, &out[from..]);
        let problem = (!is_record.unwrap_or(false)).then(no_record);
        Taken { reference, problem }
    }

    /// Which cells were added, and which of them is the reference. In a record with too few or too many cells they are
    /// found by the reference, and stand side by side.
    fn added_in(&self, cells: &[Cell]) -> (Vec<usize>, Option<usize>) {
        if cells.len() == self.width {
            return (self.added.into_iter().flatten().collect(), self.added[0]);
        }
        let is_reference = |cell: &Cell| {
            let value = std::str::from_utf8(&cell.value);
            value.is_ok_and(|value| Reference::parse(value).is_some())
        };
        match cells.iter().rposition(is_reference) {
            Some(at) => ((at..at + ADDED.len()).collect(), Some(at)),
            None => (Vec::new(), None),
        }
    }

    fn cells(&self, text: &[u8]) -> Vec<Cell> {
        let (mut cells, mut start) = (Vec::new(), 0);
        loop {
            let mut value = Vec::new();
            let (len, begins) = first_cell(&self.dialect, &text[start..], &mut value);
            let is_marked = formula::is_marked(&value, self.mark);
            cells.push(Cell {
                start,
                end: start + len,
                mark: is_marked.then_some(start + begins),
                value,
            });
            start += len + 1;
            if start > text.len() {
                return cells;
            }
        }
    }
}
