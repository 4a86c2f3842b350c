//! Tests of corrected records: what was added is gone, whatever the cut, and what is left is read as it always was.

use super::*;
use crate::open::{Opened, Opening, open_corrected};
use crate::plan::{Defaults, Plan};
use crate::record::{DocumentWriter, Record};
use crate::sink::Nulls;
use crate::source::memory::MemoryOrigin;
use pipeline::law::same_outcomes_fed;
use pipeline::{Accepted, Encode, FrameLimits, Framer, Position};

const JOB: &str = "0123456789abcdef01234567";

/// The place in the first input, and the document.
struct Shown(DocumentWriter);

impl Encode<Record> for Shown {
    fn encode(
        &self,
        at: Position,
        _: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        out.extend_from_slice(format!("{}: ", at.ordinal).as_bytes());
        self.0.write(None, at, record, out);
        Ok(())
    }
}

async fn opened(plan: &Plan, input: &str) -> Result<Opened, Fatal> {
    let origin = MemoryOrigin::new("a", input.as_bytes().to_vec());
    match open_corrected(plan, &origin, None, &Accepted::default()).await? {
        Opening::Ready(opened) => Ok(opened),
        Opening::Held(breach, _) => panic!("{}", breach.message),
    }
}

fn plan(text: &str) -> Plan {
    let text = format!("spec = 1\nname = 'a'\n[sink.null]\n{text}");
    Plan::read("a.toml", &text, Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// What becomes of each record: the places that good references name are ten times as far on; 9 is named by nobody.
async fn outcomes(spec: &str, input: &str) -> Vec<String> {
    let plan = plan(spec);
    let input = input.replace("J:", &format!("{JOB}:"));
    let references = opened(&plan, &input).await.unwrap();
    let references = references.references(JOB, 100).await.unwrap();
    let referred = references.iter().map(|reference| match reference {
        Named::Record(ordinal) if *ordinal != 9 => Referred::At(Position {
            ordinal: ordinal * 10,
            ..Position::START
        }),
        Named::Record(_) => Referred::Refused(Refusal::Duplicate),
        Named::Nothing(refusal) => Referred::Refused(*refusal),
    });
    let opened = opened(&plan, &input)
        .await
        .unwrap()
        .referring(referred.collect());
    let start = opened.from.books.end;
    let shown = Shown(DocumentWriter::new(&plan.schema, Nulls::Omit, None));
    let (_, convert) = opened.chain(&plan, Box::new(shown));
    let limits = FrameLimits::default();
    let rest = &input.as_bytes()[start.offset as usize..];
    let outcomes = match &plan.format {
        crate::plan::FormatPlan::Csv(dialect) => {
            let make = |at: Position| -> Box<dyn Framer> {
                Box::new(crate::frame::csv::CsvFramer::new(dialect, at, limits))
            };
            same_outcomes_fed(&make, &|at| at.offset, &*convert, rest)
        }
        crate::plan::FormatPlan::Xml(xml) => {
            let encoding = plan.input.unpack.encoding;
            let make = |at: Position| -> Box<dyn Framer> {
                Box::new(crate::frame::xml::XmlFramer::new(
                    &xml.path, encoding, at, limits,
                ))
            };
            same_outcomes_fed(&make, &|_| 0, &*convert, rest)
        }
        _ => {
            let make = |at: Position| -> Box<dyn Framer> {
                Box::new(crate::frame::lines::LinesFramer::new(at, limits))
            };
            same_outcomes_fed(&make, &|at| at.offset, &*convert, rest)
        }
    };
    let each = outcomes.into_iter().map(|(_, outcome)| match outcome {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(code) => code,
    });
    each.collect()
}

const FIELDS: &str = "[fields]\nt = {}\nn = { type = 'integer' }\n";

#[tokio::test]
async fn columns_are_found_by_their_titles_and_taken_off_with_the_marks() {
    let spec = format!("[format.csv]\n[columns]\nunknown = 'reject'\n{FIELDS}");
    let found = outcomes(
        &spec,
        "n,_code,t,_reference,_message,_field\n\
         1,type,\"'=a,b\",J:3,\"says \"\"x\"\"\",n\n\
         x,type,a,J:4,m,n\n\
         1,,a,,,\n\
         1,,a,J:10,,\n\
         1,,'',J:5,,\n\
         2,b,c,J:7,cell_count,,m,,\n",
    )
    .await;
    assert_eq!(
        found,
        [
            r#"20: {"t":"=a,b","n":1}"#,
            r#"type Some("n")"#,
            "unknown_reference None",
            "duplicate_reference None",
            r#"40: {"t":"''","n":1}"#,
            "cell_count None",
        ]
    );
    // Without a header they are the last four.
    let spec = format!("[format.csv]\nheader = {{ rows = 0 }}\ncolumns = ['t', 'n']\n{FIELDS}");
    let found = outcomes(&spec, "a,7,J:2,type,n,m\r\n,8,J:3,,,\r\n").await;
    assert_eq!(found, [r#"10: {"t":"a","n":7}"#, r#"20: {"t":"","n":8}"#]);
    let spec = "[format.csv]\n[fields]\nt = {}\n";
    let found = outcomes(
        spec,
        "t,_reference,_code,_field,_message\n,J:2,,,\n\"\",J:3,,,\n",
    )
    .await;
    assert_eq!(found[0], "no_record None");
    assert!(found[1].starts_with("20: {"), "{found:?}");
    let refused = opened(&plan(spec), "t\na\n").await.err().unwrap();
    assert_eq!(refused.code, "no_references");
}

#[tokio::test]
async fn members_are_taken_off_and_a_raw_record_is_its_text() {
    let spec = format!("[format.jsonl]\n[columns]\nunknown = 'reject'\n{FIELDS}");
    let added = |n: u64| {
        format!("\"_reference\":\"J:{n}\",\"_code\":\"c\",\"_field\":\"\",\"_message\":\"m\"}}")
    };
    let found = outcomes(
        &spec,
        &(format!(
            "{{\"n\":1,\"t\":\"\\u00e4\\n\",{}\n{{\"_raw\":\"{{\\\"n\\\": 2}}\",{}\n{{\"_raw\":\"{{\",\"n\":3,{}\n\
             {{\"n\":1e0,\"n\":1,{}\n{{\"n\":4}}\n[]\n{{{}\n{{\"_raw\":\"[1]\",{}\n",
            added(1),
            added(2),
            added(3),
            added(4),
            added(5),
            added(6)
        ) + &format!("{{\"_raw\":\"{{\\\"t\\\":\\\"\u{fffd}\\\"}}\",{}\n", added(7))),
    )
    .await;
    assert_eq!(
        found,
        [
            r#"0: {"t":"ä\n","n":1}"#,
            r#"10: {"n":2}"#,
            r#"20: {"n":3}"#,
            "duplicate_key None",
            "unknown_reference None",
            "unknown_reference None",
            "40: {}",
            "json_not_object None",
            "encoding None",
        ]
    );
}

#[tokio::test]
async fn lines_stand_behind_the_fourth_tab() {
    let spec = "[format.lines]\npattern = '(?<n>[^\\t]*)\\t?(?<t>.*)'\n[fields]\nt = {}\nn = {}\n";
    let found = outcomes(
        spec,
        "J:2\tc\t\tm\t'=1\t'\t'@b\nJ:3\tc\t\tm\t\nJ:4\tc\nx\nJ:5\t\t\t\t# no comment\r\n",
    )
    .await;
    assert_eq!(
        found,
        [
            r#"10: {"t":"\t@b","n":"=1"}"#,
            "no_record None",
            "no_record None",
            "unknown_reference None",
            r##"40: {"t":"","n":"# no comment"}"##,
        ]
    );
}

#[tokio::test]
async fn attributes_are_taken_off_by_their_namespace_and_a_raw_element_is_its_text() {
    let spec = "[format.xml]\nrecord_path = '/r/i'\n[columns]\nunknown = 'reject'\n[fields]\nt = { from = '@t' }\nn = {}\n";
    let found = outcomes(
        spec,
        "<r xmlns:s='urn:sluicegate:rejects'>\
         <i s:reference='J:2' s:code='c' t='1'\n s:message=\"&lt;\"><n>a</n></i>\
         <i t='2'/>\
         <i x:reference='J:3' xmlns:x='urn:sluicegate:rejects'/>\
         <i s:reference='J:4'><s:raw>&lt;i t=\"&amp;lt;\"/&gt;</s:raw></i>\
         <i s:reference='J:5'><s:raw> </s:raw></i>\
         <i s:reference='J:6' x='1'/></r>",
    )
    .await;
    assert_eq!(
        found,
        [
            r#"10: {"t":"1","n":"a"}"#,
            "unknown_reference None",
            "20: {}",
            r#"30: {"t":"<"}"#,
            "no_record None",
            "unknown_field Some(\"@x\")",
        ]
    );
}

#[test]
fn a_reference_says_job_and_number() {
    for (text, ordinal) in [
        ("ab:1", Some(0)),
        (" ab:7\t", Some(6)),
        ("ab:0", None),
        ("ab:", None),
        (":1", None),
        ("ab", None),
        ("x:1", None),
        ("ab:-1", None),
        ("ab:99999999999999999999", None),
    ] {
        let found = Reference::parse(text).map(|reference| reference.ordinal);
        assert_eq!(found, ordinal, "{text}");
    }
}

#[tokio::test]
async fn the_references_of_a_file_are_few_and_of_one_job() {
    let plan = plan("[format.jsonl]\n[fields]\nn = {}\n");
    let line = |job: &str, number: u64| format!("{{\"_reference\":\"{job}:{number}\"}}\n");
    let input = [line(JOB, 7), line("ab", 8), line(JOB, 7), "{}\n".into()].concat();
    let references = async |most| {
        let opened = opened(&plan, &input).await.unwrap();
        opened.references(JOB, most).await
    };
    let found = references(4).await.unwrap();
    let nothing = Named::Nothing;
    assert_eq!(
        found,
        [
            Named::Record(6),
            nothing(Refusal::OtherJob),
            Named::Record(6),
            nothing(Refusal::Missing)
        ]
    );
    let refused = references(3).await.unwrap_err();
    assert_eq!(refused.code, "too_many_references");
}

#[test]
fn a_record_that_is_bad_still_is_shown_as_one_of_the_first_file() {
    let head = |columns: &[&str]| {
        let head = crate::frame::csv::Head {
            columns: columns.iter().map(|title| (*title).to_owned()).collect(),
            end: Position::START,
            skipped: 0,
        };
        serde_json::to_string(&head).unwrap()
    };
    let fields = "[fields]\nt = {}\nn = {}\n";
    let csv = plan(&format!("[format.csv]\n{fields}"));
    let first = head(&["t", "_code", "n"]);
    let added = ["_reference_2", "_code_2", "_field_2", "_message_2"];
    let own = head(&[&["t", "_code"][..], &added, &["n"]].concat());
    let plain = Plain::of(&csv, &first, &own).unwrap();
    let record = |raw: &str| {
        let found = plain.record(raw.replace("J:", &format!("{JOB}:")).as_bytes())?;
        Some(String::from_utf8(found).unwrap())
    };
    let shown = |text: &str| Some(text.to_owned());
    assert_eq!(record("'=1,\"a,b\",J:2,c,f,m,zz"), shown("=1,\"a,b\",zz"));
    // One with too many cells.
    assert_eq!(record("1,2,J:2,c,f,m,3,4"), shown("1,2,3,4"));
    assert_eq!(record(""), None);
    assert_eq!(
        record(&format!("{},2,J:2,c,f,m,3", "1".repeat(1_024))),
        None
    );
    let moved = head(&[&["_code", "t", "n"][..], &added].concat());
    assert!(Plain::of(&csv, &first, &moved).is_none());
    assert!(Plain::of(&csv, &first, &head(&["t", "n", "_reference"])).is_none());

    for (format, raw, expected) in [
        (
            "[format.jsonl]",
            "{\"n\":1,\"_reference\":\"ab:1\",\"_message\":\"m\"}",
            "{\"n\":1}",
        ),
        (
            "[format.jsonl]",
            "{\"_raw\":\"[1\",\"_reference\":\"ab:1\"}",
            "[1",
        ),
        (
            "[format.lines]\npattern = '(?<t>.*)(?<n>.)'",
            "ab:1\tc\t\tm\t'=1\tx",
            "=1\tx",
        ),
        (
            "[format.xml]\nrecord_path = '/g:r/i'\nnamespaces = { g = ['urn:g'] }",
            "<i sluicegate:reference='ab:1' g:a='1' sluicegate:code='c'><n/></i>",
            "<i g:a='1'><n/></i>",
        ),
    ] {
        let plan = plan(&format!("{format}\n{fields}"));
        let plain = Plain::of(&plan, "", "").unwrap();
        let found = plain.record(raw.as_bytes()).map(String::from_utf8);
        assert_eq!(found, Some(Ok(expected.to_owned())), "{raw}");
    }
}
