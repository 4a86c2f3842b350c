//! The laws that every framer, parser and step obeys, as functions that their tests call.
//!
//! *Any cut, any restart*: however the bytes are chunked, and from whichever reported resume point a run
//! starts again, the same records and the same rejects come out.

use crate::{Block, Carried, Convert, Fatal, Framer, Position};
use std::collections::BTreeMap;

/// What a framer found, record by record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Position, raw bytes and, for a broken record, its code.
    pub records: Vec<(Position, Vec<u8>, Option<&'static str>)>,
    /// Where the input ends.
    pub end: Position,
    /// Lines that are no records.
    pub skipped: u64,
    /// The kind of each record, and whether it carries.
    pub kinds: Vec<(u8, bool)>,
    /// What is carried to whatever would follow.
    pub carried: Vec<Carried>,
}

/// Makes a framer that starts again at a place, with what is carried to it.
pub type Starts<'f> = &'f dyn Fn(Position, &[Carried]) -> Box<dyn Framer>;

/// Where a framer that is made at a position wants to be fed from: the offset of its first byte.
pub type FedFrom<'f> = &'f dyn Fn(Position) -> u64;

/// Frames `input`, of which `chunk` bytes arrive at a time, with a framer that stands at `start`.
///
/// # Panics
/// When the framer fails, or its blocks do not join.
pub fn frame(framer: Box<dyn Framer>, start: Position, input: &[u8], chunk: usize) -> Vec<Block> {
    match frame_until(framer, start, input, chunk) {
        (blocks, None) => blocks,
        (_, Some(fatal)) => panic!("the framer failed: {fatal}"),
    }
}

/// Frames as [`frame`] does, up to the end of `input` or to what makes it unusable.
///
/// # Panics
/// When the blocks do not join.
pub fn frame_until(
    mut framer: Box<dyn Framer>,
    start: Position,
    input: &[u8],
    chunk: usize,
) -> (Vec<Block>, Option<Fatal>) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut take = |framer: &mut dyn Framer, at_end| {
        while let Some(block) = framer.next_block(at_end)? {
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
        Ok(())
    };
    let mut fatal = None;
    for bytes in input.chunks(chunk.max(1)) {
        framer.buffer().extend_from_slice(bytes);
        fatal = take(&mut *framer, false).err();
        if fatal.is_some() {
            break;
        }
    }
    let fatal = fatal.or_else(|| take(&mut *framer, true).err());
    (blocks, fatal)
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
    let frames = blocks.iter().flat_map(|block| &block.frames);
    let carried = blocks
        .last()
        .map(|block| block.carried_to(block.frames.len()));
    Framing {
        kinds: frames.map(|frame| (frame.kind, frame.carries)).collect(),
        carried: carried.unwrap_or_default(),
        records,
        end,
        skipped: blocks.iter().map(Block::skipped).sum(),
    }
}

/// Checks that every chunking of `input` and every restart at a reported place give the same framing, that it reaches the end of the input, and returns it. `make` makes a framer at a position.
///
/// # Panics
/// When the law is broken, or the framer fails.
pub fn any_cut_any_restart(make: &dyn Fn(Position) -> Box<dyn Framer>, input: &[u8]) -> Framing {
    match any_cut_any_restart_until(make, &|at| at.offset, input) {
        (framing, None) => framing,
        (_, Some(fatal)) => panic!("the framer failed: {fatal}"),
    }
}

/// Checks the same for framers that may be fed from an earlier byte than that at which they stand, and for input
/// that may be unusable: then what came out before, and why, must be the same each time. Returns both.
///
/// # Panics
/// When the law is broken.
pub fn any_cut_any_restart_until(
    make: &dyn Fn(Position) -> Box<dyn Framer>,
    fed_from: FedFrom<'_>,
    input: &[u8],
) -> (Framing, Option<String>) {
    any_cut_any_restart_carried(&|at, _| make(at), fed_from, input)
}

