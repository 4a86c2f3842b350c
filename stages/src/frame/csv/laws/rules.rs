//! The rules of framing a CSV, said as plainly as they can be: one byte after the other, and a rescan from the
//! start of each record. The framer must find the same. It is quadratic, and nothing runs it but the laws.

use super::super::CsvDialect;
use pipeline::law::Framing;
use pipeline::{MAX_RAW_BYTES, Position};

#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Unquoted,
    Quoted,
    Escaped,
    QuoteInQuotes,
}

/// The framing of `input` by the rules.
pub fn framing(dialect: &CsvDialect, max_record_bytes: usize, input: &[u8]) -> Framing {
    let mut found = Framing {
        records: Vec::new(),
        end: Position::START,
        skipped: 0,
        kinds: Vec::new(),
        carried: Vec::new(),
    };
    while let Some(&first) = input.get(found.end.offset as usize) {
        let rest = &input[found.end.offset as usize..];
        let len = if matches!(first, b'\r' | b'\n') {
            found.skipped += 1;
            behind_line_end(rest, 0)
        } else if dialect.comment_char == Some(first) {
            let len = rest.iter().position(|&byte| byte == b'\n');
            let len = len.map_or(rest.len(), |index| index + 1);
            found.skipped += lines_begun(&rest[..len]);
            len
        } else {
            let (len, broken) = record(dialect, max_record_bytes, rest);
            let kept = broken.map_or(len, |_| len.min(MAX_RAW_BYTES));
            found
                .records
                .push((found.end, rest[..kept].to_vec(), broken));
            found.end.ordinal += 1;
            len
        };
        let open = !rest[..len].ends_with(b"\n") && !rest[..len].ends_with(b"\r");
        found.end.line += lines_begun(&rest[..len]) - u64::from(open);
        found.end.offset += len as u64;
    }
    found.kinds = vec![(0, false); found.records.len()];
    found
}

/// The length of the record at the front, and why it is broken.
fn record(dialect: &CsvDialect, limit: usize, bytes: &[u8]) -> (usize, Option<&'static str>) {
    let mut state = State::FieldStart;
    for (index, &byte) in bytes.iter().enumerate() {
        let quoted = matches!(state, State::Quoted | State::Escaped);
        if !quoted && matches!(byte, b'\r' | b'\n') {
            return (behind_line_end(bytes, index), None);
        }
        if index == limit {
            return match quoted {
                true => (behind_next_line_end(bytes, 0), Some("unclosed_quote")),
                false => (behind_next_line_end(bytes, limit), Some("record_too_large")),
            };
        }
        let is_quote = dialect.quote_char == Some(byte);
        state = match state {
            State::Escaped => State::Quoted,
            State::Quoted if is_quote => State::QuoteInQuotes,
            State::Quoted if dialect.escape_char == Some(byte) => State::Escaped,
            State::Quoted => State::Quoted,
            State::FieldStart if is_quote => State::Quoted,
            State::QuoteInQuotes if is_quote && dialect.double_quote => State::Quoted,
            _ if byte == dialect.delimiter => State::FieldStart,
            _ => State::Unquoted,
        };
    }
    match state {
        State::Quoted | State::Escaped => (behind_next_line_end(bytes, 0), Some("unclosed_quote")),
        _ => (bytes.len(), None),
    }
}

fn behind_next_line_end(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len())
        .find(|&index| matches!(bytes[index], b'\r' | b'\n'))
        .map_or(bytes.len(), |index| behind_line_end(bytes, index))
}

fn behind_line_end(bytes: &[u8], index: usize) -> usize {
    index
        + if bytes[index..].starts_with(b"\r\n") {
            2
        } else {
            1
        }
}

/// Physical lines in `bytes`, the last one also when nothing ends it.
fn lines_begun(bytes: &[u8]) -> u64 {
    let mut lines = 0;
    let mut index = 0;
    while index < bytes.len() {
        index = behind_next_line_end(bytes, index);
        lines += 1;
    }
    lines
}
