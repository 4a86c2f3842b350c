//! The laws of groups over lines, and that what waits is bounded.

use crate::frame::group::laws::{hold_for, hold_for_any};
use crate::frame::group::{GroupFramer, GroupLimits, Key, ReadKeys, TOO_LARGE};
use crate::frame::lines::LinesFramer;
use pipeline::{Block, Fatal, FrameLimits, Framer, Position};
use proptest::prelude::*;

const LIMITS: GroupLimits = GroupLimits {
    max_records: 4,
    max_bytes: 40,
};

fn lines(at: Position) -> Box<dyn Framer> {
    let limits = FrameLimits {
        max_record_bytes: 60,
        max_block_records: 3,
        max_block_bytes: 48,
    };
    Box::new(LinesFramer::new(at, limits))
}

/// The codes of the records of these lines, `-` for those that are whole.
fn check(lines_of_input: &[&str], expected: &[&str]) {
    let input: String = lines_of_input
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    let framing = hold_for(&lines, LIMITS, input.as_bytes());
    let codes = framing
        .records
        .iter()
        .map(|(_, _, broken)| broken.unwrap_or("-"));
    assert_eq!(codes.collect::<Vec<_>>(), expected, "{lines_of_input:?}");
}

#[test]
fn records_with_equal_keys_that_follow_each_other_are_a_group() {
    check(&[], &[]);
    check(&["a"], &["-"]);
    check(&["a1", "a2", "b", "a3", "a4", "c", "d"], &["-"; 7]);
    check(&["a", "a", "a", "a", "b", "b", "b", "b"], &["-"; 8]);
}

#[test]
fn a_record_without_a_key_is_in_the_groups_on_both_sides() {
    check(&["a", "?", "b", "c"], &["-"; 4]);
    check(
        &["a", "a", "?", "b", "b", "c"],
        &[TOO_LARGE, TOO_LARGE, TOO_LARGE, TOO_LARGE, TOO_LARGE, "-"],
    );
    check(&["?", "a", "a"], &["-"; 3]);
    let long = "x".repeat(70);
    check(
        &["a", &long, "b", "c"],
        &[TOO_LARGE, "record_too_large", TOO_LARGE, "-"],
    );
}

#[test]
fn a_record_that_is_not_to_be_grouped_stands_alone() {
    check(&["a", "-", "a", "a", "-", "-", "?", "-", "b"], &["-"; 9]);
}

#[test]
fn records_of_a_group_that_is_too_large_are_broken_and_others_are_not() {
    let codes = |good: usize, bad: usize, behind: usize| {
        [vec!["-"; good], vec![TOO_LARGE; bad], vec!["-"; behind]].concat()
    };
    check(&["a", "a", "a", "a", "a", "b"], &codes(0, 5, 1));
    let many = [&["b"; 1][..], &["a"; 30], &["b"; 4]].concat();
    check(&many, &codes(1, 30, 4));
    let wide = format!("w{}", "x".repeat(25));
    check(&[&wide, "b", &wide, &wide, "c"], &codes(2, 2, 1));
    check(&[&*wide; 9], &codes(0, 9, 0));
    let single = format!("s{}", "x".repeat(55));
    check(&["a", &single, "a"], &codes(3, 0, 0));
}

#[test]
fn what_waits_of_an_endless_group_is_bounded() {
    struct Same;
    impl ReadKeys for Same {
        fn read(
            &mut self,
            block: &Block,
            each: &mut dyn FnMut(usize, Key<'_>),
        ) -> Result<(), Fatal> {
            (0..block.frames.len()).for_each(|index| each(index, Key::Of(b"a")));
            Ok(())
        }
    }
    let mut framer = GroupFramer::new(lines(Position::START), Box::new(Same), LIMITS);
    let mut records = 0;
    for _ in 0..10_000 {
        framer.buffer().extend_from_slice(b"a\n");
        while let Some(block) = framer.next_block(false).unwrap() {
            records += block.frames.len();
        }
    }
    assert!(
        (9_990..10_000).contains(&records),
        "{records} of 10,000 went on"
    );
    while let Some(block) = framer.next_block(true).unwrap() {
        records += block.frames.len();
        assert!(block.frames.iter().all(|one| one.broken == Some(TOO_LARGE)));
    }
    assert_eq!(records, 10_000);
}

#[test]
fn lines_between_records_are_counted_wherever_a_block_ends() {
    let framing = hold_for(&lines, LIMITS, b"\n\na\n\na\n\n\nb\n\nb\n\n\n\nc\n\n");
    assert_eq!((framing.records.len(), framing.skipped), (5, 10));
    let blank: String = "\n".repeat(5_000);
    let input = format!("a\n{blank}a\n{blank}b\n{blank}");
    let framing = hold_for(&lines, LIMITS, input.as_bytes());
    assert_eq!((framing.records.len(), framing.skipped), (3, 15_000));
}

proptest! {
    #[test]
    fn whatever_the_keys_every_cut_and_restart_gives_their_groups(
        all in prop::collection::vec(
            prop_oneof![
                6 => "[abc][xyz]{0,3}",
                1 => "-x{0,2}",
                1 => "[?]x{0,2}",
                1 => "[ab]x{20,30}",
                1 => "[a?]x{60,62}",
            ],
            0..40,
        ),
    ) {
        let input: String = all.iter().map(|line| format!("{line}\n")).collect();
        hold_for(&lines, LIMITS, input.as_bytes());
    }

    #[test]
    fn whatever_the_bytes_the_laws_hold(data in prop::collection::vec(prop::sample::select(b"aab?-\n\n\r\0".to_vec()), 0..80)) {
        hold_for_any(&lines, &data);
    }
}
