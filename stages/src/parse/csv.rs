//! The CSV parser: csv-async over the records of a block, in memory.
//!
//! It promises one row for each record that the framer cut, in order, or the job fails (`frame_mismatch`):
//! the framer alone decides where records begin and end. A record that is not UTF-8 (`encoding`) or has
//! another number of cells than the header has columns (`cell_count`) is a problem of that record alone. It
//! never trims a cell and never takes a byte-order mark away.

mod feed;
pub mod laws;
#[cfg(test)]
mod tests;

use crate::frame::csv::CsvDialect;
use crate::record::Cells;
use csv_async::{AsyncReader, AsyncReaderBuilder, Error, ErrorKind};
use feed::Feed;
use futures::FutureExt;
use pipeline::{Block, Fatal, Parser, Problem};

/// What the reader copies ahead, in bytes: it has to stay in the cache.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// Parses CSV records.
#[derive(Debug)]
pub struct CsvParser {
    builder: AsyncReaderBuilder,
    columns: usize,
}

impl CsvParser {
    /// A parser of records that have `columns` cells each.
    pub fn new(dialect: &CsvDialect, columns: usize) -> Self {
        let mut builder = AsyncReaderBuilder::new();
        builder
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(READ_AHEAD_BYTES)
            .delimiter(dialect.delimiter)
            .quoting(dialect.quote_char.is_some())
            .quote(dialect.quote_char.unwrap_or(b'"'))
            .double_quote(dialect.double_quote)
            .escape(dialect.escape_char)
            .comment(dialect.comment_char);
        Self { builder, columns }
    }

    fn judge_count(&self, row: &Cells) -> Result<(), Problem> {
        if row.len() == self.columns {
            return Ok(());
        }
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        Err(Problem::of_record(
            "cell_count",
            format!(
                "the header has {}, the record has {}",
                count(self.columns, "column"),
                count(row.len(), "cell")
            ),
        ))
    }
}

impl Parser<Cells> for CsvParser {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Cells, Problem>),
    ) -> Result<(), Fatal> {
        let mut reader = self.builder.create_reader(Feed::of(block));
        let mut row = Cells::default();
        // Bytes of the block that the reader was not fed, less the line end that it was fed before them.
        let mut hidden = -1_i64;
        let mut fed_to = 0;
        for (index, frame) in block.frames.iter().enumerate() {
            if frame.broken.is_some() {
                continue;
            }
            if !feed::follows(block, index) {
                hidden += i64::from(frame.start) - fed_to;
            }
            fed_to = i64::from(frame.end);
            let found = read(&mut reader, &mut row)?;
            let at = reader.position().byte() as i64 + hidden;
            if matches!(found, Found::End) || !ends_with(block, index, at) {
                return Err(mismatch(block, index, at));
            }
            match found {
                Found::Broken(problem) => each(index, Err(problem)),
                _ => match self.judge_count(&row) {
                    Ok(()) => each(index, Ok(&mut row)),
                    Err(problem) => each(index, Err(problem)),
                },
            }
        }
        match read(&mut reader, &mut row)? {
            Found::End => Ok(()),
            _ => Err(mismatch(block, block.frames.len(), fed_to)),
        }
    }
}

/// What one read gives.
enum Found {
    Row,
    Broken(Problem),
    End,
}

fn read(reader: &mut AsyncReader<Feed<'_>>, row: &mut Cells) -> Result<Found, Fatal> {
    match reader.read_record(&mut row.0).now_or_never() {
        Some(Ok(true)) => Ok(Found::Row),
        Some(Ok(false)) => Ok(Found::End),
        Some(Err(error)) => not_utf8(&error).map(Found::Broken).ok_or_else(|| {
            Fatal::new("frame_mismatch", "the CSV reader failed in memory").because(&error)
        }),
        None => Err(Fatal::new(
            "frame_mismatch",
            "the CSV reader waits for bytes that are in memory",
        )),
    }
}

fn not_utf8(error: &Error) -> Option<Problem> {
    let ErrorKind::Utf8 { err, .. } = error.kind() else {
        return None;
    };
    Some(Problem::of_record(
        "encoding",
        format!(
            "column {}: not UTF-8 from byte {} of the cell on",
            err.field() + 1,
            err.valid_up_to() + 1
        ),
    ))
}

/// Whether a reader that stands at `at` of the block has read frame `index` and no more. Behind CR it has
/// not looked yet whether LF follows.
fn ends_with(block: &Block, index: usize, at: i64) -> bool {
    let frame = &block.frames[index];
    let (start, end) = (i64::from(frame.start), i64::from(frame.end));
    at > start && (at == end || at + 1 == end && block.raw(index).ends_with(b"\r\n"))
}

fn mismatch(block: &Block, index: usize, at: i64) -> Fatal {
    let last = block.frames.len().saturating_sub(1);
    let position = match block.frames.is_empty() {
        true => block.start,
        false => block.position(index.min(last)),
    };
    let at = block.start.offset.saturating_add_signed(at);
    Fatal::new(
        "frame_mismatch",
        format!(
            "the framer and the CSV parser disagree on record {} (line {}): the parser stands at byte {at}",
            position.ordinal + 1,
            position.line
        ),
    )
}
