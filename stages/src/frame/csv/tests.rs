//! One-line cases of the CSV framer, each multiplied by every law; random input; memory and linearity.

use super::laws::{MAX_SCANS_PER_BYTE, hold_for, hold_for_any};
use super::scan::{TOO_LARGE, UNCLOSED_QUOTE};
use super::*;
use pipeline::MAX_RAW_BYTES;
use pipeline::law;
use proptest::prelude::*;

const LIMITS: FrameLimits = FrameLimits {
    max_record_bytes: 1024,
    max_block_records: 2,
    max_block_bytes: 4096,
};

fn plain() -> CsvDialect {
    CsvDialect::default()
}

fn commented() -> CsvDialect {
    CsvDialect {
        comment_char: Some(b'#'),
        ..plain()
    }
}

fn escaped() -> CsvDialect {
    CsvDialect {
        escape_char: Some(b'\\'),
        ..plain()
    }
}

fn unquoted() -> CsvDialect {
    CsvDialect {
        quote_char: None,
        ..plain()
    }
}

/// `expected`: `LINE:RAW` or `LINE!CODE:RAW` of each record, then `+N` where N lines are no records.
fn check_at(max_record_bytes: usize, dialect: &CsvDialect, input: &str, expected: &[&str]) {
    for max_block_records in [1, 2, 1000] {
        let limits = FrameLimits {
            max_record_bytes,
            max_block_records,
            ..LIMITS
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

fn check(dialect: &CsvDialect, input: &str, expected: &[&str]) {
    check_at(1024, dialect, input, expected);
}

#[test]
fn line_ends() {
    let d = &plain();
    check(d, "", &[]);
    check(d, "a", &["1:a"]);
    check(d, "a\n", &["1:a\n"]);
    check(d, "a\nb", &["1:a\n", "2:b"]);
    check(d, "a\r\nb\r\n", &["1:a\r\n", "2:b\r\n"]);
    check(d, "a\rb\r", &["1:a\r", "2:b\r"]);
    check(d, "a\r\r\nb\n\rc", &["1:a\r", "3:b\n", "5:c", "+2"]);
    check(d, "\n\n\r\n\ra\n\n", &["5:a\n", "+5"]);
    check(d, "\r\n", &["+1"]);
    check(d, "\r", &["+1"]);
    check(d, " \n,\n", &["1: \n", "2:,\n"]);
}

#[test]
fn quotes() {
    let d = &plain();
    check(d, "\"a\nb\",c\nd\n", &["1:\"a\nb\",c\n", "3:d\n"]);
    check(d, "\"a\r\nb\rc\",d\r\ne", &["1:\"a\r\nb\rc\",d\r\n", "4:e"]);
    check(
        d,
        "a,\"x\"\"\n\"\"y\"\nz",
        &["1:a,\"x\"\"\n\"\"y\"\n", "3:z"],
    );
    check(d, "\"\"\n\"\"", &["1:\"\"\n", "2:\"\""]);
    check(d, "a\"b\nc\"d\n", &["1:a\"b\n", "2:c\"d\n"]);
    check(d, "\"a\"b\"\nc\n", &["1:\"a\"b\"\n", "2:c\n"]);
    check(d, "\"a\"b,\"\n\"\nc\n", &["1:\"a\"b,\"\n\"\n", "3:c\n"]);
    check(d, " \"a\n\"\n", &["1: \"a\n", "2!unclosed_quote:\"\n"]);
    check(d, "\"a\"\r\"b\"\n", &["1:\"a\"\r", "2:\"b\"\n"]);
    check(&unquoted(), "\"a\n\"b\n", &["1:\"a\n", "2:\"b\n"]);
    let single = CsvDialect {
        quote_char: Some(b'\''),
        delimiter: b';',
        ..plain()
    };
    check(&single, "a;'\n;'\n\"\n", &["1:a;'\n;'\n", "3:\"\n"]);
    let undoubled = CsvDialect {
        double_quote: false,
        ..plain()
    };
    check(&undoubled, "\"a\"\"\nb\"\n", &["1:\"a\"\"\n", "2:b\"\n"]);
}

#[test]
fn escapes() {
    let d = &escaped();
    check(d, "\"a\\\"\nb\"\nc\n", &["1:\"a\\\"\nb\"\n", "3:c\n"]);
    check(
        d,
        "\"a\\\r\n\\\nb\"\nc\n",
        &["1:\"a\\\r\n\\\nb\"\n", "4:c\n"],
    );
    check(d, "a\\\nb\n", &["1:a\\\n", "2:b\n"]);
    check(d, "\"a\\", &["1!unclosed_quote:\"a\\"]);
    check(d, "\"a\\\nb\n", &["1!unclosed_quote:\"a\\\n", "2:b\n"]);
    check(d, "\"a\"\"\n\"\n", &["1:\"a\"\"\n\"\n"]);
}

#[test]
fn comments() {
    let d = &commented();
    check(d, "#a\nb#c\n", &["2:b#c\n", "+1"]);
    check(d, "a\n#\n\n#\"\nb", &["1:a\n", "5:b", "+3"]);
    check(d, "#a\rb\nc", &["3:c", "+2"]);
    check(d, "#a\r\nc", &["2:c", "+1"]);
    check(d, "a\n#end", &["1:a\n", "+1"]);
    check(d, "#end\r", &["+1"]);
    check(d, "#end\rend", &["+2"]);
    check(d, " #a\n\"#b\"\n", &["1: #a\n", "2:\"#b\"\n"]);
    check(d, "\"x\n#y\"\n", &["1:\"x\n#y\"\n"]);
    check_at(
        4,
        d,
        "#a comment is as long as it likes\n1234\n",
        &["2:1234\n", "+1"],
    );
    check(&plain(), "#a\n", &["1:#a\n"]);
}

#[test]
fn over_the_limit() {
    let d = &plain();
    check_at(
        4,
        d,
        "1234\n12345\n1\n",
        &["1:1234\n", "2!record_too_large:12345\n", "3:1\n"],
    );
    check_at(4, d, "1234", &["1:1234"]);
    check_at(4, d, "12345", &["1!record_too_large:12345"]);
    check_at(
        4,
        d,
        "1234\r\n12345\r\n1",
        &["1:1234\r\n", "2!record_too_large:12345\r\n", "3:1"],
    );
    check_at(4, d, "12345\r1\r", &["1!record_too_large:12345\r", "2:1\r"]);
    check_at(4, d, "\"23\"\n\"2\"4\n", &["1:\"23\"\n", "2:\"2\"4\n"]);
    check_at(
        4,
        d,
        "\"\n3\"\n\"\n3\"5\nx\n",
        &["1:\"\n3\"\n", "3!record_too_large:\"\n3\"5\n", "5:x\n"],
    );
    check_at(
        4,
        d,
        "1,,,\"\n\"\n1\n",
        &[
            "1!record_too_large:1,,,\"\n",
            "2!unclosed_quote:\"\n",
            "3:1\n",
        ],
    );
    check_at(
        4,
        d,
        "\"234\"\n1\n",
        &["1!unclosed_quote:\"234\"\n", "2:1\n"],
    );
    check_at(
        4,
        d,
        "\"23\"\"\n1\n",
        &["1!record_too_large:\"23\"\"\n", "2:1\n"],
    );
    check_at(
        4,
        d,
        "\"\n\n\n\n\"\n",
        &["1!unclosed_quote:\"\n", "5!unclosed_quote:\"\n", "+3"],
    );
    check_at(4, d, "\"23\r\n1\n", &["1!unclosed_quote:\"23\r\n", "2:1\n"]);
    check_at(
        4,
        d,
        "\"2345678\r\n1\n",
        &["1!unclosed_quote:\"2345678\r\n", "2:1\n"],
    );
    check_at(
        4,
        &escaped(),
        "\"23\\\"\n1\n",
        &["1!unclosed_quote:\"23\\\"\n", "2:1\n"],
    );
    check_at(
        1,
        d,
        "a\n\"\nbb\n",
        &["1:a\n", "2!unclosed_quote:\"\n", "3!record_too_large:bb\n"],
    );
}

#[test]
fn the_end_inside_a_quote() {
    let d = &plain();
    check(d, "\"", &["1!unclosed_quote:\""]);
    check(d, "\"a\nb\nc", &["1!unclosed_quote:\"a\n", "2:b\n", "3:c"]);
    check(d, "\"a\r\nb\r\n", &["1!unclosed_quote:\"a\r\n", "2:b\r\n"]);
    check(d, "\"a\r", &["1!unclosed_quote:\"a\r"]);
    check(
        d,
        "a\nb,\"c\n\nd\n",
        &["1:a\n", "2!unclosed_quote:b,\"c\n", "4:d\n", "+1"],
    );
    check(
        d,
        "\"a\nb,\"c,\"\nd\n",
        &["1!unclosed_quote:\"a\n", "2:b,\"c,\"\n", "3:d\n"],
    );
    check(
        &commented(),
        "\"a\n#b\nc\n",
        &["1!unclosed_quote:\"a\n", "3:c\n", "+1"],
    );
}

#[test]
fn every_restart_within_a_run_of_broken_records() {
    for tail in ["", "x", "\"\n", "\",\n1\n2"] {
        let input = "a\",\"\n".repeat(20) + tail;
        for max_record_bytes in 8..40 {
            let limits = FrameLimits {
                max_record_bytes,
                ..LIMITS
            };
            hold_for(&plain(), limits, input.as_bytes());
        }
    }
}

#[test]
fn blocks_keep_their_limits() {
    let row = "0123456,89\n";
    let input = format!("{}{}\n{}", row.repeat(20), "x".repeat(90), row.repeat(20));
    let limits = FrameLimits {
        max_record_bytes: 100,
        max_block_records: 5,
        max_block_bytes: 40,
    };
    let framer = Box::new(CsvFramer::new(&plain(), Position::START, limits));
    let blocks = law::frame(framer, Position::START, input.as_bytes(), 1000);
    for block in &blocks {
        assert!(block.frames.len() <= 3, "as many rows as fit into 40 bytes");
        assert!(block.bytes.len() <= 40 || block.frames.len() == 1);
    }
    assert_eq!(
        blocks.iter().map(|block| block.frames.len()).sum::<usize>(),
        41
    );
}

/// Frames `chunk` again and again, as often as `times` says, and returns the blocks; the buffer stays small.
fn stream(
    framer: &mut CsvFramer,
    start: &str,
    chunk: &[u8],
    times: usize,
    end: &str,
) -> Vec<Block> {
    let mut blocks = Vec::new();
    framer.buffer().extend_from_slice(start.as_bytes());
    for _ in 0..times {
        framer.buffer().extend_from_slice(chunk);
        while let Some(block) = framer.next_block(false).unwrap() {
            blocks.push(block);
        }
        assert!(framer.buffer().len() <= LIMITS.max_record_bytes + 1);
        assert!(framer.buffer().capacity() <= 4 * (LIMITS.max_record_bytes + chunk.len()));
    }
    framer.buffer().extend_from_slice(end.as_bytes());
    while let Some(block) = framer.next_block(true).unwrap() {
        blocks.push(block);
    }
    blocks
}

#[test]
fn what_never_ends_costs_no_memory() {
    let chunk = [b'x'; 4096];
    let cases = [
        ("", "\na", Some(TOO_LARGE), MAX_RAW_BYTES),
        ("\"", "\na", Some(UNCLOSED_QUOTE), MAX_RAW_BYTES),
        ("#", "\na", None, 0),
    ];
    for (start, end, code, raw) in cases {
        let mut framer = CsvFramer::new(&commented(), Position::START, LIMITS);
        let blocks = stream(&mut framer, start, &chunk, 1000, end);
        let first = &blocks[0];
        let len = (start.len() + 1000 * chunk.len() + 1) as u64;
        assert_eq!((first.end.line, first.end.offset), (2, len));
        assert_eq!(first.bytes.len(), raw);
        assert_eq!(first.frames.first().and_then(|frame| frame.broken), code);
        assert_eq!(first.skipped(), u64::from(code.is_none()));
        assert_eq!(blocks[1].text(0), b"a");
        assert!(framer.scanned_bytes() <= MAX_SCANS_PER_BYTE * blocks[1].end.offset);
    }
}

#[test]
fn resynchronisation_is_linear() {
    let patterns = [
        "a\",\"\n",
        "\"\n",
        "\n\"",
        "x,\"\n",
        "\"a\n\"\"\nb\",\"\n",
        "a,\"b\n\",\"\n\"\"\"\n",
        "\"a\",\"b\"\n\"c\",\"d\n",
    ];
    let mut inputs: Vec<String> = patterns
        .iter()
        .map(|p| p.repeat((1 << 20) / p.len()))
        .collect();
    inputs.push(format!("\"{}", "a,b\n".repeat(1 << 18)));
    inputs.push(format!("\"{}", "a\n".repeat(1 << 19)));
    inputs.push(format!("\"{}\"", "\"\"\n".repeat(1 << 18)));
    for input in inputs {
        for max_record_bytes in [1 << 10, 1 << 16, 1 << 22] {
            let limits = FrameLimits {
                max_record_bytes,
                ..FrameLimits::default()
            };
            let mut framer = CsvFramer::new(&plain(), Position::START, limits);
            for chunk in input.as_bytes().chunks(100_000) {
                framer.buffer().extend_from_slice(chunk);
                while framer.next_block(false).unwrap().is_some() {}
                assert!(framer.buffer().len() <= max_record_bytes + 1, "what waits");
            }
            while framer.next_block(true).unwrap().is_some() {}
            let ratio = framer.scanned_bytes() as f64 / input.len() as f64;
            assert!(
                ratio <= MAX_SCANS_PER_BYTE as f64,
                "{ratio} of {:?}",
                &input[..12]
            );
        }
    }
}

/// The blocks, read by csv-async as a parser does, give exactly the frames.
#[tokio::test]
async fn csv_async_finds_the_frames() {
    let input = "a,\"b\nc\"\r\n\n\"\"\"\",d\re,f\"g\n\n\n,\n\"h\"i,j";
    let framer = Box::new(CsvFramer::new(&plain(), Position::START, LIMITS));
    for block in law::frame(framer, Position::START, input.as_bytes(), 7) {
        let mut reader = csv_async::AsyncReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .create_reader(&block.bytes[..]);
        let mut record = csv_async::ByteRecord::new();
        for index in 0..block.frames.len() {
            assert!(reader.read_byte_record(&mut record).await.unwrap());
            let mut alone = csv_async::AsyncReaderBuilder::new()
                .has_headers(false)
                .create_reader(block.raw(index));
            let mut expected = csv_async::ByteRecord::new();
            assert!(alone.read_byte_record(&mut expected).await.unwrap());
            assert_eq!(record, expected);
        }
        assert!(!reader.read_byte_record(&mut record).await.unwrap());
    }
}

#[test]
fn no_limit_stops_framing() {
    for limit in [0, usize::MAX] {
        let limits = FrameLimits {
            max_record_bytes: limit,
            max_block_records: limit,
            max_block_bytes: limit,
        };
        let mut framer = CsvFramer::new(&plain(), Position::START, limits);
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
        "/../tests/fuzz/corpus/frame_csv"
    );
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        hold_for_any(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 0, "there is a corpus in {folder}");
}

/// Bytes dense in those that matter.
fn dense() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(b'"'), 3 => Just(b','), 3 => Just(b'\n'), 2 => Just(b'\r'),
        1 => Just(b'#'), 1 => Just(b'\\'), 1 => Just(b';'), 1 => Just(b'\''), 4 => Just(b'a'),
    ];
    prop::collection::vec(byte, 0..120)
}

proptest! {
    #[test]
    fn the_laws_hold_for_dense_bytes(limit in any::<u8>(), kind in any::<u8>(), input in dense()) {
        hold_for_any(&[vec![limit, kind], input].concat());
    }

    #[test]
    fn the_laws_hold_without_small_limits(kind in any::<u8>(), input in dense()) {
        hold_for_any(&[vec![255, kind], input].concat());
    }

    #[test]
    fn the_laws_hold_for_any_bytes(input in prop::collection::vec(any::<u8>(), 0..200)) {
        hold_for_any(&input);
    }
}
