//! Documents that are no JSON around their records: where it is told, and that the records before are there.

use super::*;

#[test]
fn what_is_malformed_around_records_is_told_behind_those_before() {
    let at = |line: u64, byte: u64, what: &str| {
        format!("the JSON document is malformed on line {line}, byte {byte}: {what}")
    };
    let syntax = |line, byte, what: &str| at(line, byte, what) + " (json_syntax)";
    for (text, input, records, expected) in [
        (
            "$[*]",
            "[{},{}] x",
            2,
            syntax(1, 8, "expected the end of the document, found `x`"),
        ),
        (
            "$[*]",
            "[{}]\n[{}]",
            1,
            syntax(2, 5, "expected the end of the document, found `[`"),
        ),
        (
            "$[*]",
            "{}\n{}",
            0,
            syntax(2, 3, "expected the end of the document, found `{`"),
        ),
        (
            "$[*]",
            "[{},]",
            1,
            syntax(1, 4, "expected a value, found `]`"),
        ),
        (
            "$[*]",
            "[,{}]",
            0,
            syntax(1, 1, "expected a value, found `,`"),
        ),
        (
            "$[*]",
            "[{},{}}",
            1,
            syntax(1, 6, "expected `,` or `]`, found `}`"),
        ),
        (
            "$.a[*]",
            "{\"a\":[{}],}",
            1,
            syntax(1, 10, "expected a name in quotes, found `}`"),
        ),
        (
            "$.a[*]",
            "{\"x\" 1}",
            0,
            syntax(1, 5, "expected `:`, found `1`"),
        ),
        (
            "$.a[*]",
            "{\"x\":1 2}",
            0,
            syntax(1, 7, "expected `,` or `}`, found `2`"),
        ),
        (
            "$.a[*]",
            "{\"x\":tru}",
            0,
            syntax(1, 8, "expected `true`, found `}`"),
        ),
        (
            "$.a[*]",
            "{\"x\":01}",
            0,
            syntax(1, 6, "expected `,` or `}`, found `1`"),
        ),
        (
            "$.a[*]",
            "{\"x\":-}",
            0,
            syntax(1, 6, "expected a digit, found `}`"),
        ),
        (
            "$.a[*]",
            "{\"x\":1.}",
            0,
            syntax(1, 7, "expected a digit, found `}`"),
        ),
        (
            "$.a[*]",
            "{\"x\":\"\\x\"}",
            0,
            syntax(1, 7, "expected one of `\"\\/bfnrtu` behind `\\`, found `x`"),
        ),
        (
            "$.a[*]",
            "{\"x\":\"\\u12g4\"}",
            0,
            syntax(
                1,
                10,
                "expected four hexadecimal digits behind `\\u`, found `g`",
            ),
        ),
        (
            "$.a[*]",
            "{\"x\":\"a\nb\"}",
            0,
            syntax(1, 7, "a control character in a string must be escaped"),
        ),
        (
            "$.a[*]",
            "{\"x\":NaN}",
            0,
            syntax(1, 5, "expected a value, found `N`"),
        ),
        (
            "$.a[*]",
            "{\"x\":+1}",
            0,
            syntax(1, 5, "expected a value, found `+`"),
        ),
        (
            "$.a[*]",
            "{\"x\":\u{feff}}",
            0,
            syntax(1, 5, "expected a value, found the byte 0xEF"),
        ),
        (
            "$.*",
            "{\"a\":{},\"b\":{},x}",
            1,
            syntax(1, 15, "expected a name in quotes, found `x`"),
        ),
        (
            "$.a[*]",
            "{\"a\":[1],\"a\":[2]}",
            1,
            at(
                1,
                11,
                "the name \"a\", on the way to the records, stands twice in one object (duplicate_key)",
            ),
        ),
        (
            "$[*].a[*]",
            "[{\"a\":[1],\n\"\\u0061\":[2]}]",
            1,
            at(
                2,
                18,
                "the name \"a\", on the way to the records, stands twice in one object (duplicate_key)",
            ),
        ),
        (
            "$[*]",
            "[{}",
            0,
            "the JSON document ends on line 1, byte 3, inside record 1 (truncated)".into(),
        ),
        (
            "$[*]",
            "[{},\n{\"a\":\"",
            1,
            "the JSON document ends on line 2, byte 11, inside record 2 (truncated)".into(),
        ),
        (
            "$[*]",
            "[{},",
            1,
            at(1, 4, "the input ends before the document does (truncated)"),
        ),
        (
            "$.a[*]",
            "{\"a\":[{}]",
            1,
            at(1, 9, "the input ends before the document does (truncated)"),
        ),
        (
            "$.a[*]",
            "{\"x\":tru",
            0,
            at(1, 8, "the input ends before the document does (truncated)"),
        ),
        (
            "$.a[*]",
            "{\"x\":\"\\ud83d",
            0,
            at(1, 12, "the input ends before the document does (truncated)"),
        ),
        (
            "$.a[*]",
            "-",
            0,
            at(1, 1, "the input ends before the document does (truncated)"),
        ),
    ] {
        let mut found = framed(text, LIMITS, input);
        assert_eq!(
            (found.pop(), found.len()),
            (Some(expected), records),
            "{text} in {input}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_their_records_or_fail_the_document() {
    let input = b"{\"x\":\"\xc3\xa9\",\"a\":[\"\xff\",{}]}";
    let (framing, fatal) = hold_for(&path("$.a[*]"), LIMITS, input);
    assert_eq!((framing.records.len(), fatal), (2, None));
    for (input, at) in [
        (&b"{\"x\":\"ab\xff\"}"[..], 8),
        (b"{\"\xc3\":1}", 2),
        (b"[\"\xc3", 2),
    ] {
        let (_, fatal) = hold_for(&path("$.a[*]"), LIMITS, input);
        let expected = format!(
            "the JSON document is malformed on line 1, byte {at}: a name or text outside of the records is not UTF-8 (encoding)"
        );
        assert_eq!(fatal, Some(expected), "{input:?}");
    }
}