/// Checks the same for framers that are told what is carried to where they start: each block begins with what the one
/// before it leaves, and it is the same however it was reached.
///
/// # Panics
/// When the law is broken.
pub fn any_cut_any_restart_carried(
    make: Starts<'_>,
    fed_from: FedFrom<'_>,
    input: &[u8],
) -> (Framing, Option<String>) {
    let run = |at: Position, carried: &[Carried], chunk: usize| {
        let rest = &input[fed_from(at) as usize..];
        let (blocks, fatal) = frame_until(make(at, carried), at, rest, chunk);
        let mut due = carried.to_vec();
        for block in &blocks {
            let carried = block.carried.clone().unwrap_or_default();
            assert_eq!(carried, due, "what the block before leaves");
            due = block.carried_to(block.frames.len());
        }
        (blocks, fatal.map(|fatal| fatal.to_string()))
    };
    let (blocks, failed) = run(Position::START, &[], input.len());
    let whole = framing(&blocks, Position::START);
    assert!(
        failed.is_some() || whole.end.offset == input.len() as u64,
        "the last block ends where the input ends"
    );
    let mut restarts = BTreeMap::new();
    for chunk in [1, 2, 3, 5, 7, 16, 61, 256, 4096] {
        let (blocks, fatal) = run(Position::START, &[], chunk);
        assert_eq!(
            (framing(&blocks, Position::START), &fatal),
            (whole.clone(), &failed),
            "chunks of {chunk} bytes"
        );
        restarts.extend(blocks.iter().flat_map(places));
    }
    for (at, carried) in spread(restarts, 64) {
        let (blocks, fatal) = run(at, &carried, 3);
        let again = framing(&blocks, at);
        let done = at.ordinal as usize;
        assert_eq!(again.records, whole.records[done..], "restart at {at:?}");
        assert_eq!(again.kinds, whole.kinds[done..], "restart at {at:?}");
        let carried = if blocks.is_empty() {
            &carried
        } else {
            &again.carried
        };
        assert_eq!(*carried, whole.carried, "restart at {at:?}");
        assert_eq!(
            (again.end, &fatal),
            (whole.end, &failed),
            "restart at {at:?}"
        );
    }
    (whole, failed)
}

/// One record's outcome, as bytes of its operation, codes of its reject, or the name of its drop. A record of several
/// operations has several, in order.
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
    same_outcomes_fed(make, &|at| at.offset, convert, input)
}

/// Checks the same for framers that may be fed from an earlier byte than that at which they stand.
///
/// # Panics
/// When the law is broken.
pub fn same_outcomes_fed(
    make: &dyn Fn(Position) -> Box<dyn Framer>,
    fed_from: FedFrom<'_>,
    convert: &dyn Convert,
    input: &[u8],
) -> Vec<Outcome> {
    same_outcomes_carried(&|at, _| make(at), fed_from, convert, input)
}

/// Checks the same for framers that are told what is carried to where they start.
///
/// # Panics
/// When the law is broken.
pub fn same_outcomes_carried(
    make: Starts<'_>,
    fed_from: FedFrom<'_>,
    convert: &dyn Convert,
    input: &[u8],
) -> Vec<Outcome> {
    let begin = || make(Position::START, &[]);
    let whole = outcomes(frame(begin(), Position::START, input, input.len()), convert);
    let mut restarts = BTreeMap::new();
    for chunk in [1, 7, 61, 4096] {
        let blocks = frame(begin(), Position::START, input, chunk);
        restarts.extend(blocks.iter().flat_map(places));
        assert_eq!(outcomes(blocks, convert), whole, "chunks of {chunk} bytes");
    }
    for (at, carried) in spread(restarts, 16) {
        let rest = &input[fed_from(at) as usize..];
        let again = outcomes(frame(make(at, &carried), at, rest, 61), convert);
        let before = whole.partition_point(|&(ordinal, _)| ordinal < at.ordinal);
        assert_eq!(again, whole[before..], "restart at {at:?}");
    }
    whole
}

fn outcomes(blocks: Vec<Block>, convert: &dyn Convert) -> Vec<Outcome> {
    let mut all = Vec::new();
    for block in blocks {
        let converted = convert
            .convert(block)
            .unwrap_or_else(|fatal| panic!("the chain failed: {fatal}"));
        for operation in converted.operations() {
            let bytes = operation.bytes().to_vec();
            all.extend(
                operation
                    .ordinals()
                    .map(|ordinal| (ordinal, Ok(bytes.clone()))),
            );
        }
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

/// Where framing can start again: behind a block, and at each of its records or groups of them, behind which a load can
/// be held.
fn places(block: &Block) -> impl Iterator<Item = (Position, Vec<Carried>)> {
    let count = block.frames.len();
    let starts = (0..count).filter(|&index| index == 0 || block.group_end(index - 1) == index);
    let inside = starts.map(|index| (block.restart(index), block.carried_to(index)));
    inside.chain([(block.end, block.carried_to(count))])
}

/// At most `most` of `all`, evenly spread.
fn spread(all: BTreeMap<Position, Vec<Carried>>, most: usize) -> Vec<(Position, Vec<Carried>)> {
    let step = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(step).collect()
}
