//! The laws of the framer of lines, as a function of any bytes: property tests, the fuzz target and the replay
//! of its corpus call it.
//!
//! 1. Any cut, any restart ([`pipeline::law`]).
//! 2. The records are the lines between LFs that are not blank, comments or at the start that is passed over; those
//!    and only those over the limit are broken.

use super::{LinesDialect, LinesFramer};
use pipeline::law::{Framing, any_cut_any_restart};
use pipeline::{FrameLimits, Framer, MAX_RAW_BYTES};

/// Checks all laws for `input`, and returns its framing.
///
/// # Panics
/// When one is broken.
pub fn hold_for(dialect: LinesDialect, limits: FrameLimits, input: &[u8]) -> Framing {
    let make = |at| Box::new(LinesFramer::of(dialect, at, limits)) as Box<dyn Framer>;
    let framing = any_cut_any_restart(&make, input);
    let mut records = framing.records.iter();
    let (mut offset, mut skipped) = (0, 0);
    for (index, line) in input.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let content = line
            .strip_suffix(b"\n")
            .map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let broken = content.len() > limits.max_record_bytes;
        let passed_over = (index as u64) < dialect.skip_rows
            || dialect.comment_char.is_some() && line.first() == dialect.comment_char.as_ref();
        if passed_over || !broken && content.iter().all(|byte| b" \t\r".contains(byte)) {
            skipped += 1;
        } else if let Some((at, raw, code)) = records.next() {
            assert_eq!((at.line, at.offset), (index as u64 + 1, offset));
            assert_eq!(code.is_some(), broken, "line {index}");
            let kept = if broken {
                line.len().min(MAX_RAW_BYTES)
            } else {
                line.len()
            };
            assert_eq!(raw, &line[..kept]);
        } else {
            panic!("line {index} is no record");
        }
        offset += line.len() as u64;
    }
    assert_eq!(records.next(), None, "no record but the lines");
    assert_eq!(framing.skipped, skipped);
    framing
}

/// Takes limits from the first byte of `data`, and checks all laws for the others.
///
/// # Panics
/// When one is broken.
pub fn hold_for_any(data: &[u8]) {
    let [limit, input @ ..] = data else {
        return;
    };
    let limits = FrameLimits {
        max_record_bytes: 1 + usize::from(*limit >> 2),
        max_block_records: 1 + usize::from(*limit & 3),
        max_block_bytes: 32,
    };
    // A dialect with lines to pass over, for every other limit.
    let dialect = match limit & 4 {
        0 => LinesDialect::default(),
        _ => LinesDialect {
            comment_char: Some(b'a'),
            skip_rows: u64::from(limit >> 6),
        },
    };
    hold_for(dialect, limits, input);
}
