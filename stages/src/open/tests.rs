//! What opening makes of an input before its first record, and that what it opened runs to its end.

mod group_laws;
mod groups;
mod kinds;
mod shapes;

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
}

#[tokio::test]
async fn what_is_not_used_comes_with_what_is_open() {
    let csv = plan("[format.csv]\n[fields]\na = {}\nposted = {}\n");
    let left_out = opened(&csv, "a,postd\n1,2\n").await.left_out;
    assert_eq!(left_out.columns, ["postd"]);
    let field = "posted (looked for \"posted\"; did you mean \"postd\"?)";
    assert_eq!(left_out.fields, [field]);
    assert_eq!(opened(&csv, "").await.left_out, LeftOut::default());
    let jsonl = plan("[format.jsonl]\n[fields]\na = {}\nb = {}\n");
    assert_eq!(opened(&jsonl, "{}").await.left_out, LeftOut::default());
}

#[tokio::test]
async fn a_preview_is_one_line_a_stage_and_escapes_nothing_twice() {
    let jsonl = plan("[format.jsonl]\n[fields]\na = {}\n");
    let input = "{\"a\": \t\"say \\\"ü\\\" \\\\ \\n\"}\r\n";
    let shown = opened(&jsonl, input)
        .await
        .preview(&jsonl, 1)
        .await
        .unwrap();
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
    let shown = opened(&csv, "a\n\"x\ny\"\n")
        .await
        .preview(&csv, 1)
        .await
        .unwrap();
    for (_, text) in &shown[0].stages {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}
