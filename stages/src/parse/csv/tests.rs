//! What the CSV parser makes of records that were cut for it.

use super::*;
use crate::frame::csv::{CsvFramer, CsvHeader};
use bytes::Bytes;
use futures::FutureExt;
use pipeline::{Frame, FrameLimits, Position, law};
use proptest::prelude::*;

const COMMAS: CsvDialect = CsvDialect {
    delimiter: b',',
    quote_char: Some(b'"'),
    double_quote: true,
    escape_char: None,
    comment_char: None,
    skip_rows: 0,
    header: CsvHeader {
        rows: 0,
        find_within: None,
    },
    columns: Vec::new(),
};

/// A block of the given pieces: a piece is a record, `!` before it a broken one, `#` lines that are none.
fn block(pieces: &[&[u8]]) -> Block {
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for piece in pieces {
        let (piece, broken) = match piece.strip_prefix(b"!") {
            Some(rest) => (rest, Some("record_too_large")),
            None => (*piece, None),
        };
        let start = bytes.len() as u32;
        bytes.extend_from_slice(piece);
        if !piece.starts_with(b"#") {
            frames.push(Frame {
                start,
                end: bytes.len() as u32,
                line: frames.len() as u64 + 1,
                offset: u64::from(start),
                skipped: 0,
                kind: 0,
                carries: false,
                broken,
            });
        }
    }
    let end = Position {
        ordinal: frames.len() as u64,
        line: frames.len() as u64 + 1,
        offset: bytes.len() as u64,
    };
    Block {
        bytes: Bytes::from(bytes),
        frames,
        start: Position::START,
        end,
        trailing_skipped: 0,
        restarts: Vec::new(),
        groups: Vec::new(),
        context: Default::default(),
        carried: None,
    }
}

fn parsed(dialect: &CsvDialect, columns: usize, block: &Block) -> Result<Vec<String>, Fatal> {
    let mut all = Vec::new();
    CsvParser::new(dialect, columns).parse(block, &mut |index, row| {
        all.push(match row {
            Ok(row) => format!("{index}:{}", row.iter().collect::<Vec<_>>().join("|")),
            Err(problem) => format!("{index}:{}: {}", problem.code, problem.message),
        });
    })?;
    Ok(all)
}

fn check(dialect: &CsvDialect, columns: usize, pieces: &[&[u8]], expected: &[&str]) {
    let block = block(pieces);
    let found = parsed(dialect, columns, &block).unwrap_or_else(|fatal| panic!("{fatal}"));
    assert_eq!(found, expected, "{:?}", block.bytes);
}

#[test]
fn cells_are_what_stands_between_the_marks() {
    check(
        &COMMAS,
        2,
        &[b"a,b\n", b"c,d\r\n", b"e,f\r", b"g,h"],
        &["0:a|b", "1:c|d", "2:e|f", "3:g|h"],
    );
    check(
        &COMMAS,
        2,
        &[b"\"a,\nb\",\"c\"\"d\"\n", b"e\"f, g \n"],
        &["0:a,\nb|c\"d", "1:e\"f| g "],
    );
    check(&COMMAS, 1, &[b"\"\"\n", b"x\n"], &["0:", "1:x"]);
    check(&COMMAS, 2, &[b",\n", b"\0,a\0b\n"], &["0:|", "1:\0|a\0b"]);
    check(&COMMAS, 2, &[], &[]);
    let dialect = CsvDialect {
        delimiter: b';',
        quote_char: None,
        ..COMMAS
    };
    check(&dialect, 2, &[b"\"a;b\"\n"], &["0:\"a|b\""]);
    let dialect = CsvDialect {
        quote_char: Some(b'\''),
        double_quote: false,
        escape_char: Some(b'\\'),
        ..COMMAS
    };
    check(&dialect, 2, &[b"'a\\'\\\\',\"b\"\n"], &["0:a'\\|\"b\""]);
    let dialect = CsvDialect {
        delimiter: b'\t',
        ..COMMAS
    };
    check(&dialect, 2, &[b"a\tb,c\n"], &["0:a|b,c"]);
}

