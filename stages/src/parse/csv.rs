//! The CSV parser: the records of a block become cells, one by one, in memory.
//!
//! It promises one row for each record that the framer cut, in order, or the job fails (`frame_mismatch`):
//! the framer alone decides where records begin and end. A record that is not UTF-8 (`encoding`) or has
//! another number of cells than the header has columns (`cell_count`) is a problem of that record alone. It
//! never trims a cell and never takes a byte-order mark away.
//!
//! Most records are written as RFC 4180 says: they are split ([`split`]), which is several times as fast as
//! csv-core's [`automaton`]. The automaton reads all others and is the judge: the laws hold the one to the other.

mod automaton;
pub mod laws;
mod split;
#[cfg(test)]
mod tests;

use crate::frame::csv::CsvDialect;
use crate::record::Cells;
use automaton::{Automaton, Found};
use pipeline::{Block, Fatal, Parser, Problem};
use split::Splitter;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Records that are decoded together: so many are decoded again, one by one, for one that is not UTF-8.
const DECODED_RECORDS: usize = 16;

/// Parses CSV records.
#[derive(Debug)]
pub struct CsvParser {
    dialect: Box<CsvDialect>,
    splitter: Splitter,
    columns: usize,
    /// Records may have any number of cells.
    any_count: bool,
    /// Automatons that no block needs now: at most as many as blocks were parsed at once.
    idle: Mutex<Vec<Automaton>>,
}

impl CsvParser {
    /// A parser of records that have `columns` cells each.
    pub fn new(dialect: &CsvDialect, columns: usize) -> Self {
        Self {
            dialect: dialect.clone().into(),
            splitter: Splitter::new(dialect),
            columns,
            any_count: false,
            idle: Mutex::default(),
        }
    }

    /// A parser of records that have as many cells as they have.
    pub fn of_any(dialect: &CsvDialect) -> Self {
        Self {
            any_count: true,
            ..Self::new(dialect, 0)
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Automaton>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle automaton, or a new one.
    fn automaton(&self) -> Automaton {
        let idle = self.idle().pop();
        idle.unwrap_or_else(|| Automaton::new(&self.dialect))
    }

    /// Refills `row` from record `index`, if it can be split. `decoded` are the bytes of the block from `from` on, if they
    /// are text.
    #[inline]
    fn is_split(
        &self,
        block: &Block,
        index: usize,
        (decoded, from): (Option<&str>, usize),
        row: &mut Cells,
    ) -> bool {
        let (bytes, start) = (block.text(index), block.frames[index].start as usize);
        let record = match decoded {
            Some(decoded) => {
                let at = start.wrapping_sub(from);
                decoded.get(at..at.wrapping_add(bytes.len()))
            }
            None => std::str::from_utf8(bytes).ok(),
        };
        let is_ended = bytes.len() < block.raw(index).len() || is_last(block, index);
        let split = |record| self.splitter.split(record, &block.bytes[start..], row);
        is_ended && record.and_then(split).is_some()
    }

    #[inline]
    fn count(
        &self,
        row: &mut Cells,
        index: usize,
        each: &mut dyn FnMut(usize, Result<&mut Cells, Problem>),
    ) {
        if row.len() == self.columns || self.any_count {
            each(index, Ok(row));
        } else {
            each(index, Err(self.wrong_count(row)));
        }
    }

    #[cold]
    fn wrong_count(&self, row: &Cells) -> Problem {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        Problem::of_record(
            "cell_count",
            format!(
                "the header has {}, the record has {}",
                count(self.columns, "column"),
                count(row.len(), "cell")
            ),
        )
    }
}

impl Parser<Cells> for CsvParser {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Cells, Problem>),
    ) -> Result<(), Fatal> {
        let mut row = Cells::default();
        let mut automaton = None;
        let mut good_end = None;
        for (some, first) in block.frames.chunks(DECODED_RECORDS).zip(0..) {
            let from = some[0].start as usize;
            let to = some[some.len() - 1].end as usize;
            // Once for some records is cheaper than once for each.
            let bytes = block.bytes.get(from..to);
            let decoded = bytes.and_then(|bytes| simdutf8::basic::from_utf8(bytes).ok());
            let decoded = (decoded, from);
            for (frame, index) in some.iter().zip(first * DECODED_RECORDS..) {
                if frame.broken.is_some() {
                    good_end = None;
                    continue;
                }
                let before = good_end.replace(frame.end);
                let touches = before.is_none_or(|before| before == frame.start);
                if touches && self.is_split(block, index, decoded, &mut row) {
                    self.count(&mut row, index, each);
                    continue;
                }
                let automaton = automaton.get_or_insert_with(|| self.automaton());
                let between = before.unwrap_or(frame.start) as usize..frame.start as usize;
                let between = block.bytes.get(between);
                if !between.is_some_and(|between| automaton.is_nothing(between)) {
                    return Err(mismatch(block, index, 0));
                }
                match automaton.read(block.raw(index), is_last(block, index), &mut row) {
                    Found::Record(read, found) if ends_with(block, index, read) => match found {
                        Ok(()) => self.count(&mut row, index, each),
                        Err(problem) => each(index, Err(problem)),
                    },
                    Found::Record(read, _) => return Err(mismatch(block, index, read)),
                    Found::NoRecord => return Err(mismatch(block, index, block.raw(index).len())),
                }
            }
        }
        self.idle().extend(automaton);
        Ok(())
    }
}

/// Whether the end of record `index` is that of the block, which is the input's where no line end is before it.
fn is_last(block: &Block, index: usize) -> bool {
    block.frames[index].end as usize == block.bytes.len()
}

/// Whether a reader that has read `read` bytes of frame `index` has read all of it. Behind CR it has not
/// looked yet whether LF follows.
fn ends_with(block: &Block, index: usize, read: usize) -> bool {
    let raw = block.raw(index);
    read == raw.len() || read + 1 == raw.len() && raw.ends_with(b"\r\n")
}

/// The parser has read `read` bytes of record `index`, and its end is not there.
fn mismatch(block: &Block, index: usize, read: usize) -> Fatal {
    let position = block.position(index);
    let at = position.offset + read as u64;
    Fatal::new(
        "frame_mismatch",
        format!(
            "the framer and the CSV parser disagree on record {} (line {}): the parser stands at byte {at}",
            position.ordinal + 1,
            position.line
        ),
    )
}
