//! Tests of kinds in every format: the laws of the framer that tells them around each framer, and the limit of what is
//! carried.

use super::{Mark, Recogniser};
use crate::frame::csv::{CsvDialect, CsvFramer};
use crate::frame::json::{JsonFramer, RecordPath};
use crate::frame::kinds::Recognise;
use crate::frame::kinds::laws::{Around, hold_for};
use crate::frame::lines::LinesFramer;
use crate::frame::xml::{self, XmlFramer};
use crate::step::bind::Path;
use crate::unpack::Encoding;
use pipeline::law::Framing;
use pipeline::{FrameLimits, Framer, Position};
use proptest::prelude::*;

const LIMITS: FrameLimits = FrameLimits {
    max_record_bytes: 40,
    max_block_records: 3,
    max_block_bytes: 64,
};
/// The first kind carries, the second does not, the third does.
const CARRIES: [bool; 3] = [true, false, true];

fn texts(marks: [&str; 3]) -> Vec<Mark> {
    marks.map(|mark| Mark::text(mark).unwrap()).to_vec()
}

fn around(
    inside: &dyn Fn(Position) -> Box<dyn Framer>,
    fed_from: &dyn Fn(Position) -> u64,
    marks: &[Mark],
    input: &[u8],
) -> (Framing, Option<String>) {
    let recognise = || -> Box<dyn Recognise> {
        Box::new(Recogniser::new(marks.to_vec(), 1, Default::default()))
    };
    let around = Around {
        inside,
        fed_from,
        recognise: &recognise,
        carries: &CARRIES,
    };
    hold_for(&around, input)
}

fn lines(limits: FrameLimits, input: &[u8]) -> (Framing, Option<String>) {
    let inside = |at| Box::new(LinesFramer::new(at, limits)) as Box<dyn Framer>;
    around(&inside, &|at| at.offset, &texts(["^H", "^D", "^B"]), input)
}

fn csv(input: &[u8]) -> (Framing, Option<String>) {
    let dialect = CsvDialect::default();
    let inside = |at| Box::new(CsvFramer::new(&dialect, at, LIMITS)) as Box<dyn Framer>;
    around(&inside, &|at| at.offset, &texts(["^H", "^D", "^B"]), input)
}

fn json(path: &str, input: &[u8]) -> (Framing, Option<String>) {
    let path = RecordPath::parse(path).unwrap();
    let inside = |at| Box::new(JsonFramer::new(&path, at, LIMITS)) as Box<dyn Framer>;
    let place = |text: &str| Mark::Place(Path::parse(text).unwrap());
    let marks = [place("$.h"), place("$.d.a"), place("b")];
    around(
        &inside,
        &|at| JsonFramer::fed_from(&path, at),
        &marks,
        input,
    )
}

fn xml(input: &[u8]) -> (Framing, Option<String>) {
    let path = xml::laws::path_of("/a/*");
    let encoding = Encoding::default();
    let inside = |at| Box::new(XmlFramer::new(&path, encoding, at, LIMITS)) as Box<dyn Framer>;
    let element = |name: &str| Mark::Element(xml::Step::Name(name.into()));
    let marks = [element("h"), element("d"), element("b")];
    around(&inside, &|_| 0, &marks, input)
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
    let check = |found: &(Framing, Option<String>), expected: (&str, &str)| {
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
}
