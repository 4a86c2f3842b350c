//! Duplicates over every format: a run that is held and goes on, again and again, rejects what one run in one piece does.

use super::*;
use pipeline::{Budget, OnBreach, Reject};
use std::sync::Mutex;

const SPEC: &str = "[fields]\na = { type = 'integer', unique = true }\nb = { required = true }\n\
    [[unique]]\nfields = ['b', 'c']\n[fields.c]\n";

/// Records of `a`, `b` and `c`: some share `a`, some `b` and `c` together, and one has no `b`.
fn rows() -> Vec<[String; 3]> {
    let row = |n: u32| match n {
        9 => ["4".into(), "b9".into(), "c".into()],
        20 => ["20".into(), "b7".into(), "c".into()],
        21 => ["21".into(), "b7".into(), "d".into()],
        30 => ["30".into(), String::new(), "c".into()],
        31 => ["30".into(), "b31".into(), "c".into()],
        40 => ["30".into(), "b7".into(), "c".into()],
        n => [n.to_string(), format!("b{n}"), "c".into()],
    };
    (0..50).map(row).collect()
}

/// Ordinal and codes of all rejects, of a run of which each part rejects at most `most` records.
async fn rejects(plan: &Plan, input: &[u8], most: u64) -> Vec<String> {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut resume: Option<Checkpoint> = None;
    for _ in 0..100 {
        let origin = MemoryOrigin::new("a", input.to_vec());
        let Ok(Opening::Ready(opened)) = open(plan, &origin, resume, &Accepted::default()).await
        else {
            panic!("it cannot be opened");
        };
        let all = told.clone();
        let ledger = MemoryLedger::with_each(move |reject: &Reject| {
            let problems = reject.problems.iter();
            let problems: Vec<_> = problems
                .map(|one| format!("{} {}", one.code, one.message))
                .collect();
            all.lock()
                .unwrap()
                .push(format!("{} {}", reject.at.ordinal, problems.join(", ")));
            Ok(())
        });
        let flow = plan.sink.flow.in_order();
        let report = pipeline::run(Job {
            budget: Budget {
                max_records: most,
                max_ratio: 1.0,
                on_breach: OnBreach::Hold,
                ..Budget::default()
            },
            ..opened.job(plan, null::open(), Arc::new(ledger), flow)
        })
        .await;
        let mut checkpoint = report.checkpoint;
        match report.end {
            End::Held(breach) => Accepted::default().approve(breach.cause, &mut checkpoint),
            // The ledger of each part knows its own rejects only.
            End::Completed(_) => break,
            End::Failed(fatal) if fatal.code == "books" && resume_is_done(&checkpoint) => break,
            other => panic!("{other:?}"),
        }
        resume = Some(checkpoint);
    }
    let told = told.lock().unwrap();
    told.clone()
}

fn resume_is_done(checkpoint: &Checkpoint) -> bool {
    checkpoint.books.end.ordinal == 50
}

#[tokio::test]
async fn a_run_that_is_held_again_and_again_finds_the_same_duplicates() {
    let rows = rows();
    let csv: String = rows
        .iter()
        .map(|[a, b, c]| format!("{a},{b},{c}\n\n"))
        .collect();
    let object = |[a, b, c]: &[String; 3]| match b.as_str() {
        "" => format!("{{\"a\":{a},\"c\":\"{c}\"}}"),
        b => format!("{{\"a\":{a},\"b\":\"{b}\",\"c\":\"{c}\"}}"),
    };
    let objects: Vec<String> = rows.iter().map(object).collect();
    let element = |[a, b, c]: &[String; 3]| match b.as_str() {
        "" => format!("<r><a>{a}</a><c>{c}</c></r>"),
        b => format!("<r><a>{a}</a><b>{b}</b><c>{c}</c></r>"),
    };
    let elements: String = rows.iter().map(element).collect();
    let fixed: String = rows
        .iter()
        .map(|[a, b, c]| format!("{a:4}{b:4}{c}\n"))
        .collect();
    let of_places = SPEC
        .replace("a = { ", "a = { start = 1, width = 4, ")
        .replace("b = { ", "b = { start = 5, width = 4, ")
        + "start = 9\nwidth = 1\n";
    let missing = "[values]\nmissing_values = ['']\n";
    for (spec, input) in [
        (
            format!("[format.csv]\n{missing}{SPEC}"),
            format!("a,b,c\n{csv}"),
        ),
        (format!("[format.jsonl]\n{SPEC}"), objects.join("\n")),
        (
            format!("[format.json]\nrecord_path = '$.x[*]'\n{SPEC}"),
            format!("{{\"x\":[{}]}}", objects.join(" ,")),
        ),
        (
            format!("[format.xml]\nrecord_path = '/x/r'\n{SPEC}"),
            format!("<x>{elements}</x>"),
        ),
        (format!("[format.fixed]\n{missing}{of_places}"), fixed),
    ] {
        let plan = plan(&spec);
        let whole = rejects(&plan, input.as_bytes(), 1000).await;
        assert_eq!(whole.len(), 4, "{whole:#?}");
        assert!(whole[0].starts_with("9 duplicate"), "{whole:?}");
        assert!(
            whole[0].ends_with("record 5 has the same value"),
            "{whole:?}"
        );
        assert!(
            whole[1].contains("b, c must be unique together, and record 8 has"),
            "{whole:?}"
        );
        assert!(whole[2].starts_with("30 required"), "{whole:?}");
        assert!(
            whole[3].contains("record 32 has the same value, duplicate b, c"),
            "{whole:?}"
        );
        for most in [0, 1, 2] {
            assert_eq!(
                rejects(&plan, input.as_bytes(), most).await,
                whole,
                "{spec} by {most}"
            );
        }
    }
}
