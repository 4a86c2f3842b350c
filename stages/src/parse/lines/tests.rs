//! Lines by a pattern and whole; what does not match; time that stays linear.

use super::*;
use crate::frame::lines::LinesFramer;
use pipeline::{FrameLimits, Framer, Position};
use proptest::prelude::*;
use std::time::Duration;

fn parse(pattern: Option<&str>, input: &[u8]) -> Vec<String> {
    let pattern = pattern.map(|pattern| LinePattern::new(pattern).unwrap());
    let mut framer = LinesFramer::new(Position::START, FrameLimits::default());
    framer.buffer().extend_from_slice(input);
    let block = framer.next_block(true).unwrap().unwrap();
    let mut found = Vec::new();
    let parser = LinesParser::new(pattern.as_ref());
    let done = parser.parse(&block, &mut |_, row: Result<&mut Cells, Problem>| {
        found.push(match row {
            Ok(row) => format!(
                "{:?}",
                (0..row.len()).map(|at| row.get(at)).collect::<Vec<_>>()
            ),
            Err(problem) => problem.code.to_string(),
        });
    });
    done.unwrap();
    found
}

#[test]
fn groups_are_cells_in_the_order_of_the_pattern() {
    let pattern = r"(?<host>\S+) (\w+ )?(?<n>\d+)( (?<more>.*))?";
    assert_eq!(
        parse(
            Some(pattern),
            "ä 12\nb x 7 \r\nno number\n\nc 1 2 3\nd 5\tx\n".as_bytes()
        ),
        [
            r#"[Some("ä"), Some("12"), None]"#,
            r#"[Some("b"), Some("7"), Some("")]"#,
            "no_match",
            r#"[Some("c"), Some("2"), Some("3")]"#,
            "no_match",
        ]
    );
    assert_eq!(
        LinePattern::new(pattern).unwrap().names(),
        ["host", "n", "more"]
    );
}

#[test]
fn a_line_without_a_pattern_is_one_cell() {
    let found = parse(None, b" a,b \r\n\xff\n\"\"\"\n");
    assert_eq!(
        found,
        ["[Some(\" a,b \")]", "encoding", r#"[Some("\"\"\"")]"#]
    );
}

#[test]
fn the_whole_line_must_match_also_with_alternatives() {
    let found = parse(Some("(?<a>x)|(?<b>y)"), b"x\ny\nxy\n");
    assert_eq!(
        found,
        ["[Some(\"x\"), None]", "[None, Some(\"y\")]", "no_match"]
    );
    assert!(LinePattern::new(")|(").is_err());
    assert!(LinePattern::new("(?<a>x)(?<a>y)").is_err());
}

#[test]
fn a_pattern_has_a_limit() {
    let error = LinePattern::new("(?<a>(\\w{1000}){1000})").unwrap_err();
    assert!(matches!(error, regex::Error::CompiledTooBig(_)), "{error}");
}

#[test]
fn a_line_that_would_be_tried_in_many_ways_is_read_once() {
    let line = "a".repeat(200_000) + "\n";
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(parse(Some("(?<x>(a*)*)b"), line.as_bytes())));
    // Backtracking would take longer than there is.
    let found = receiver.recv_timeout(Duration::from_secs(60));
    assert_eq!(found, Ok(vec!["no_match".to_owned()]));
}

proptest! {
    #[test]
    fn the_law_holds_for_any_lines(
        choice in any::<u8>(),
        lines in prop::collection::vec(
            prop_oneof![
                "[a-z]{1,4}=[ä =]{0,4}".prop_map(String::into_bytes),
                "xy?z{0,3}[0-9]{0,3}".prop_map(String::into_bytes),
                r#"[a-z]{1,3} - [a-z]{1,3} \[[^\]]{1,9}\] "[^"]{0,9}" [0-9]{3} (-|[0-9]{1,4})( "[^"]{0,4}")?"#
                    .prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..40),
            ],
            0..6,
        ),
    ) {
        laws::hold_for_any(&[vec![choice], lines.join(&b'\n')].concat());
    }
}
