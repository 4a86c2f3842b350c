//! Cells of a CSV as they were written: where each lies in its record, and what must not be written into one.

use super::formula::MARK;
use crate::frame::csv::{CsvDialect, CsvFramer};
use pipeline::{Fatal, FrameLimits, Framer, Position};

/// What stands before a formula; the first that means nothing else in the dialect.
const MARKS: [u8; 5] = [MARK, b' ', b'_', b'.', b'~'];

/// What stands before a formula in a dialect.
pub fn mark_of(dialect: &CsvDialect) -> u8 {
    let mut marks = MARKS.into_iter();
    let mark = marks.find(|mark| !gives_meaning(dialect, *mark));
    mark.unwrap_or(MARK)
}

/// Whether a byte is more than itself somewhere in a cell.
pub fn gives_meaning(dialect: &CsvDialect, byte: u8) -> bool {
    byte == dialect.delimiter
        || [
            dialect.quote_char,
            dialect.escape_char,
            dialect.comment_char,
        ]
        .contains(&Some(byte))
}

/// The length of the first cell of a record in bytes, and where in it the first byte of its value is written; the
/// value goes into `value`.
pub fn first_cell(dialect: &CsvDialect, record: &[u8], value: &mut Vec<u8>) -> (usize, usize) {
    let (mut begins, mut at) = (None, 0);
    let mut is_quoted = false;
    while let Some(&byte) = record.get(at) {
        let from = at;
        let next = record.get(at + 1).copied();
        if Some(byte) == dialect.quote_char && (at == 0 || is_quoted) {
            if is_quoted && dialect.double_quote && next == Some(byte) {
                at += 1;
            } else {
                is_quoted = !is_quoted;
                at += 1;
                continue;
            }
        } else if is_quoted && Some(byte) == dialect.escape_char && next.is_some() {
            at += 1;
        } else if !is_quoted && byte == dialect.delimiter {
            break;
        }
        begins.get_or_insert(from);
        value.push(record[at]);
        at += 1;
    }
    (at, begins.unwrap_or(at))
}

/// Whether bytes are one record, so that what is written behind them is not swallowed by an open quote, and they are
/// not taken for a blank line, a comment or two records.
///
/// # Errors
/// What the framer says.
pub fn is_one_record(dialect: &CsvDialect, raw: &[u8]) -> Result<bool, Fatal> {
    let limits = FrameLimits {
        max_record_bytes: raw.len(),
        max_block_bytes: raw.len() + 1,
        ..FrameLimits::default()
    };
    let mut framer = CsvFramer::new(dialect, Position::START, limits);
    framer.buffer().extend_from_slice(raw);
    let block = framer.next_block(true)?;
    Ok(block.is_some_and(|block| {
        matches!(&block.frames[..], [frame] if frame.broken.is_none() && block.raw(0).len() == raw.len())
    }))
}
