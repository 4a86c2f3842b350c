//! Places in lines, counted in characters and in bytes; lines that are too short.

use super::*;
use crate::frame::lines::LinesFramer;
use pipeline::{FrameLimits, Framer, Position};
use proptest::prelude::*;

/// Cells of each line, or `CODE FIELD` of its problem. `places` are fields from one column to another, from 1.
fn parse(unit: Unit, places: &[(usize, usize)], input: &[u8]) -> Vec<String> {
    let places = places
        .iter()
        .zip("abcdefgh".chars())
        .map(|(&(first, last), name)| Place {
            field: name.to_string().into(),
            start: first - 1,
            end: last,
        });
    let parser = FixedParser::new(unit, places.collect());
    let mut framer = LinesFramer::new(Position::START, FrameLimits::default());
    framer.buffer().extend_from_slice(input);
    let block = framer.next_block(true).unwrap().unwrap();
    let mut found = Vec::new();
    let done = parser.parse(&block, &mut |_, row: Result<&mut Cells, Problem>| {
        found.push(match row {
            Ok(row) => {
                let cells = (0..row.len()).map(|at| row.get(at).unwrap_or("-"));
                cells.collect::<Vec<_>>().join("|")
            }
            Err(problem) => format!("{} {}", problem.code, problem.field.unwrap_or_default()),
        });
    });
    done.unwrap();
    found
}

#[test]
fn cells_are_cut_out_and_trimmed() {
    let places = [(1, 4), (5, 6), (9, 12), (1, 2)];
    for (line, expected) in [
        ("ab  12  long and more\n", "ab|12|long|ab"),
        (" b  \t2xxlong\r\n", "b|2|long|b"),
        ("abcd  xx    ", "abcd|||ab"),
        ("abcdef", "abcd|ef|-|ab"),
        ("abcdefgh", "abcd|ef|-|ab"),
        ("abcd", "abcd|-|-|ab"),
        ("äöüß12  größ", "äöüß|12|größ|äö"),
        ("äöüß12", "äöüß|12|-|äö"),
        ("äöüß  xx\u{a0}ab\u{3000}", "äöüß||ab|äö"),
        ("abcde", "too_short b"),
        ("äöüß1", "too_short b"),
        ("abcd12xxlon", "too_short c"),
        ("ab", "too_short a"),
        ("a\n", "too_short a"),
    ] {
        assert_eq!(
            parse(Unit::Characters, &places, line.as_bytes()),
            [expected],
            "{line:?}"
        );
    }
    assert_eq!(parse(Unit::Characters, &places, b"ab\xff "), ["encoding "]);
}

#[test]
fn bytes_cut_no_character() {
    let places = [(1, 2), (3, 4)];
    for (line, expected) in [
        ("ä12", "ä|12"),
        ("aä1", "encoding a"),
        ("ab1ä", "encoding b"),
        ("äö", "ä|ö"),
        ("ä", "ä|-"),
        ("ä1", "too_short b"),
    ] {
        assert_eq!(
            parse(Unit::Bytes, &places, line.as_bytes()),
            [expected],
            "{line:?}"
        );
    }
}

#[test]
fn a_place_far_behind_the_line_is_not_there() {
    assert_eq!(
        parse(
            Unit::Characters,
            &[(4_000_000_000, 4_000_000_001)],
            "ä".as_bytes()
        ),
        ["-"]
    );
}

proptest! {
    #[test]
    fn a_cell_is_its_characters(line in "[ aä€😀]{1,12}", first in 1_usize..10, width in 1_usize..6) {
        prop_assume!(!line.trim_matches(' ').is_empty());
        let chars: Vec<char> = line.chars().collect();
        let last = first + width - 1;
        let expected = match chars.len() {
            len if len < first => "-".to_owned(),
            len if len < last => "too_short a".to_owned(),
            _ => chars[first - 1..last].iter().collect::<String>().trim().to_owned(),
        };
        prop_assert_eq!(parse(Unit::Characters, &[(first, last)], line.as_bytes()), [expected]);
    }

    #[test]
    fn the_law_holds_for_any_lines(
        head in prop::collection::vec(any::<u8>(), 9),
        lines in prop::collection::vec(
            prop_oneof![
                "[ aä€😀]{1,60}".prop_map(String::into_bytes),
                prop::collection::vec(any::<u8>(), 0..40),
            ],
            0..6,
        ),
    ) {
        laws::hold_for_any(&[head, lines.join(&b'\n')].concat());
    }
}
