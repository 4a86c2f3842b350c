//! The laws that every framer, parser and step obeys, as functions that their tests call.
//!
//! *Any cut, any restart*: however the bytes are chunked, and from whichever reported resume point a run
//! starts again, the same records and the same rejects come out.

use crate::{Block, Convert, Framer, Position};
use std::collections::BTreeSet;

/// What a framer found, record by record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Position, raw bytes and, for a broken record, its code.
    pub records: Vec<(Position, Vec<u8>, Option<&'static str>)>,
    /// Where the input ends.
    pub end: Position,
    /// Lines that are no records.
    pub skipped: u64,
}

/// Frames `input`, of which `chunk` bytes arrive at a time, with a framer that stands at `start`.
///
/// # Panics
/// When the framer fails, or its blocks do not join.
pub fn frame(
    mut framer: Box<dyn Framer>,
    start: Position,
    input: &[u8],
    chunk: usize,
) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut take = |framer: &mut dyn Framer, at_end| {
        while let Some(block) = framer
            .next_block(at_end)
            .unwrap_or_else(|fatal| panic!("the framer failed: {fatal}"))
        {
            let expected = blocks.last().map_or(start, |last| last.end);
            assert_eq!(
                block.start, expected,
                "a block begins where the last one ended"
            );
            assert_eq!(
                block.end.ordinal,
                block.start.ordinal + block.frames.len() as u64
            );
            blocks.push(block);
        }
    };
    for bytes in input.chunks(chunk.max(1)) {
        framer.buffer().extend_from_slice(bytes);
        take(&mut *framer, false);
    }
    take(&mut *framer, true);
    blocks
}

/// The records of `blocks`, whatever the blocks.
pub fn framing(blocks: &[Block], start: Position) -> Framing {
    let mut records = Vec::new();
    for block in blocks {
        for (index, frame) in block.frames.iter().enumerate() {
            records.push((
                block.position(index),
                block.raw(index).to_vec(),
                frame.broken,
            ));
        }
    }
    let end = blocks.last().map_or(start, |block| block.end);
    Framing {
        records,
        end,
        skipped: blocks.iter().map(Block::skipped).sum(),
    }
}

/// Checks that every chunking of `input` and every restart at a reported block end give the same framing,
/// that it reaches the end of the input, and returns it. `make` makes a framer at a position.
///
/// # Panics
/// When the law is broken.
pub fn any_cut_any_restart(make: &dyn Fn(Position) -> Box<dyn Framer>, input: &[u8]) -> Framing {
    let whole = framing(
        &frame(make(Position::START), Position::START, input, input.len()),
        Position::START,
    );
    assert_eq!(
        whole.end.offset,
        input.len() as u64,
        "the last block ends where the input ends"
    );
    let mut restarts = BTreeSet::new();
    for chunk in [1, 2, 3, 5, 7, 16, 61, 256, 4096] {
        let blocks = frame(make(Position::START), Position::START, input, chunk);
        assert_eq!(
            framing(&blocks, Position::START),
            whole,
            "chunks of {chunk} bytes"
        );
        restarts.extend(blocks.iter().map(|block| block.end));
    }
    for at in spread(restarts, 64) {
        let rest = &input[at.offset as usize..];
        let again = framing(&frame(make(at), at, rest, 3), at);
        let done = at.ordinal as usize;
        assert_eq!(again.records, whole.records[done..], "restart at {at:?}");
        assert_eq!(again.end, whole.end, "restart at {at:?}");
    }
    whole
}

/// One record's outcome, as bytes of its operation, codes of its reject, or the name of its drop.
pub type Outcome = (u64, Result<Vec<u8>, String>);

/// Checks that every chunking and every restart give the same operations, rejects and drops, and returns
/// them in the order of the input.
///
/// # Panics
/// When the law is broken.
pub fn same_outcomes(
    make: &dyn Fn(Position) -> Box<dyn Framer>,
    convert: &dyn Convert,
    input: &[u8],
) -> Vec<Outcome> {
    let whole = outcomes(
        frame(make(Position::START), Position::START, input, input.len()),
        convert,
    );
    let mut restarts = BTreeSet::new();
    for chunk in [1, 7, 61, 4096] {
        let blocks = frame(make(Position::START), Position::START, input, chunk);
        restarts.extend(blocks.iter().map(|block| block.end));
        assert_eq!(outcomes(blocks, convert), whole, "chunks of {chunk} bytes");
    }
    for at in spread(restarts, 16) {
        let rest = &input[at.offset as usize..];
        let again = outcomes(frame(make(at), at, rest, 61), convert);
        assert_eq!(again, whole[at.ordinal as usize..], "restart at {at:?}");
    }
    whole
}

fn outcomes(blocks: Vec<Block>, convert: &dyn Convert) -> Vec<Outcome> {
    let mut all = Vec::new();
    for block in blocks {
        let converted = convert
            .convert(block)
            .unwrap_or_else(|fatal| panic!("the chain failed: {fatal}"));
        let operations = converted.operations();
        all.extend(operations.map(|o| (o.position().ordinal, Ok(o.bytes().to_vec()))));
        all.extend(
            converted
                .drops
                .iter()
                .map(|(ordinal, name)| (*ordinal, Err(format!("drop {name}")))),
        );
        all.extend(converted.rejects.iter().map(|reject| {
            let codes: Vec<_> = reject
                .problems
                .iter()
                .map(|p| format!("{} {:?}", p.code, p.field))
                .collect();
            (reject.at.ordinal, Err(codes.join(", ")))
        }));
    }
    all.sort_by_key(|&(ordinal, _)| ordinal);
    all
}

/// At most `most` of `all`, evenly spread.
fn spread(all: BTreeSet<Position>, most: usize) -> Vec<Position> {
    let step = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(step).collect()
}
