//! Tests of kinds in every format: the laws of the framer that tells them around each framer, and the limit of what is
//! carried.

use super::laws::{Found, LIMITS, csv, hold_for_any, lines, xml};
use crate::json::RecordPath;
use pipeline::FrameLimits;
use pipeline::law::Framing;
use proptest::prelude::*;

fn json(path: &str, input: &[u8]) -> Found {
    super::laws::json(&RecordPath::parse(path).unwrap(), input)
}

/// The kinds, `?` for what is not known, and what is carried behind them.
fn kinds(found: &Framing) -> (String, String) {
    let kind = |((_, _, code), (kind, _)): (&(_, _, Option<&str>), &(u8, bool))| match code {
        Some("unknown_record") => '?',
        _ => char::from(b'0' + kind),
    };
    let carried = found.carried.iter().map(|one| match &one.raw {
        Some(raw) => String::from_utf8_lossy(raw).trim_end().to_owned(),
        None => "broken".to_owned(),
    });
    let carried: Vec<String> = carried.collect();
    let all = found.records.iter().zip(&found.kinds).map(kind).collect();
    (all, carried.join("|"))
}

#[test]
fn each_record_has_its_kind_in_every_format() {
    let check = |found: &Found, expected: (&str, &str)| {
        assert_eq!(found.1, None);
        let (all, carried) = kinds(&found.0);
        assert_eq!((&*all, &*carried), expected);
    };
    let input = b"H1\nD1\n\nB1\r\nD2\nX\nB2\nD3\n";
    check(&lines(LIMITS, input), ("0121?21", "H1|B2"));
    check(&csv(b"H,1\nD,\"a\nH\"\nB,1\nH,2"), ("0120", "H,2|B,1"));
    let found = json(
        "$[*]",
        br#"[{"h":1},{"d":{"a":1}},{"d":2},{"b":{}},{"h":null},{"b" 1}]"#,
    );
    check(&found, ("01?201", r#"{"h":null}|{"b":{}}"#));
    let found = json("$.x[*].*", br#"{"x":[{"p":{"h":1}},{"q":{"b":1}}]}"#);
    check(&found, ("02", r#"{"h":1}|{"b":1}"#));
    let document = b"<a><h x='1'/><d>1</d><!-- --><c/><g:h xmlns:g='urn:g'/><b><h/></b></a>";
    check(&xml(document), ("01??2", "<h x='1'/>|<b><h/></b>"));
}

#[test]
fn a_header_that_is_broken_off_is_not_the_one_before_it() {
    let long = format!("H1\nD1\nH{}\nD2\n", "x".repeat(60));
    let (found, fatal) = lines(LIMITS, long.as_bytes());
    assert_eq!(fatal, None);
    assert_eq!(kinds(&found), ("0101".to_owned(), "broken".to_owned()));
}

#[test]
fn what_does_not_fit_into_a_checkpoint_ends_the_job_behind_the_records_before() {
    let limits = FrameLimits {
        max_record_bytes: 1 << 20,
        ..LIMITS
    };
    let header = "x".repeat(40_000);
    let input = format!("H{header}\nD1\nH{header}\nD2\nB{header}\nD3\n");
    let (found, fatal) = lines(limits, input.as_bytes());
    assert!(fatal.unwrap().contains("context_too_large"));
    assert_eq!(kinds(&found).0, "0101");
}

proptest! {
    #[test]
    fn the_laws_hold_around_lines(input in "([HDBX][a-c]{0,3}(\r?\n){1,2}){0,12}") {
        lines(LIMITS, input.as_bytes());
    }

    #[test]
    fn the_laws_hold_around_csv(input in "[HDB,a\"\n]{0,60}") {
        csv(input.as_bytes());
    }

    #[test]
    fn the_laws_hold_around_json(
        records in proptest::collection::vec(r#"\{"[hdb]":(1|\{"a":1\}|")\}"#, 0..8),
        path in prop_oneof!["\\$\\[\\*\\]", "\\$\\[\\*\\]\\.\\*"],
    ) {
        json(&path, format!("[{}]", records.join(", ")).as_bytes());
    }

    #[test]
    fn the_laws_hold_around_xml(records in proptest::collection::vec("<[hdb]( a='[a-z]{1,40}')?/>|<h>|</h>", 0..8)) {
        xml(format!("<a>{}</a>", records.concat()).as_bytes());
    }

    #[test]
    fn the_laws_hold_for_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..80)) {
        hold_for_any(&data);
    }
}