#[test]
fn lines_between_records_are_nothing() {
    let dialect = CsvDialect {
        comment_char: Some(b'#'),
        ..COMMAS
    };
    check(
        &dialect,
        2,
        &[b"a,b\n", b"# x,\"\n\r\n\n", b"c,d\n"],
        &["0:a|b", "1:c|d"],
    );
}

#[test]
fn a_byte_order_mark_is_data() {
    check(&COMMAS, 2, &[b"\xef\xbb\xbfa,b\n"], &["0:\u{feff}a|b"]);
    check(
        &COMMAS,
        1,
        &[b"!x\n", b"\xef\xbb\xbf\n", b"\xef\xbb\xbfb\n"],
        &["1:\u{feff}", "2:\u{feff}b"],
    );
    check(
        &COMMAS,
        1,
        &[b"\xef\xbb\xbf\xef\xbb\xbf"],
        &["0:\u{feff}\u{feff}"],
    );
}

#[test]
fn broken_records_are_passed_over() {
    check(
        &COMMAS,
        1,
        &[b"!a\"\n", b"b\n", b"!\"c\n", b"!d\n", b"e\r\n", b"!\"f"],
        &["1:b", "4:e"],
    );
    check(&COMMAS, 1, &[b"!a\n", b"!b\n"], &[]);
    check(
        &COMMAS,
        1,
        &[b"a\r", b"!\"b\r", b"c\r", b"d"],
        &["0:a", "2:c", "3:d"],
    );
}

#[test]
fn another_number_of_cells_is_a_problem_of_that_record() {
    check(
        &COMMAS,
        2,
        &[b"a\n", b"b,c\n", b"d,e,f\n"],
        &[
            "0:cell_count: the header has 2 columns, the record has 1 cell",
            "1:b|c",
            "2:cell_count: the header has 2 columns, the record has 3 cells",
        ],
    );
}

#[test]
fn bytes_that_are_no_text_are_a_problem_of_that_record() {
    check(
        &COMMAS,
        2,
        &[b"a,b\xff\n", b"c,\xc3\xa9\n", b"\xc3,\xa9\n"],
        &[
            "0:encoding: column 2: not UTF-8 from byte 2 of the cell on",
            "1:c|é",
            "2:encoding: column 1: not UTF-8 from byte 1 of the cell on",
        ],
    );
}

#[test]
fn records_that_the_framer_did_not_cut_end_the_job() {
    for pieces in [
        &[&b"a\nb\n"[..], b"c\n"][..],
        &[b"a\n", b"b\nc\n"],
        &[b"\"a\n", b"b\"\n"],
        &[b"a", b"b\n"],
        &[b"\n", b"b\n"],
        &[b"a\n", b"\n"],
        &[b"a\r\r\n", b"b\n"],
        &[b"a\n", b"#b\n", b"c\n"],
        &[b"a\n", b"#b", b"c\n"],
        &[b"\"a\"\n\"b\"\n"],
        &[b"\"a\"", b"b\n"],
    ] {
        let fatal = parsed(&COMMAS, 1, &block(pieces)).unwrap_err();
        assert_eq!(fatal.code, "frame_mismatch", "{pieces:?}");
    }
}

#[test]
fn large_records_are_whole() {
    let cell = "x".repeat(200_000);
    let line = format!("{cell},\"{cell}\n\"\n");
    let block = block(&[line.as_bytes(), b"a,b\n"]);
    let found = parsed(&COMMAS, 2, &block).unwrap();
    assert_eq!(found, [format!("0:{cell}|{cell}\n"), "1:a|b".to_owned()]);
}

#[test]
fn framer_and_parser_give_the_same_however_the_input_is_cut() {
    let input = b"a,b\n\"c\nd\",e\r\n\n# no, \"comment\ntoo,many,cells\nf,\xff\ng,a cell that is far too long for its record\nh,i\r\"j\",\"never closed\nk,l";
    let outcomes = laws::hold_for(&COMMAS, input);
    let found = outcomes.into_iter().map(|(_, outcome)| match outcome {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(codes) => codes,
    });
    let found: Vec<_> = found.collect();
    assert_eq!(
        found,
        [
            "a|b|",
            "c\nd|e|",
            "# no| \"comment|",
            "cell_count None",
            "encoding None",
            "record_too_large None",
            "h|i|",
            "unclosed_quote None",
            "k|l|",
        ]
    );
}

