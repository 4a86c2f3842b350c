//! A record of a CSV with four more cells: these are taken off, and a mark before a formula.

use super::cells::{first_cell, is_one_record, mark_of};
use super::titles::added_among;
use super::{ADDED, Beside, Taken, formula, no_record};
use crate::frame::csv::CsvDialect;
use pipeline::{Fatal, Problem};

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
        let own = titles.len();
        let (added, width) = match dialect.header.rows {
            0 => ([0, 1, 2, 3].map(|at| Some(own + at)), own + ADDED.len()),
            // The input ended before any row.
            _ if titles.is_empty() => ([None; ADDED.len()], own),
            _ => (added_among(titles)?, own),
        };
        let columns = Self {
            dialect: dialect.clone(),
            mark: mark_of(dialect),
            width,
            added,
        };
        let left = titles.iter().enumerate();
        let left = left.filter(|(at, _)| !columns.is_added(*at));
        let left = left.map(|(_, title)| {
            let is_marked = formula::is_marked(title.as_bytes(), columns.mark);
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

    /// Writes the record, which is here without its line end, without them.
    pub(super) fn take(&self, text: &[u8], out: &mut Vec<u8>) -> Taken {
        let cells = self.cells(text);
        let at = self.reference_in(&cells);
        let reference = at.and_then(|at| cells.get(at));
        let reference = reference.map_or(Beside::Nothing, |cell| Beside::read(&cell.value));
        let Some(gone) = self.added_in(&cells, at) else {
            let problem = Some(self.unknown_cells(cells.len()));
            return Taken { reference, problem };
        };
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

    /// Which cell is the reference. In a record with too few or too many cells it is the last one that can be.
    fn reference_in(&self, cells: &[Cell]) -> Option<usize> {
        match cells.len() == self.width {
            true => self.added[0],
            false => {
                let is_reference =
                    |cell: &Cell| matches!(Beside::read(&cell.value), Beside::Reference(_));
                cells.iter().rposition(is_reference)
            }
        }
    }

    /// Which cells were added. In a record with too few or too many they stand around the reference as in the header, where
    /// they stand side by side there; `None` where they do not.
    fn added_in(&self, cells: &[Cell], reference: Option<usize>) -> Option<Vec<usize>> {
        let added = self.added.into_iter().flatten();
        let (Some(at), Some(titled), false) = (reference, self.added[0], cells.len() == self.width)
        else {
            return Some(added.collect());
        };
        let (mut first, mut last, mut count) = (titled, titled, 0);
        for column in added.clone() {
            (first, last, count) = (first.min(column), last.max(column), count + 1);
        }
        let is_block = last - first + 1 == count && at + first >= titled;
        is_block.then(|| added.map(|column| at + column - titled).collect())
    }

    fn unknown_cells(&self, count: usize) -> Problem {
        let message = format!(
            "the header has {} columns, the record has {count} cells: which of them were added is not known",
            self.width
        );
        Problem::of_record("cell_count", message)
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
