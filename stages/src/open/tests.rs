//! What opening makes of an input before its first record, and that what it opened runs to its end.

mod group_laws;
mod groups;
mod kinds;
mod shapes;
mod unique;

use super::*;
use crate::ledger::MemoryLedger;
use crate::plan::Defaults;
use crate::sink::null;
use crate::source::memory::MemoryOrigin;
use pipeline::End;

fn plan(text: &str) -> Plan {
    let head = "spec = 1\nname = 'a'\n[sink.null]\n";
    Plan::read("a.toml", &format!("{head}{text}"), Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

async fn opened(plan: &Plan, input: &str) -> Opened {
    let origin = MemoryOrigin::new("a.csv", input.as_bytes().to_vec());
    match open(plan, &origin, None, &Accepted::default()).await {
        Ok(Opening::Ready(opened)) => opened,
        Ok(Opening::Held(breach, _)) => panic!("held: {}", breach.message),
        Err(fatal) => panic!("{fatal}"),
    }
}

/// How a load ends: the records read, and its end or why it could not begin.
async fn check(spec: &str, input: &str, expected: &str) {
    let plan = plan(spec);
    let origin = MemoryOrigin::new("a.csv", input.as_bytes().to_vec());
    let found = match open(&plan, &origin, None, &Accepted::default()).await {
        Ok(Opening::Ready(opened)) => run(&plan, opened).await,
        Ok(Opening::Held(breach, _)) => format!("held {}", breach.cause.code()),
        Err(fatal) => format!("refused {}", fatal.code),
    };
    assert_eq!(found, expected, "{input:?} by {spec}");
}

async fn run(plan: &Plan, opened: Opened) -> String {
    let (ledger, flow) = (Arc::new(MemoryLedger::default()), plan.sink.flow.in_order());
    let report = pipeline::run(opened.job(plan, null::open(), ledger, flow)).await;
    let read = report.checkpoint.books.end.ordinal;
    match report.end {
        End::Completed(_) => format!("completed {read}"),
        End::Held(breach) => format!("held {} {read}", breach.cause.code()),
        End::Failed(fatal) => format!("failed {}", fatal.code),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn an_input_without_a_header_lacks_records_and_no_columns() {
    let fields = "[fields]\na = { required = true }\nb = { column = 2, required = true }\n";
    for header in [
        "",
        "header = { rows = 2 }\n",
        "header = { find_within = 5 }\n",
    ] {
        for columns in ["", "[columns]\nunknown = 'fail'\nmissing = 'fail_any'\n"] {
            let spec = format!("[format.csv]\n{header}{fields}{columns}");
            let none = format!("{spec}[errors]\nmin_records = 0\n");
            for input in ["", "\u{FEFF}", "\n\n"] {
                check(&spec, input, "held min_records 0").await;
                check(&none, input, "completed 0").await;
            }
        }
    }
    let spec = format!("[format.csv]\n{fields}[errors]\nmin_records = 0\n");
    check(&spec, "a,b\n", "completed 0").await;
    check(&spec, "a,b", "completed 0").await;
    check(&spec, "a,b\n1,2\n", "completed 1").await;
    check(&spec, "x,b\n", "refused column_missing").await;
    let none_is_required = "[format.csv]\n[fields]\na = {}\nb = {}\n";
    check(none_is_required, "a;b\n1;2\n", "refused column_missing").await;
    let held = format!("{none_is_required}[columns]\nunknown = 'hold'\n");
    check(&held, "a;b\n1;2\n", "refused column_missing").await;
}

#[tokio::test]
async fn what_is_not_used_comes_with_what_is_open() {
    let csv = plan("[format.csv]\n[fields]\na = {}\nposted = {}\n");
    let left_out = opened(&csv, "a,postd\n1,2\n").await.left_out;
    assert_eq!(left_out.columns, ["postd"]);
    let field = "posted (looked for \"posted\"; did you mean \"postd\"?)";
    assert_eq!(left_out.fields, [field]);
    assert_eq!(*opened(&csv, "").await.left_out, LeftOut::default());
    let jsonl = plan("[format.jsonl]\n[fields]\na = {}\nb = {}\n");
    assert_eq!(*opened(&jsonl, "{}").await.left_out, LeftOut::default());
}

#[tokio::test]
async fn what_may_be_a_value_of_a_sensitive_field_is_in_no_failure() {
    let xml = "[format.xml]\nrecord_path = '/r/i'\n[fields]\na = { SENSITIVE }\n";
    let csv = "[format.csv]\n[fields]\na = { SENSITIVE }\nb = { required = true }\n";
    let found = csv.replace("csv]", "csv]\nheader = { find_within = 5 }");
    for (spec, input) in [
        (xml, "<r><i><a>1</a></i>&Secret;</r>"),
        (csv, "Secret,x\n1,2\n"),
        (&*found, "Secret,x\n1,2\n"),
    ] {
        for (word, is_said) in [("sensitive = true", false), ("", true)] {
            let plan = plan(&spec.replace("SENSITIVE", word));
            let origin = MemoryOrigin::new("a", input.as_bytes().to_vec());
            let fatal = match open(&plan, &origin, None, &Accepted::default()).await {
                Err(fatal) => fatal,
                Ok(Opening::Held(breach, _)) => panic!("held: {}", breach.message),
                Ok(Opening::Ready(opened)) => {
                    let flow = plan.sink.flow.in_order();
                    let ledger = Arc::new(MemoryLedger::default());
                    match pipeline::run(opened.job(&plan, null::open(), ledger, flow))
                        .await
                        .end
                    {
                        End::Failed(fatal) => fatal,
                        other => panic!("{other:?}"),
                    }
                }
            };
            assert_eq!(
                format!("{fatal:?}").contains("Secret"),
                is_said,
                "{fatal:?}"
            );
        }
    }
}

#[tokio::test]
async fn fields_that_no_record_has_are_known_at_the_end() {
    async fn check(spec: &str, input: &str, expected: &[&str]) {
        let plan = plan(spec);
        let opened = opened(&plan, input).await;
        let finds = opened.finds();
        run(&plan, opened).await;
        let never = finds.map(|finds| finds.never());
        assert_eq!(never.unwrap_or_default(), expected, "{input} by {spec}");
    }
    let json = "[format.jsonl]\n[fields]\na = { from = '$.x.a' }\nb = { default = 'x' }\nc = {}\n";
    check(json, "{\"x\":{\"a\":1}}\n{\"b\":null,\"c\":1}\n", &[]).await;
    let wrong = "{\"c\":1}\n{\"a\":1,\"x\":{}}\n";
    check(json, wrong, &["a (from \"$.x.a\")", "b"]).await;
    check(json, "", &[]).await;
    check(json, "no object\n", &[]).await;
    let xml = "[format.xml]\nrecord_path = '/r/i'\nnamespaces = { g = ['urn:g'] }\n[fields]\na = { from = 'a' }\nb = { from = 'g:b/@c' }\nl = { from = 'l', type = 'list' }\n";
    let found = "<r xmlns:g='urn:g'><i><a/></i><i><l>1</l><g:b c='1'/></i></r>";
    check(xml, found, &[]).await;
    let never = ["b (from \"g:b/@c\")", "l (from \"l\")"];
    check(xml, "<r><i><a/><b c='1'/></i></r>", &never).await;
    check("[format.csv]\n[fields]\na = {}\n", "a\n1\n", &[]).await;
}

#[tokio::test]
async fn a_preview_is_one_line_a_stage_and_escapes_nothing_twice() {
    let jsonl = plan("[format.jsonl]\n[fields]\na = {}\n");
    let input = "{\"a\": \t\"say \\\"ü\\\" \\\\ \\n\"}\r\n";
    let (shown, _) = opened(&jsonl, input).await.preview(&jsonl, 1).await;
    let stages: Vec<(&str, &str)> = shown[0]
        .stages
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(stages[0], ("framed", r#"{"a": \t"say \"ü\" \\ \n"}"#));
    assert_eq!(stages[2].0, "bound");
    assert!(
        stages[2].1.ends_with(r#""a":"say \"ü\" \\ \n"}"#),
        "{stages:?}"
    );
    let csv = plan("[format.csv]\n[fields]\na = { type = 'integer' }\n");
    let (shown, _) = opened(&csv, "a\n\"x\ny\"\n").await.preview(&csv, 1).await;
    for (_, text) in &shown[0].stages {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

/// The stages of the first record, a line each, and the code of what failed.
async fn previewed(plan: &Plan, input: &str) -> (Vec<String>, Option<&'static str>) {
    let (shown, fatal) = opened(plan, input).await.preview(plan, 9).await;
    let stages = shown.iter().flat_map(|record| &record.stages);
    let lines = stages.map(|(name, text)| format!("{name}: {text}"));
    (lines.collect(), fatal.map(|fatal| fatal.code))
}

#[tokio::test]
async fn a_preview_shows_what_stands_before_a_fault() {
    let json = plan("[format.json]\nrecord_path = '$[*]'\n[fields]\na = {}\n");
    let (lines, fatal) = previewed(&json, "[{\"a\":\"x\"},{\"a\":").await;
    assert_eq!(lines[0], "framed: {\"a\":\"x\"}");
    assert_eq!(fatal, Some("truncated"));
}

#[tokio::test]
async fn a_preview_shows_nothing_of_sensitive_fields() {
    let hidden = "not shown: the spec has sensitive fields";
    let csv = plan(
        "[format.csv]\n[fields]\nname = { mask = { keep_first = 1 } }\nphone = { mask = {} }\n\
         ssn = { sensitive = true }\nborn = { type = 'date' }\n\
         [[steps]]\nderive = { field = 'whose', type = 'string', expr = 'ssn' }\n",
    );
    let head = "name,phone,ssn,born\n";
    let (lines, _) = previewed(&csv, &format!("{head}Smith,123,17-4,2000-01-01\n")).await;
    let document = |whose: &str| {
        format!(
            "\"name\":\"S****\",\"phone\":\"***\",\"ssn\":\"(not shown)\",\"born\":\"2000-01-01\"{whose}}}"
        )
    };
    let expected = [
        format!("framed: {hidden}"),
        format!("parsed: {hidden}"),
        format!("bound: {hidden}"),
        format!("mask name: {hidden}"),
        document(",\"whose\":null"),
        document(",\"whose\":\"(not shown)\""),
        document(",\"whose\":\"(not shown)\""),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, end) in lines.iter().zip(&expected) {
        assert!(line.ends_with(end), "{end} in {line}");
    }
    let (lines, _) = previewed(&csv, &format!("{head}Smith,123,17-4,Smith\n")).await;
    let told = lines.last().map_or("", |line| line);
    assert!(
        told.starts_with("rejected: type born: \"Smith\" "),
        "{told}"
    );
    let (lines, _) = previewed(&csv, &format!("{head}Smith,123\n")).await;
    assert!(!lines.concat().contains("Smith"), "{lines:?}");
}

/// A plan with a salt, as it is in the environment.
fn salted(secret: fn(&str) -> Option<String>) -> Plan {
    let text = "spec = 1\nname = 'a'\n[sink.null]\n[format.csv]\n[fields]\n\
                a = { hash = { salt = 'env:SALT_A' } }\n";
    let defaults = Defaults {
        secret: Some(secret),
        ..Defaults::default()
    };
    Plan::read("a.toml", text, defaults).unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[tokio::test]
async fn a_load_goes_on_with_the_salts_that_it_began_with() {
    let (one, other) = (
        salted(|_| Some("pepper".to_owned())),
        salted(|_| Some("paprika".to_owned())),
    );
    let begun = opened(&one, "a\nx\n").await;
    let (ledger, flow) = (Arc::new(MemoryLedger::default()), one.sink.flow.in_order());
    let report = pipeline::run(begun.job(&one, null::open(), ledger, flow)).await;
    let checkpoint = report.checkpoint;
    assert_eq!(
        checkpoint.secrets.get("SALT_A"),
        Some(&crate::step::hash::fingerprint("pepper"))
    );
    let mut older = checkpoint.clone();
    older.secrets.clear();
    let origin = MemoryOrigin::new("a.csv", b"a\nx\n".to_vec());
    for (plan, from, expected) in [
        (&one, &checkpoint, "ready"),
        (&other, &checkpoint, "salt_changed"),
        (&other, &older, "ready"),
    ] {
        let opening = open(plan, &origin, Some(from.clone()), &Accepted::default()).await;
        let found = match opening {
            Ok(Opening::Ready(_)) => "ready",
            Ok(Opening::Held(..)) => "held",
            Err(fatal) => fatal.code,
        };
        assert_eq!(found, expected);
    }
}
