//! The parser of lines with fixed places: each field's text stands from one column to another.
//!
//! It promises a row for each record, with one cell for each place, white space at both ends taken away. A place behind
//! the end of the line is not there; one that the end of the line cuts is the problem `too_short`. What stands behind
//! the last place, or between places, is nobody's. Columns are characters, or bytes of UTF-8; a byte column in the
//! middle of a character is the problem `encoding`.

pub mod laws;
#[cfg(test)]
mod tests;

use super::encoding::not_utf8;
use crate::record::Cells;
use pipeline::{Block, Fatal, Parser, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `[format.fixed]` as it stands in a spec: each line is a record, and each field has its place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedSpec {
    /// What `start` and `width` of the fields count. Default: characters.
    #[schemars(example = &"bytes")]
    pub unit: Option<Unit>,
    /// The character that makes a line a comment when it is the first, one ASCII character. Default: none.
    #[schemars(example = &"*")]
    pub comment_char: Option<String>,
    /// Lines to pass over at the start of the file, blank ones counted. Default: 0.
    #[schemars(example = 1)]
    pub skip_rows: Option<u64>,
}

/// What columns are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Characters: Unicode scalar values.
    #[default]
    Characters,
    /// Bytes, in UTF-8.
    Bytes,
}

/// Where a field's text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The field.
    pub field: Arc<str>,
    /// Columns before it.
    pub start: usize,
    /// Columns before what stands behind it.
    pub end: usize,
}

/// Parses lines with fixed places.
#[derive(Clone, Debug)]
pub struct FixedParser {
    unit: Unit,
    places: Arc<[Place]>,
    /// The columns at which places begin or end, in order, each once.
    columns: Vec<usize>,
    /// For each place, the numbers of its two columns.
    ends: Vec<(usize, usize)>,
}

impl FixedParser {
    /// A parser of rows with a cell for each of `places`.
    pub fn new(unit: Unit, places: Arc<[Place]>) -> Self {
        let all = places.iter().flat_map(|place| [place.start, place.end]);
        let mut columns: Vec<usize> = all.collect();
        columns.sort_unstable();
        columns.dedup();
        let number = |column: usize| columns.partition_point(|other| *other < column);
        let ends = places
            .iter()
            .map(|place| (number(place.start), number(place.end)));
        Self {
            unit,
            ends: ends.collect(),
            columns,
            places,
        }
    }

    /// Fills `row` from `line`. `offsets` is room for where columns are.
    fn read(&self, line: &str, offsets: &mut Vec<usize>, row: &mut Cells) -> Result<(), Problem> {
        row.refill(line);
        if self.unit == Unit::Bytes || line.is_ascii() {
            for place in &*self.places {
                self.cell(line, place, place.start, place.end, row)?;
            }
            return Ok(());
        }
        self.find(line, offsets);
        for (place, (start, end)) in self.places.iter().zip(&self.ends) {
            self.cell(line, place, offsets[*start], offsets[*end], row)?;
        }
        Ok(())
    }

    /// Finds the byte at which each column begins; a column behind the line is behind its last byte.
    fn find(&self, line: &str, offsets: &mut Vec<usize>) {
        offsets.clear();
        let mut wanted = self.columns.iter().copied().peekable();
        for (column, (byte, _)) in line.char_indices().enumerate() {
            if wanted.next_if_eq(&column).is_some() {
                offsets.push(byte);
            }
        }
        let len = line.chars().count();
        offsets.extend(wanted.map(|column| line.len() + (column - len)));
    }

    #[inline]
    fn cell(
        &self,
        line: &str,
        place: &Place,
        start: usize,
        end: usize,
        row: &mut Cells,
    ) -> Result<(), Problem> {
        if start >= line.len() {
            row.skip();
            return Ok(());
        }
        let Some(text) = line.get(start..end) else {
            return Err(self.no_cell(line, place, end));
        };
        let left = start + (text.len() - text.trim_start().len());
        row.place(left, left + text.trim().len());
        Ok(())
    }

    #[cold]
    fn no_cell(&self, line: &str, place: &Place, end: usize) -> Problem {
        let (first, last) = (place.start + 1, place.end);
        if end > line.len() {
            let (len, what) = match self.unit {
                Unit::Characters => (line.chars().count(), "characters"),
                Unit::Bytes => (line.len(), "bytes"),
            };
            let message =
                format!("stands in columns {first} to {last}, the line ends after {len} {what}");
            return Problem::of_field("too_short", &*place.field, message);
        }
        let message = format!("stands in bytes {first} to {last}, which cut a character in two");
        Problem::of_field("encoding", &*place.field, message)
    }
}

impl Parser<Cells> for FixedParser {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Cells, Problem>),
    ) -> Result<(), Fatal> {
        let (mut row, mut offsets) = (Cells::default(), Vec::new());
        for (frame, index) in block.frames.iter().zip(0..) {
            if frame.broken.is_some() {
                continue;
            }
            let bytes = block.text(index);
            let line = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error));
            match line.and_then(|line| self.read(line, &mut offsets, &mut row)) {
                Ok(()) => each(index, Ok(&mut row)),
                Err(problem) => each(index, Err(problem)),
            }
        }
        Ok(())
    }
}
