//! One-line documents, each multiplied by every law; malformed ones; random ones; memory.

mod malformed;

use super::laws::{hold_for, hold_for_any};
use super::*;
use pipeline::{BLOCK_BYTES, Framer, MAX_RAW_BYTES};
use proptest::prelude::*;

const LIMITS: FrameLimits = FrameLimits {
    max_record_bytes: 1024,
    max_block_records: 1000,
    max_block_bytes: 64,
};

fn path(text: &str) -> RecordPath {
    RecordPath::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"))
}

/// `LINE:RAW` or `LINE!CODE:RAW` of each record; then, where the document is unusable, why.
fn framed(text: &str, limits: FrameLimits, input: &str) -> Vec<String> {
    let mut all = Vec::new();
    for max_block_records in [1, 2, 1000] {
        let limits = FrameLimits {
            max_block_records,
            ..limits
        };
        let (framing, fatal) = hold_for(&path(text), limits, input.as_bytes());
        let mut found: Vec<String> = framing
            .records
            .iter()
            .map(|(at, raw, broken)| {
                let code = broken.map(|code| format!("!{code}")).unwrap_or_default();
                format!("{}{code}:{}", at.line, String::from_utf8_lossy(raw))
            })
            .collect();
        found.extend(fatal);
        all.push(found);
    }
    assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    all.swap_remove(0)
}

fn check(path: &str, input: &str, expected: &[&str]) {
    assert_eq!(framed(path, LIMITS, input), expected, "{path} in {input}");
}

