//! The laws of the framer of groups, as a function of any framer and any bytes: property tests and the fuzz target call it.
//!
//! 1. Any cut, any restart ([`pipeline::law`]).
//! 2. The records are those of the framer inside, at their places; a group is whole in one block, and those and only those
//!    in a group that is too large are broken beside.
//! 3. A block holds the bytes of its records and no others.
//!
//! The key of a record is its first byte; that of `?` nobody can read, and `-` has none.

use super::{GroupFramer, GroupLimits, Key, ReadKeys, TOO_LARGE};
use pipeline::law::{Framing, any_cut_any_restart, frame, framing};
use pipeline::{Block, Fatal, Framer, Position};

/// Makes the framer inside at a position.
pub type Inside<'f> = &'f dyn Fn(Position) -> Box<dyn Framer>;

struct FirstByte;

impl ReadKeys for FirstByte {
    fn read(&mut self, block: &Block, each: &mut dyn FnMut(usize, Key<'_>)) -> Result<(), Fatal> {
        for index in 0..block.frames.len() {
            if block.frames[index].broken.is_some() {
                continue;
            }
            match block.raw(index).get(..1) {
                Some(b"?") | None => {}
                Some(b"-") => each(index, Key::Alone),
                Some(first) => each(index, Key::Of(first)),
            }
        }
        Ok(())
    }
}

/// Checks all laws for `input`, and returns its framing.
///
/// # Panics
/// When one is broken.
pub fn hold_for(inside: Inside<'_>, limits: GroupLimits, input: &[u8]) -> Framing {
    let make = |at| {
        let keys = Box::new(FirstByte);
        Box::new(GroupFramer::new(inside(at), keys, limits)) as Box<dyn Framer>
    };
    let found = any_cut_any_restart(&make, input);
    let (start, length) = (Position::START, input.len());
    let plain = framing(&frame(inside(start), start, input, length), start);
    assert_eq!(found.records.len(), plain.records.len());
    assert_eq!((found.end, found.skipped), (plain.end, plain.skipped));
    let expected = groups(&plain, limits);
    for (group, is_too_large) in &expected {
        for &number in group {
            let (at, raw, broken) = &found.records[number];
            let (expected_at, expected_raw, own) = &plain.records[number];
            assert_eq!((at, raw), (expected_at, expected_raw));
            assert_eq!(
                *broken,
                own.or(is_too_large.then_some(TOO_LARGE)),
                "{number}"
            );
        }
    }
    for chunk in [1, 7, 4096] {
        for block in frame(make(start), start, input, chunk) {
            check(&block, &expected);
        }
    }
    found
}

/// Checks that each group of a block is one that is expected, or, where it is too large, a piece of it.
fn check(block: &Block, expected: &[(Vec<usize>, bool)]) {
    let mut from = 0;
    let first = block.start.ordinal as usize;
    for &end in &block.groups {
        let end = end as usize;
        let group: Vec<usize> = (first + from..first + end).collect();
        let of = |(records, is_too_large): &&(Vec<usize>, bool)| match is_too_large {
            true => group.iter().all(|number| records.contains(number)),
            false => *records == group,
        };
        assert!(
            expected.iter().any(|one| of(&one)),
            "{group:?} of {expected:?}"
        );
        from = end;
    }
    assert_eq!(from, block.frames.len());
    let bytes = block
        .frames
        .iter()
        .map(|one| (one.end - one.start) as usize);
    assert_eq!(bytes.sum::<usize>(), block.bytes.len());
}

/// The groups of records by their numbers, and whether each is too large.
fn groups(plain: &Framing, limits: GroupLimits) -> Vec<(Vec<usize>, bool)> {
    let mut groups: Vec<(Vec<usize>, bool)> = Vec::new();
    let mut before = None;
    for (number, (_, raw, broken)) in plain.records.iter().enumerate() {
        let first = raw.first().copied().filter(|_| broken.is_none());
        let first = first.unwrap_or(b'?');
        let joins = match (before.replace(first), first) {
            (None, _) | (_, b'-') | (Some(b'-'), _) => false,
            (Some(before), first) => before == b'?' || first == b'?' || before == first,
        };
        match groups.last_mut().filter(|_| joins) {
            Some((group, _)) => group.push(number),
            None => groups.push((vec![number], false)),
        }
    }
    for (group, is_too_large) in &mut groups {
        let bytes: usize = group.iter().map(|&one| plain.records[one].1.len()).sum();
        *is_too_large = limits.are_exceeded(group.len(), bytes);
    }
    groups
}

/// Takes the limits from the first byte of `data`, and checks all laws for the others.
///
/// # Panics
/// When one is broken.
pub fn hold_for_any(inside: Inside<'_>, data: &[u8]) {
    let [limit, input @ ..] = data else {
        return;
    };
    let limits = GroupLimits {
        max_records: 1 + usize::from(*limit & 7),
        max_bytes: 8 + usize::from(*limit >> 3),
    };
    hold_for(inside, limits, input);
}
