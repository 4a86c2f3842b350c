//! `unique`: duplicates of one file are rejects that name the first record, also when a run is held and goes on, and when
//! there are too many values for memory.

use serde_json::Value;
use testbed::process::Sluicegate;

use crate::found::Documents;
use crate::job::{Job, job, place};
use crate::people::left_behind;

/// More values than are kept in memory.
const MANY: usize = 140_000;

fn with_unique(errors: &str) -> Sluicegate {
    let place = place();
    let spec = "spec = 1\nname = \"people\"\n[format.csv]\n[fields]\nid = { type = \"integer\", unique = true }\n\
                name = { type = \"string\", required = true }\n[sink.mongodb]\ncollection = \"people\"\n[errors]\n";
    place.write("people.toml", format!("{spec}{errors}"));
    place
}

async fn run(place: &Sluicegate, more: &[&str]) -> Job {
    let run = [
        "run",
        "people.toml",
        "people.csv",
        "--rejects",
        "rejects.jsonl",
    ];
    job(place, &[&run[..], more].concat()).await
}

/// Record and message of every reject.
fn told(place: &Sluicegate) -> Vec<String> {
    let text = std::fs::read_to_string(place.path("rejects.jsonl")).unwrap();
    let told = text.lines().map(|line| {
        let reject: Value = serde_json::from_str(line).unwrap();
        assert_eq!(reject["code"], "duplicate", "{line}");
        format!(
            "{} {}",
            reject["record"],
            reject["message"].as_str().unwrap()
        )
    });
    told.collect()
}

#[tokio::test]
async fn a_held_run_that_goes_on_knows_the_records_before() {
    let place = with_unique("max_records = 0\nmax_ratio = 1.0\n");
    let rows = "1,Ann\n2,Bob\n1,Cid\n3,Dan\n2,Eve\n03,Fay\n4,Gus\n";
    place.write("people.csv", format!("id,name\n{rows}"));
    assert_eq!(run(&place, &[]).await.verdict(), "held 4 errors");
    assert_eq!(run(&place, &["--resume"]).await.verdict(), "held 4 errors");
    assert_eq!(run(&place, &["--resume"]).await.verdict(), "held 4 errors");
    let completed = run(&place, &["--resume"]).await;
    assert_eq!(completed.verdict(), "completed 3");
    assert_eq!((completed.stats.loaded, completed.stats.rejected), (4, 3));
    let told = told(&place);
    let same =
        |record, first| format!("{record} must be unique, and record {first} has the same value");
    assert_eq!(told, [same(3, 1), same(5, 2), same(6, 4)]);
    let found = Documents::of_store(&place, "people").await;
    let names: Vec<&str> = found
        .values()
        .iter()
        .map(|document| document["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Ann", "Bob", "Dan", "Gus"]);
}

#[tokio::test]
async fn more_values_than_memory_holds_are_found_too_and_leave_nothing() {
    let place = with_unique("max_ratio = 1.0\n");
    let rows = (0..MANY).map(|n| format!("{n},x\n"));
    let again = [3, MANY / 2, MANY - 1].map(|n| format!("{n},again\n"));
    let text: String = std::iter::once("id,name\n".to_owned())
        .chain(rows)
        .chain(again)
        .collect();
    place.write("people.csv", text);
    let ended = run(&place, &["--sink", "null"]).await;
    assert_eq!(ended.verdict(), "completed 3");
    assert_eq!(ended.stats.rejected, 3);
    let told = told(&place);
    let last = &told[2];
    assert!(last.contains(&format!("record {MANY} ")), "{last}");
    for name in left_behind(&place) {
        assert!(!name.contains("unique"), "{name} is left");
    }
}