#[test]
fn records() {
    check("$[*]", "[]", &[]);
    check("$[*]", " [ {} ]\n", &["1:{}"]);
    check(
        "$[*]",
        "[{\"a\":[1,{}]},\n {\"b\":\"]},{\\\"\"}\n]",
        &["1:{\"a\":[1,{}]}", "2:{\"b\":\"]},{\\\"\"}"],
    );
    check(
        "$[*]",
        "[1 , null,\"a\",[2]]",
        &["1:1", "1:null", "1:\"a\"", "1:[2]"],
    );
    check(
        "$.a.b[*]",
        r#"{"x":[1,-2.5e+3,{"b":[9]}],"a":{"c":{"b":[8]},"b":[{},{}],"d":0},"e":true}"#,
        &["1:{}", "1:{}"],
    );
    check(
        "$['a\"é😀'][*]",
        r#"{"a":[0],"a\"\u00e9\ud83d\ude00":[{}],"a\"é":[1]}"#,
        &["1:{}"],
    );
    check("$.a[1][*]", r#"{"a":[[0],[{},1],[2]]}"#, &["1:{}", "1:1"]);
    check("$.a[1]", r#"{"a":[0,{},2]}"#, &["1:{}"]);
    check("$", " {\"a\":1} \n", &["1:{\"a\":1}"]);
    check("$", "7", &["1:7"]);
    check(
        "$.orders[*].items[*]",
        r#"{"orders":[{"id":1,"items":[{},{}]},{"items":[]},{"items":[1]},7]}"#,
        &["1:{}", "1:{}", "1:1"],
    );
    check(
        "$.*",
        r#"{"a":{"n":1},"b":{"n":2} , "a":3}"#,
        &["1:{\"n\":1}", "1:{\"n\":2}", "1:3"],
    );
    check(
        "$.a[*]",
        r#"{"a":{"x":1,"y":"\"},"}}"#,
        &["1:1", "1:\"\\\"},\""],
    );
}

#[test]
fn a_path_that_leads_nowhere_gives_no_records() {
    for input in [
        "",
        " \n",
        "{}",
        "[]",
        "7",
        "{\"a\":[]}",
        "{\"a\":7}",
        "{\"a\":{}}",
        "{\"b\":[1]}",
        "[[1]]",
    ] {
        check("$.a[*]", input, &[]);
    }
    check("$[1]", "[0]", &[]);
    check("$[0][*]", "{\"0\":[1]}", &[]);
}

#[test]
fn a_broken_record_is_its_own_affair_while_its_brackets_balance() {
    check(
        "$[*]",
        "[{\"a\":nul},tru e,{\"a\" 1}, {\"b\":\"\u{1}\n\"} {},-, \"\\q\", {\"a\":1,}]",
        &[
            "1:{\"a\":nul}",
            "1:tru e",
            "1:{\"a\" 1}",
            "1:{\"b\":\"\u{1}\n\"} {}",
            "2:-",
            "2:\"\\q\"",
            "2:{\"a\":1,}",
        ],
    );
    check("$.*", "{\"a\":x y,\"b\":{]}", &["1:x y", "1:{]"]);
    check("$", "{} {} ]", &["1:{} {} ]"]);
}

#[test]
fn depth() {
    let nested = |levels: usize| {
        format!(
            "{{\"x\":{}{},\"a\":[{{}}]}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let most = crate::json::MAX_DEPTH_LEVELS;
    check("$.a[*]", &nested(most - 1), &["1:{}"]);
    let found = framed("$.a[*]", LIMITS, &nested(most));
    assert_eq!(
        found,
        [format!(
            "the JSON document is malformed on line 1, byte {}: more than 100 objects and arrays inside each other (json_depth)",
            most + 4
        )]
    );
    // The parser judges the depth of a record.
    let deep = format!("[{}1{}]", "[".repeat(5000), "]".repeat(5000));
    let limits = FrameLimits {
        max_record_bytes: 20_000,
        ..LIMITS
    };
    let mut framer = JsonFramer::new(&path("$[*]"), Position::START, limits);
    framer.buffer().extend_from_slice(deep.as_bytes());
    let block = framer.next_block(true).unwrap().unwrap();
    assert_eq!(block.raw(0).len(), 10_001);
}

#[test]
fn over_the_limit() {
    let limits = FrameLimits {
        max_record_bytes: 4,
        ..LIMITS
    };
    let check = |path: &str, input: &str, expected: &[&str]| {
        assert_eq!(framed(path, limits, input), expected, "{path} in {input}");
    };
    check(
        "$[*]",
        "[1234,12345,1]",
        &["1:1234", "1!record_too_large:12345", "1:1"],
    );
    check(
        "$[*]",
        "[\"12\",\"1\\\"\"\n]",
        &["1:\"12\"", "1!record_too_large:\"1\\\"\""],
    );
    check("$[*]", "[1234          \n   ,{}]", &["1:1234", "2:{}"]);
    check(
        "$[*]",
        "[1234          \n   5,{}]",
        &["1!record_too_large:1234          \n   5", "2:{}"],
    );
    check(
        "$.*",
        "{\"a\":12345,\"b\":{}}",
        &["1!record_too_large:12345", "1:{}"],
    );
    check("$", "12345 ", &["1!record_too_large:12345"]);
}

/// Code, length and line of each record that is framed now.
type Shown = Vec<(Option<&'static str>, usize, u64)>;

fn take(framer: &mut JsonFramer, at_end: bool, found: &mut Shown) {
    while let Some(block) = framer.next_block(at_end).unwrap() {
        let frames = block.frames.iter().zip(0..);
        found.extend(
            frames.map(|(frame, index)| (frame.broken, block.raw(index).len(), frame.line)),
        );
    }
}

/// Checks the buffer's length and capacity while `piece` comes again and again.
fn feed(framer: &mut JsonFramer, piece: &[u8], times: usize, found: &mut Shown) {
    for _ in 0..times {
        framer.buffer().extend_from_slice(piece);
        take(framer, false, found);
        assert!(
            framer.buffer().len() <= 4096 + piece.len(),
            "{}",
            framer.buffer().len()
        );
        assert!(framer.buffer().capacity() <= BLOCK_BYTES);
    }
}

#[test]
fn nothing_that_never_ends_costs_memory() {
    let limits = FrameLimits {
        max_record_bytes: 4096,
        ..FrameLimits::default()
    };
    let (mut framer, piece) = (
        JsonFramer::new(&path("$.a.*"), Position::START, limits),
        [b'x'; 4096],
    );
    let mut found = Vec::new();
    framer.buffer().extend_from_slice(b"{\"");
    feed(&mut framer, &piece, 100, &mut found);
    framer.buffer().extend_from_slice(b"\":\"");
    feed(&mut framer, &piece, 100, &mut found);
    framer.buffer().extend_from_slice(b"\",\"b\":1");
    feed(&mut framer, &[b'0'; 4096], 100, &mut found);
    feed(&mut framer, &[b'\n'; 4096], 100, &mut found);
    framer.buffer().extend_from_slice(b",\"a\":{\"x\":{}");
    feed(&mut framer, &[b' '; 4096], 100, &mut found);
    framer.buffer().extend_from_slice(b",\"y\":\"");
    feed(&mut framer, &piece, 100, &mut found);
    framer.buffer().extend_from_slice(b"\",\"z\":3}");
    feed(&mut framer, &[b' '; 4096], 1, &mut found);
    framer.buffer().extend_from_slice(b"}");
    take(&mut framer, true, &mut found);
    let lines = 1 + 100 * 4096;
    assert_eq!(
        found,
        [
            (None, 2, lines),
            (Some(document::TOO_LARGE), MAX_RAW_BYTES, lines),
            (None, 1, lines)
        ]
    );
}

#[test]
fn one_record_is_found_at_its_place() {
    for (text, input, offset, raw) in [
        ("$[*]", "[1, {\"a\":[2]} ,3]", 4, "{\"a\":[2]}"),
        ("$.a.*", "{\"a\":{\"x\": 7}}", 11, "7"),
        ("$.a[*].b", "{\"a\":[{\"b\":\"x\"}]}", 11, "\"x\""),
        ("$", " {} ", 1, "{}"),
    ] {
        let at = Position {
            ordinal: 5,
            line: 3,
            offset,
        };
        let mut framer = JsonFramer::of_one(&path(text), at, LIMITS);
        framer
            .buffer()
            .extend_from_slice(&input.as_bytes()[offset as usize..]);
        let block = framer.next_block(true).unwrap().unwrap();
        assert_eq!(
            (block.raw(0), block.position(0)),
            (raw.as_bytes(), at),
            "{input}"
        );
        assert!(framer.next_block(true).unwrap().is_none());
    }
}

#[test]
fn other_records_before_the_place_to_go_on_are_found_out() {
    let path = path("$[*].a[*]");
    let whole = b"[{\"a\":[1,2,3]}]";
    let limits = FrameLimits {
        max_block_records: 1,
        ..LIMITS
    };
    let mut framer = JsonFramer::new(&path, Position::START, limits);
    framer.buffer().extend_from_slice(whole);
    framer.next_block(true).unwrap();
    let end = framer.next_block(true).unwrap().unwrap().end;
    for other in [&b"[{\"a\":[123,3]}]"[..], b"[]"] {
        let mut framer = JsonFramer::new(&path, end, limits);
        framer.buffer().extend_from_slice(other);
        assert_eq!(framer.next_block(true).unwrap_err().code, "source_changed");
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
        let mut framer = JsonFramer::new(&path("$[*]"), Position::START, limits);
        framer.buffer().extend_from_slice(b"[1,2]");
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
        "/../tests/fuzz/corpus/frame_json"
    );
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        hold_for_any(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 0, "there is a corpus in {folder}");
}

/// What random documents are made of.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"\\ud83d",
    b"\\u0061",
    b"0",
    b"1",
    b"-1.5e3",
    b"true",
    b"null",
    b" ",
    b"\n",
    b"a",
    b"\xc3",
    b"\xa9",
    b"\x1f",
    b"{\"a\":[",
    b"\"b\":1",
    b"\"a\":",
    b"[{},",
    b"}]",
];

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        "[a\"\\\\é😀 ]{0,4}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::hash_map("[ab]", inner, 0..3)
                .prop_map(|all| serde_json::Value::Object(all.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_laws_hold_for_documents(head in any::<[u8; 2]>(), value in any_json(), pretty: bool) {
        let text = match pretty {
            true => serde_json::to_string_pretty(&value).unwrap(),
            false => value.to_string(),
        };
        hold_for_any(&[&head[..], text.as_bytes()].concat());
    }

    #[test]
    fn the_laws_hold_for_what_is_nearly_one(
        head in any::<[u8; 2]>(),
        input in prop::collection::vec(prop::sample::select(PIECES), 0..24),
    ) {
        hold_for_any(&[&head[..], &input.concat()].concat());
    }

    #[test]
    fn the_laws_hold_for_any_bytes(input in prop::collection::vec(any::<u8>(), 0..200)) {
        hold_for_any(&input);
    }
}
