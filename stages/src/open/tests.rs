//! What opening makes of an input before its first record, and that what it opened runs to its end.

use super::*;
use crate::identity::LoadIdentity;
use crate::ledger::MemoryLedger;
use crate::plan::Defaults;
use crate::sink::{Load, null};
use crate::source::memory::MemoryOrigin;
use pipeline::{End, Job, Progress, Rate};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn plan(text: &str) -> Plan {
    let head = "spec = 1\nname = 'a'\n[sink.null]\n";
    Plan::read("a.toml", &format!("{head}{text}"), Defaults::default())
        .unwrap_or_else(|problems| panic!("{problems:?}"))
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
    let load = Load {
        identity: LoadIdentity([0; 12]),
        load_number: 0,
        tenant: None,
        job: String::new(),
        file: String::new(),
        schema: plan.schema.clone(),
        resume: None,
    };
    let sink = null::open(&plan.sink.target, &load);
    let (parts, convert) = opened.chain(plan, sink.encode);
    let report = pipeline::run(Job {
        source: parts.source,
        source_at: parts.source_at,
        framer: parts.framer,
        convert,
        sink: sink.sink,
        ledger: Arc::new(MemoryLedger::default()),
        from: parts.from,
        accepted: Accepted::default(),
        budget: plan.budget,
        batch: plan.sink.flow.batch,
        rate: Rate::default(),
        max_in_flight: 1,
        max_parsers: 1,
        cancel: CancellationToken::new(),
        progress: watch::Sender::new(Progress::default()),
    })
    .await;
    let read = report.checkpoint.books.end.ordinal;
    match report.end {
        End::Completed => format!("completed {read}"),
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
