//! One-line cases of the framer of lines, each multiplied by every law; random input; memory.

use super::laws::{hold_for, hold_for_any};
use super::*;
use pipeline::{BLOCK_BYTES, MAX_RAW_BYTES};
use proptest::prelude::*;

/// `expected`: `LINE:RAW` or `LINE!CODE:RAW` of each record, then `+N` where N lines are no records.
fn check_at(max_record_bytes: usize, input: &str, expected: &[&str]) {
    check_of(LinesDialect::default(), max_record_bytes, input, expected);
}

fn check_of(dialect: LinesDialect, max_record_bytes: usize, input: &str, expected: &[&str]) {
    for max_block_records in [1, 2, 1000] {
        let limits = FrameLimits {
            max_record_bytes,
            max_block_records,
            max_block_bytes: 64,
        };
        let framing = hold_for(dialect, limits, input.as_bytes());
        let mut found: Vec<String> = framing
            .records
            .iter()
            .map(|(at, raw, broken)| {
                let code = broken.map(|code| format!("!{code}")).unwrap_or_default();
                format!("{}{code}:{}", at.line, String::from_utf8_lossy(raw))
            })
            .collect();
        if framing.skipped > 0 {
            found.push(format!("+{}", framing.skipped));
        }
        assert_eq!(found, expected, "{input:?}");
    }
}

#[test]
fn lines() {
    let check = |input, expected| check_at(1024, input, expected);
    check("", &[]);
    check("a", &["1:a"]);
    check("a\nb\n", &["1:a\n", "2:b\n"]);
    check("a\r\nb", &["1:a\r\n", "2:b"]);
    check("a\rb\n", &["1:a\rb\n"]);
    check("{\"a\":\"\\n\"}\n", &["1:{\"a\":\"\\n\"}\n"]);
    check("\n\n \t\r\na\n\n", &["4:a\n", "+4"]);
    check("a\n  ", &["1:a\n", "+1"]);
    check("\r", &["+1"]);
    check(" a\n", &["1: a\n"]);
}

#[test]
fn over_the_limit() {
    check_at(
        4,
        "1234\n12345\n1\n",
        &["1:1234\n", "2!record_too_large:12345\n", "3:1\n"],
    );
    check_at(
        4,
        "1234\r\n12345\r\n",
        &["1:1234\r\n", "2!record_too_large:12345\r\n"],
    );
    check_at(
        4,
        "123\r\n1234\r",
        &["1:123\r\n", "2!record_too_large:1234\r"],
    );
    check_at(
        4,
        "123456789\n1",
        &["1!record_too_large:123456789\n", "2:1"],
    );
    check_at(4, "123456789", &["1!record_too_large:123456789"]);
    check_at(4, "      \n1", &["1!record_too_large:      \n", "2:1"]);
}

#[test]
fn lines_that_are_passed_over() {
    let dialect = LinesDialect {
        comment_char: Some(b'#'),
        skip_rows: 2,
    };
    check_of(
        dialect,
        8,
        "head\n\na\n#b\n #c\n#\n",
        &["3:a\n", "5: #c\n", "+4"],
    );
    check_of(
        dialect,
        4,
        "a head that is long\n#\n#123456\n1234567\n#1234567",
        &["4!record_too_large:1234567\n", "+4"],
    );
    check_of(dialect, 4, "head", &["+1"]);
}

#[test]
fn a_line_that_never_ends_costs_no_memory() {
    let limits = FrameLimits {
        max_record_bytes: 4096,
        ..FrameLimits::default()
    };
    let mut framer = LinesFramer::new(Position::START, limits);
    for _ in 0..1000 {
        framer.buffer().extend_from_slice(&[b'x'; 4096]);
        assert!(framer.next_block(false).unwrap().is_none());
        assert!(framer.buffer().len() <= 4097);
        assert!(framer.buffer().capacity() <= BLOCK_BYTES);
    }
    framer.buffer().extend_from_slice(b"\nend");
    let block = framer.next_block(false).unwrap().unwrap();
    assert_eq!(block.bytes.len(), MAX_RAW_BYTES);
    assert_eq!((block.end.line, block.end.offset), (2, 4_096_001));
    assert_eq!(framer.next_block(true).unwrap().unwrap().text(0), b"end");
}

#[test]
fn no_limit_stops_framing() {
    for limit in [0, usize::MAX] {
        let limits = FrameLimits {
            max_record_bytes: limit,
            max_block_records: limit,
            max_block_bytes: limit,
        };
        let mut framer = LinesFramer::new(Position::START, limits);
        framer.buffer().extend_from_slice(b"a\nb\n");
        let mut records = 0;
        while let Some(block) = framer.next_block(true).unwrap() {
            records += block.frames.len();
        }
        assert_eq!(records, 2);
    }
}

#[test]
fn the_corpus_of_the_fuzz_target() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fuzz/corpus/frame_lines"
    );
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        hold_for_any(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 0, "there is a corpus in {folder}");
}

proptest! {
    #[test]
    fn the_laws_hold_for_dense_bytes(limit in any::<u8>(), input in "[ab \t\r\n]{0,120}") {
        hold_for_any(&[&[limit], input.as_bytes()].concat());
    }

    #[test]
    fn the_laws_hold_for_any_bytes(input in prop::collection::vec(any::<u8>(), 0..200)) {
        hold_for_any(&input);
    }
}
