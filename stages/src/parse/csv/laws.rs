//! The laws of the CSV parser, as a function of any bytes: property tests and the fuzz target call it.
//!
//! 1. Whatever the bytes and the dialect, framer and parser agree on every record, and neither chunks nor restarts
//!    change what comes out ([`pipeline::law`]).
//! 2. A record that is split has the cells that the automaton finds in it.

use super::automaton::{Automaton, Found};
use super::split::Splitter;
use super::{CsvParser, ends_with};
use crate::frame::csv::{CsvDialect, CsvFramer};
use crate::record::Cells;
use pipeline::law::{self, Outcome, same_outcomes};
use pipeline::{
    Bind, Block, Chain, Encode, FrameLimits, Framer, Position, Problem, Reader, Rear, Verdict,
};

/// Binds a row to its cells, a `|` behind each, and writes that.
struct Joined;

impl Bind<Cells, String> for Joined {
    fn bind(&self, row: &mut Cells, record: &mut String) -> Verdict {
        record.clear();
        for cell in row.iter() {
            record.push_str(cell);
            record.push('|');
        }
        Verdict::Keep
    }
}

impl Encode<String> for Joined {
    fn encode(
        &self,
        _: Position,
        _: u32,
        record: &String,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        out.extend_from_slice(record.as_bytes());
        Ok(())
    }
}

/// Checks the laws for `input`, whose records are small and have two cells, and returns what comes out.
///
/// # Panics
/// When one is broken.
pub fn hold_for(dialect: &CsvDialect, input: &[u8]) -> Vec<Outcome> {
    let limits = FrameLimits {
        max_record_bytes: 24,
        max_block_records: 3,
        max_block_bytes: 40,
    };
    let make = |at| -> Box<dyn Framer> { Box::new(CsvFramer::new(dialect, at, limits)) };
    let blocks = law::frame(make(Position::START), Position::START, input, input.len());
    blocks.iter().for_each(|block| ways_agree(dialect, block));
    let reader = Reader {
        parser: Box::new(CsvParser::new(dialect, 2)),
        bind: Box::new(Joined),
    };
    let convert = Chain::new(reader, Rear::new(Box::new(Joined)));
    same_outcomes(&make, &convert, input)
}

/// Checks that each record of `block` that can be split has the cells that the automaton finds.
fn ways_agree(dialect: &CsvDialect, block: &Block) {
    let (splitter, mut automaton) = (Splitter::new(dialect), Automaton::new(dialect));
    let (mut split, mut read) = (Cells::default(), Cells::default());
    let frames = block.frames.iter().enumerate();
    for (index, frame) in frames.filter(|(_, frame)| frame.broken.is_none()) {
        let record = std::str::from_utf8(block.text(index));
        let record = record.ok();
        if record
            .and_then(|record| {
                splitter.split(record, &block.bytes[frame.start as usize..], &mut split)
            })
            .is_none()
        {
            continue;
        }
        match automaton.read(block.raw(index), true, &mut read) {
            Found::Record(bytes, Ok(())) if ends_with(block, index, bytes) => {}
            found => panic!("{:?}: {found:?}", block.raw(index)),
        }
        assert!(split.iter().eq(read.iter()), "{split:?} and {read:?}");
    }
}

/// Takes a dialect from the first byte of `data`, and checks the laws for the others.
///
/// # Panics
/// When one is broken.
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
