//! The law of the CSV parser, as a function of any bytes: property tests and the fuzz target call it.
//!
//! Whatever the bytes and the dialect, framer and parser agree on every record, and neither chunks nor restarts
//! change what comes out ([`pipeline::law`]).

use super::CsvParser;
use crate::frame::csv::{CsvDialect, CsvFramer};
use crate::record::Cells;
use pipeline::law::{Outcome, same_outcomes};
use pipeline::{Bind, Encode, FrameLimits, Framer, Position, Problem, Verdict, chain};

/// Binds a row to its cells, a `|` behind each, and writes that.
struct Joined;

impl Bind<Cells, String> for Joined {
    fn bind(&self, row: &mut Cells, record: &mut String) -> Verdict {
        record.clear();
        for cell in row.0.iter() {
            record.push_str(cell);
            record.push('|');
        }
        Verdict::Keep
    }
}

impl Encode<String> for Joined {
    fn encode(&self, _: Position, record: &String, out: &mut Vec<u8>) -> Result<(), Problem> {
        out.extend_from_slice(record.as_bytes());
        Ok(())
    }
}

/// Checks the law for `input`, whose records are small and have two cells, and returns what comes out.
///
/// # Panics
/// When it is broken.
pub fn hold_for(dialect: &CsvDialect, input: &[u8]) -> Vec<Outcome> {
    let limits = FrameLimits {
        max_record_bytes: 24,
        max_block_records: 3,
        max_block_bytes: 40,
    };
    let make = |at| -> Box<dyn Framer> { Box::new(CsvFramer::new(dialect, at, limits)) };
    let convert = chain(Box::new(CsvParser::new(dialect, 2)))
        .bind(Box::new(Joined))
        .encode(Box::new(Joined));
    same_outcomes(&make, &convert, input)
}

/// Takes a dialect from the first byte of `data`, and checks the law for the others.
///
/// # Panics
/// When it is broken.
pub fn hold_for_any(data: &[u8]) {
    let [kind, input @ ..] = data else {
        return;
    };
    let flag = |bit: u8, byte: u8| (kind & bit != 0).then_some(byte);
    let dialect = CsvDialect {
        delimiter: if kind & 1 == 0 { b',' } else { b';' },
        quote_char: flag(2, b'"'),
        double_quote: kind & 4 != 0,
        escape_char: flag(8, b'\\'),
        comment_char: flag(16, b'#'),
        ..CsvDialect::default()
    };
    hold_for(&dialect, input);
}