/// The cells of one record as csv-async reads it; `None` where one is no UTF-8. A line end goes first, so that no
/// byte-order mark is taken away.
fn oracle(dialect: &CsvDialect, raw: &[u8]) -> Option<Vec<String>> {
    let bytes = [b"\n", raw].concat();
    let mut reader = csv_async::AsyncReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(dialect.delimiter)
        .quoting(dialect.quote_char.is_some())
        .quote(dialect.quote_char.unwrap_or(b'"'))
        .double_quote(dialect.double_quote)
        .escape(dialect.escape_char)
        .comment(dialect.comment_char)
        .create_reader(&bytes[..]);
    let mut row = csv_async::ByteRecord::new();
    let found = reader.read_byte_record(&mut row).now_or_never();
    assert!(found.unwrap().unwrap(), "{raw:?} holds a record");
    let row = csv_async::StringRecord::from_byte_record(row).ok()?;
    Some(row.iter().map(str::to_owned).collect())
}

/// Checks that the records of `input` have the cells that csv-async finds in them.
fn cells_are_those_of_csv_async(dialect: &CsvDialect, input: &[u8]) {
    let framer = CsvFramer::new(dialect, Position::START, FrameLimits::default());
    for block in law::frame(Box::new(framer), Position::START, input, input.len()) {
        for (index, _) in (0..)
            .zip(&block.frames)
            .filter(|(_, frame)| frame.broken.is_none())
        {
            let expected = oracle(dialect, block.raw(index));
            let columns = expected.as_ref().map_or(0, Vec::len);
            let rows = parsed(dialect, columns, &block).unwrap_or_else(|fatal| panic!("{fatal}"));
            let row = rows
                .iter()
                .find_map(|row| row.strip_prefix(&format!("{index}:")));
            match (expected, row) {
                (Some(cells), row) => assert_eq!(row, Some(&*cells.join("|")), "{dialect:?}"),
                (None, row) => assert!(row.is_some_and(|row| row.starts_with("encoding: "))),
            }
        }
    }
}

/// What random input is made of.
const PIECES: &[&[u8]] = &[
    b"a",
    b"bc",
    b",",
    b",",
    b"\"",
    b"\"",
    b"\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"#",
    b"\\",
    b" ",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\0",
];

/// What may have a meaning in a random dialect, also what never should.
const MARKS: &[u8] = b"a,;\"'\\#\t\0 \xc3\xa9";

#[test]
fn the_corpus_of_the_fuzz_target() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fuzz/corpus/parse_csv"
    );
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        laws::hold_for_any(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 0, "there is a corpus in {folder}");
}

proptest! {
    #[test]
    fn framer_and_parser_never_disagree(
        dialect: u8,
        input in prop::collection::vec(prop::sample::select(PIECES), 0..60),
    ) {
        laws::hold_for_any(&[&[dialect], &*input.concat()].concat());
    }

    #[test]
    fn cells_are_those_of_csv_async_whatever_the_marks(
        marks in prop::sample::subsequence(MARKS, 4).prop_shuffle(),
        has: [bool; 3],
        double_quote: bool,
        input in prop::collection::vec(
            prop_oneof![
                3 => prop::sample::select(MARKS),
                2 => prop::sample::select(b",\"b".as_slice()),
                1 => prop::sample::select(b"\r\n\n".as_slice()),
            ],
            0..80,
        ),
    ) {
        let quote_char = has[0].then_some(marks[1]);
        let dialect = CsvDialect {
            delimiter: marks[0],
            quote_char,
            double_quote,
            escape_char: quote_char.and(has[1].then_some(marks[2])),
            comment_char: has[2].then_some(marks[3]),
            ..COMMAS
        };
        cells_are_those_of_csv_async(&dialect, &input);
        laws::hold_for(&dialect, &input);
    }
}
