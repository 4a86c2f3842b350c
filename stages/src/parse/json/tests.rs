//! What the JSON parser makes of every form of text, good and broken.

use super::laws::shown;
use super::*;
use crate::frame::lines::LinesFramer;
use crate::json::MAX_DEPTH_LEVELS;
use bytes::Bytes;
use pipeline::law::same_outcomes;
use pipeline::{Bind, Chain, Encode, Frame, FrameLimits, Framer, Position, Reader, Rear, Verdict};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::HashSet;

/// The lines of `input` as a block; lines that begin with `!` are broken records.
fn block(input: &[u8]) -> Block {
    let mut frames: Vec<Frame> = Vec::new();
    let mut start = 0;
    for line in input.split_inclusive(|&byte| byte == b'\n') {
        frames.push(Frame {
            start: start as u32,
            end: (start + line.len()) as u32,
            line: frames.len() as u64 + 1,
            offset: start as u64,
            skipped: 0,
            kind: 0,
            carries: false,
            broken: line.starts_with(b"!").then_some("record_too_large"),
        });
        start += line.len();
    }
    let end = Position {
        ordinal: frames.len() as u64,
        line: frames.len() as u64 + 1,
        offset: input.len() as u64,
    };
    Block {
        bytes: Bytes::copy_from_slice(input),
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

fn parsed(input: &[u8]) -> Vec<Result<String, (String, String)>> {
    let mut all = Vec::new();
    JsonParser
        .parse(&block(input), &mut |_, row| {
            all.push(match row {
                Ok(tree) => Ok(shown(tree.root().unwrap())),
                Err(problem) => Err((problem.code.into_owned(), problem.message)),
            });
        })
        .unwrap();
    all
}

fn one(line: &[u8]) -> Result<String, (String, String)> {
    parsed(line).pop().unwrap()
}

fn good(line: &str, expected: &str) {
    assert_eq!(one(line.as_bytes()), Ok(expected.to_owned()), "{line}");
}

fn bad(line: &[u8], code: &str, message: &str) {
    let expected = Err((code.to_owned(), message.to_owned()));
    assert_eq!(one(line), expected, "{}", String::from_utf8_lossy(line));
}

fn same(line: &str) {
    good(line, line);
}

#[test]
fn objects_are_read_as_they_are_written() {
    same("{}");
    same(r#"{"a":1,"b":[true,false,null,{"c":[]},[[]]],"d":{"e":{}}}"#);
    good(
        " \t{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \r\n",
        r#"{"a":[1,2],"b":{}}"#,
    );
    same(r#"{"":1,"a.b":2,"$oid":"x","$where":"1","_id":{"$date":0}}"#);
    same(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#);
}

#[test]
fn numbers_keep_their_digits() {
    for number in [
        "0",
        "-0",
        "1.50",
        "1E+2",
        "1e-2",
        "0.0000000001",
        "-12.340e05",
        "123456789012345678901234567890.123456789",
        "1e999999",
    ] {
        same(&format!(r#"{{"a":{number}}}"#));
    }
}

#[test]
fn strings_are_unescaped() {
    good(r#"{"a":"\"\\\/\b\f\n\r\t"}"#, r#"{"a":"\"\\/\b\f\n\r\t"}"#);
    good(
        r#"{"\u0061\u00e9":"\u20AC\uD83D\uDE00x"}"#,
        r#"{"aé":"€😀x"}"#,
    );
    good(r#"{"a":"\u0000"}"#, r#"{"a":"\u0000"}"#);
    good(
        r#"{"a":"x\ty","b":"plain","c\n":"z\\"}"#,
        r#"{"a":"x\ty","b":"plain","c\n":"z\\"}"#,
    );
    same("{\"a\":\"\u{7f}\u{80}ÿ\u{feff}\u{fffe}😀 long enough for words of eight bytes é\"}");
    for length in 0..20 {
        same(&format!(r#"{{"{0}":"{0}\"{0}"}}"#, "é".repeat(length)));
        same(&format!(r#"{{"{0}":"{0}\n{0}"}}"#, "x".repeat(length)));
    }
}

#[test]
fn what_is_no_json_says_where_and_what_was_expected() {
    let syntax = |line: &[u8], message| bad(line, "json_syntax", message);
    syntax(
        b" \n",
        "column 2: expected a value, found the end of the record",
    );
    syntax(
        b"{",
        "column 2: expected a name in quotes, found the end of the record",
    );
    syntax(b"{a:1}", "column 2: expected a name in quotes, found `a`");
    syntax(b"{'a':1}", "column 2: expected a name in quotes, found `'`");
    syntax(br#"{"a" 1}"#, "column 6: expected `:`, found `1`");
    syntax(br#"{"a":}"#, "column 6: expected a value, found `}`");
    syntax(
        br#"{"a":1,}"#,
        "column 8: expected a name in quotes, found `}`",
    );
    syntax(
        br#"{"a":1 "b":2}"#,
        "column 8: expected `,` or `}`, found `\"`",
    );
    syntax(br#"{"a":[1,]}"#, "column 9: expected a value, found `]`");
    syntax(br#"{"a":[1}"#, "column 8: expected `,` or `]`, found `}`");
    syntax(br#"{"a":1]"#, "column 7: expected `,` or `}`, found `]`");
    syntax(
        b"{} {}",
        "column 4: expected the end of the record, found `{`",
    );
    syntax(
        b"{}x",
        "column 3: expected the end of the record, found `x`",
    );
    syntax(
        b"\xef\xbb\xbf{}",
        "column 1: expected a value, found `\u{feff}`",
    );
    syntax(br#"{"a":tru}"#, "column 9: expected `true`, found `}`");
    syntax(
        br#"{"a":nul"#,
        "column 9: expected `null`, found the end of the record",
    );
    syntax(br#"{"a":True}"#, "column 6: expected a value, found `T`");
    syntax(br#"{"a":NaN}"#, "column 6: expected a value, found `N`");
    syntax(br#"{"a":01}"#, "column 7: expected `,` or `}`, found `1`");
    syntax(br#"{"a":+1}"#, "column 6: expected a value, found `+`");
    syntax(br#"{"a":.5}"#, "column 6: expected a value, found `.`");
    syntax(br#"{"a":-}"#, "column 7: expected a digit, found `}`");
    syntax(br#"{"a":1.}"#, "column 8: expected a digit, found `}`");
    syntax(br#"{"a":1e}"#, "column 8: expected a digit, found `}`");
    syntax(br#"{"a":0x1}"#, "column 7: expected `,` or `}`, found `x`");
    syntax(
        br#"{"a":"b}"#,
        "column 9: expected `\"`, found the end of the record",
    );
    syntax(
        "{\"é😀\":x}".as_bytes(),
        "column 7: expected a value, found `x`",
    );
    syntax(
        b"{\"a\":\"\t\"}",
        "column 7: a control character in a string must be escaped",
    );
    syntax(
        b"{\"a\":\"\0\"}",
        "column 7: a control character in a string must be escaped",
    );
    syntax(b"{\"a\":\0}", "column 6: expected a value, found U+0000");
    syntax(
        br#"{"a":"\x"}"#,
        "column 8: expected one of `\"\\/bfnrtu` behind `\\`, found `x`",
    );
    syntax(
        br#"{"a":"\u12g4"}"#,
        "column 11: expected four hexadecimal digits behind `\\u`, found `g`",
    );
    for half in [
        r"\ud800",
        r"\udc00",
        r"\ud800x",
        r"\ud800\n",
        r"\ud800A",
        r"\ud800\ud800",
    ] {
        let (code, message) = one(format!(r#"{{"a":"{half}"}}"#).as_bytes()).unwrap_err();
        assert_eq!(code, "json_syntax", "{half}");
        assert!(message.starts_with("column 7: "), "{half}: {message}");
    }
}

#[test]
fn a_record_is_an_object() {
    for (line, what) in [
        ("[{}]", "an array"),
        ("\"a\"", "a string"),
        (" 12", "a number"),
        ("true", "a boolean"),
        ("null", "null"),
    ] {
        let (code, message) = one(line.as_bytes()).unwrap_err();
        assert_eq!(code, "json_not_object", "{line}");
        assert!(message.ends_with(&format!("this is {what}")), "{message}");
    }
    assert_eq!(one(b"[{]").unwrap_err().0, "json_syntax");
}

#[test]
fn a_name_stands_once_in_an_object() {
    bad(
        br#"{"a":1,"b":2,"a":3}"#,
        "duplicate_key",
        "column 14: the name \"a\" stands twice in one object",
    );
    bad(
        br#"{"a":1,"\u0061":3}"#,
        "duplicate_key",
        "column 8: the name \"a\" stands twice in one object",
    );
    bad(
        br#"{"x":[{"":1,"":3}]}"#,
        "duplicate_key",
        "column 13: the name \"\" stands twice in one object",
    );
    bad(
        br#"{"\u0000a":1}"#,
        "nul_in_name",
        "column 2: the name \"\\0a\" holds the character NUL",
    );
    let names = |count: usize| {
        (0..count)
            .map(|n| format!("\"name {n}\":{n}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    for count in [23, 24, 25, 26, 100_000] {
        same(&format!("{{{}}}", names(count)));
        let line = format!(
            "{{{0},\"name 7\":1,\"name 3\":2,\"name 7\":3}}",
            names(count)
        );
        let column = names(count).chars().count() + 3;
        let message = format!("column {column}: the name \"name 7\" stands twice in one object");
        bad(line.as_bytes(), "duplicate_key", &message);
    }
}

#[test]
fn values_have_a_limit() {
    let line = |count: usize| format!("{{\"a\":[{}]}}", vec!["1"; count].join(","));
    // The record and the list are two of them.
    assert!(laws::parsed(line(1024 * 1024 - 1).as_bytes()).is_ok());
    let problem = laws::parsed(line(1024 * 1024 + 1).as_bytes()).unwrap_err();
    assert_eq!(problem.code, "record_too_large");
    assert!(problem.message.contains("1048576 values"), "{problem:?}");
}

#[test]
fn depth_has_a_limit() {
    let nested = |depth: usize| {
        format!(
            "{{\"a\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    same(&nested(MAX_DEPTH_LEVELS));
    let message = "column 105: more than 100 objects and arrays inside each other";
    bad(
        nested(MAX_DEPTH_LEVELS + 1).as_bytes(),
        "json_depth",
        message,
    );
    bad(nested(100_000).as_bytes(), "json_depth", message);
    bad(
        "{\"a\":".repeat(100_000).as_bytes(),
        "json_depth",
        "column 501: more than 100 objects and arrays inside each other",
    );
}

#[test]
fn bytes_that_are_no_text_are_a_problem_of_that_record() {
    let found =
        parsed(b"{\"a\":1}\n{\"\xc3\xa9\":\"\xff\"}\n!\xc3\n{\"a\":\"\xc3\xa9\"}\r\n{\"\xc3");
    assert_eq!(
        found,
        [
            Ok("{\"a\":1}".into()),
            Err((
                "encoding".into(),
                "column 7: not UTF-8 from byte 8 of the record on".into()
            )),
            Ok("{\"a\":\"é\"}".into()),
            Err((
                "encoding".into(),
                "column 3: not UTF-8 from byte 3 of the record on".into()
            )),
        ]
    );
}

#[test]
fn a_bad_record_leaves_nothing_to_the_next() {
    let found = parsed(b"{\"a\":{\"b\":[\n{\"b\":2}\n{\"c\":1,\"c\":\n{\"c\":3}");
    let found: Vec<_> = found
        .into_iter()
        .map(|r| r.map_err(|(code, _)| code))
        .collect();
    let syntax = || Err("json_syntax".to_owned());
    assert_eq!(
        found,
        [
            syntax(),
            Ok("{\"b\":2}".into()),
            syntax(),
            Ok("{\"c\":3}".into())
        ]
    );
}

#[test]
fn every_beginning_of_a_record_is_a_syntax_error() {
    let line = r#"{"a\u00e9\ud83d\ude00":[1.5e+3,-0,"x\n",true,null,{"b":{},"c":[]}],"d":false}"#;
    good(
        line,
        r#"{"aé😀":[1.5e+3,-0,"x\n",true,null,{"b":{},"c":[]}],"d":false}"#,
    );
    for end in 0..line.len() {
        let block = &line.as_bytes()[..end];
        let mut codes = HashSet::new();
        let block = Block {
            frames: vec![Frame {
                start: 0,
                end: end as u32,
                line: 1,
                offset: 0,
                skipped: 0,
                kind: 0,
                carries: false,
                broken: None,
            }],
            ..self::block(block)
        };
        JsonParser
            .parse(&block, &mut |_, row| {
                codes.insert(row.map(|_| ()).unwrap_err().code.into_owned());
            })
            .unwrap();
        assert_eq!(
            codes,
            HashSet::from(["json_syntax".to_owned()]),
            "{}",
            &line[..end]
        );
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~\\n\\t\"\\\\é€😀]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            any_object(inner, 6),
        ]
    })
}

fn any_object(inner: impl Strategy<Value = Value>, most: usize) -> impl Strategy<Value = Value> {
    let name = "[a-e$._\"\\\\é😀]{0,5}";
    prop::collection::hash_map(name, inner, 0..most)
        .prop_map(|all| Value::Object(all.into_iter().collect()))
}

/// What random records are made of.
const PIECES: &[&[u8]] = &[
    b"{", b"}", b"[", b"]", b"\"", b":", b",", b"\\", b"u", b"\\ud83d", b"\\ude00", b"\\u0041",
    b"0", b"1", b"-", b"+", b".", b"e", b"true", b"null", b" ", b"\t", b"a", b"\xc3", b"\xa9",
    b"\x1f", b"{\"a\":", b"\"b\":1", b"}]",
];

#[test]
fn the_corpus_of_the_fuzz_target() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fuzz/corpus/parse_json"
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
    fn what_serde_json_prints_is_read_back(value in any_object(any_json(), 30), pretty: bool) {
        let line = match pretty {
            true => serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r"),
            false => value.to_string(),
        };
        let found = one(line.as_bytes()).map_err(|problem| TestCaseError::fail(format!("{problem:?}")))?;
        prop_assert_eq!(found, value.to_string());
    }

    #[test]
    fn what_serde_json_refuses_is_refused(line in prop::collection::vec(prop::sample::select(PIECES), 0..12), wrapped: bool) {
        let mut line = line.concat();
        if wrapped {
            line = [&b"{\"x\":"[..], &line, b"}"].concat();
        }
        if !line.is_empty() {
            laws::hold_for_any(&line);
        }
    }
}

/// Binds to the tree as it is shown, and writes it.
struct Shown;

impl Bind<Tree, String> for Shown {
    fn bind(&self, row: &mut Tree, record: &mut String) -> Verdict {
        *record = row.root().map(shown).unwrap_or_default();
        Verdict::Keep
    }
}

impl Encode<String> for Shown {
    fn encode(
        &self,
        _: Position,
        _: u32,
        record: &String,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        out.extend_from_slice(record.as_bytes());
        Ok(())
    }
}

#[test]
fn framer_and_parser_give_the_same_however_the_input_is_cut() {
    let input = b"{\"a\":1}\n\n[]\r\n{\"b\":\"\xff\"}\n  \n{\"b\":\"far too long for a record of so few bytes\"}\n{\"c\":[{}]}\n{\"d\"";
    let limits = FrameLimits {
        max_record_bytes: 24,
        max_block_records: 2,
        max_block_bytes: 40,
    };
    let make = |at| -> Box<dyn Framer> { Box::new(LinesFramer::new(at, limits)) };
    let reader = Reader {
        parser: Box::new(JsonParser),
        bind: Box::new(Shown),
    };
    let chain = Chain::new(reader, Rear::new(Box::new(Shown)));
    let outcomes = same_outcomes(&make, &chain, input);
    let found = outcomes.into_iter().map(|(_, outcome)| match outcome {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(codes) => codes,
    });
    let found: Vec<_> = found.collect();
    assert_eq!(
        found,
        [
            "{\"a\":1}",
            "json_not_object None",
            "encoding None",
            "record_too_large None",
            "{\"c\":[{}]}",
            "json_syntax None"
        ]
    );
}
