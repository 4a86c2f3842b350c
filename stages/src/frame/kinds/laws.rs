//! The laws of kinds around any framer, as a function of any bytes.
//!
//! 1. Any cut, any restart ([`pipeline::law`]), with what is carried to each place.
//! 2. The records are those of the framer inside, one for one; a record of no kind is broken, and no other that was not.
//! 3. What is carried behind them are the latest records of the kinds that carry, read literally.

use super::{Kinds, Recognise, UNKNOWN};
use pipeline::law::{FedFrom, Framing, any_cut_any_restart_carried, frame_until, framing};
use pipeline::{Carried, Framer, Position};
use std::collections::BTreeMap;

/// What is checked.
pub struct Around<'l> {
    /// Makes the framer inside, at a place.
    pub inside: &'l dyn Fn(Position) -> Box<dyn Framer>,
    /// Where it wants to be fed from.
    pub fed_from: FedFrom<'l>,
    /// Makes what tells the kinds.
    pub recognise: &'l dyn Fn() -> Box<dyn Recognise>,
    /// For each kind, whether it carries.
    pub carries: &'l [bool],
}

/// Checks all laws for `input`, and returns its framing and what makes it unusable.
///
/// # Panics
/// When one is broken.
pub fn hold_for(around: &Around<'_>, input: &[u8]) -> (Framing, Option<String>) {
    let make = |at, carried: &[Carried]| -> Box<dyn Framer> {
        Box::new(Kinds::new(
            (around.inside)(at),
            (around.recognise)(),
            around.carries.into(),
            carried.to_vec(),
        ))
    };
    let (found, fatal) = any_cut_any_restart_carried(&make, around.fed_from, input);
    let start = Position::START;
    let (blocks, _) = frame_until((around.inside)(start), start, input, input.len());
    let inside = framing(&blocks, start);
    let as_long = fatal.is_some() || found.records.len() == inside.records.len();
    assert!(as_long, "no record is lost");
    let mut latest: BTreeMap<u8, (Position, Option<&[u8]>)> = BTreeMap::new();
    for (index, ((at, raw, code), before)) in found.records.iter().zip(&inside.records).enumerate()
    {
        assert_eq!((at, raw), (&before.0, &before.1));
        let (kind, carries) = found.kinds[index];
        match (before.2, *code) {
            (None, Some(UNKNOWN)) => assert!(!carries, "what is not known carries nothing"),
            (before, code) => assert_eq!(before, code),
        }
        if carries {
            assert!(around.carries[usize::from(kind)]);
            latest.insert(kind, (*at, code.is_none().then_some(raw)));
        }
    }
    let carried = found.carried.iter();
    let carried = carried.map(|one| (one.kind, (one.at, one.raw.as_deref())));
    assert!(carried.eq(latest), "the latest of each kind");
    (found, fatal)
}
