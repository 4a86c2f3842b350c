//! The budget: a run over it is held at the record that broke it, and goes on when somebody says `--resume`; or it fails,
//! where the spec says so; or `--max-rejects` says another number.

use testbed::process::Sluicegate;

use crate::found::{Documents, rejects_of};
use crate::job::{Job, job, place};

/// Good and bad records in turn, from a good one on.
const RECORDS: u64 = 20;

fn with_budget(errors: &str) -> Sluicegate {
    let place = place();
    let spec = "spec = 1\nname = \"turns\"\n[format.csv]\n[fields]\nn = { type = \"integer\" }\n[sink.mongodb]\n\
                collection = \"turns\"\nbatch = { records = 3 }\n[errors]\n";
    place.write("turns.toml", format!("{spec}{errors}"));
    let rows: String = (0..RECORDS)
        .map(|n| {
            if n % 2 == 0 {
                format!("{n}\n")
            } else {
                "bad\n".to_owned()
            }
        })
        .collect();
    place.write("turns.csv", format!("n\n{rows}"));
    place
}

const RUN: [&str; 5] = [
    "run",
    "turns.toml",
    "turns.csv",
    "--rejects",
    "rejects.jsonl",
];

async fn run(place: &Sluicegate, more: &[&str]) -> Job {
    job(place, &[&RUN[..], more].concat()).await
}

async fn loaded(place: &Sluicegate) -> Vec<u64> {
    let found = Documents::of_store(place, "turns").await;
    found
        .values()
        .iter()
        .map(|document| document["n"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_held_run_stops_at_the_record_and_resume_accepts_it() {
    let place = with_budget("max_records = 2\nmax_ratio = 1.0\n");
    let held = run(&place, &[]).await;
    assert_eq!(held.verdict(), "held 4 errors");
    assert_eq!(
        (held.stats.read, held.stats.rejected),
        (6, 3),
        "the third bad record is over the budget"
    );
    assert!(held.stderr.contains("--resume"), "{}", held.stderr);
    assert_eq!(
        loaded(&place).await,
        [0, 2, 4],
        "everything before, nothing behind"
    );
    assert_eq!(rejects_of(&place.path("rejects.jsonl")).len(), 3);
    // The counts of errors start anew: the next three bad ones hold it again.
    let again = run(&place, &["--resume"]).await;
    assert_eq!(again.verdict(), "held 4 errors");
    assert_eq!((again.stats.read, again.stats.rejected), (12, 6));
    assert_eq!(run(&place, &["--resume"]).await.stats.read, 18);
    let completed = run(&place, &["--resume"]).await;
    assert_eq!(completed.verdict(), "completed 3");
    assert_eq!((completed.stats.read, completed.stats.rejected), (20, 10));
    assert_eq!(
        loaded(&place).await,
        (0..RECORDS).step_by(2).collect::<Vec<_>>()
    );
    assert_eq!(rejects_of(&place.path("rejects.jsonl")).len(), 10);
    assert_eq!(run(&place, &[]).await.json["existing"], true);
}

#[tokio::test]
async fn max_rejects_says_another_number() {
    let place = with_budget("max_records = 2\n");
    let held = run(&place, &["--max-rejects", "4"]).await;
    assert_eq!(
        (held.verdict().as_str(), held.stats.rejected),
        ("held 4 errors", 5)
    );
    assert_eq!(
        run(&place, &["--resume", "--max-rejects", "10"])
            .await
            .verdict(),
        "completed 3"
    );
    let place = with_budget("max_records = 2\n");
    assert_eq!(
        run(&place, &["--max-rejects", "10"]).await.verdict(),
        "completed 3"
    );
}

#[tokio::test]
async fn a_budget_may_fail_the_job_or_only_count() {
    let place = with_budget("max_records = 2\non_breach = \"fail\"\n");
    let failed = run(&place, &[]).await;
    assert_eq!(
        (failed.state(), failed.exit),
        ("failed", Some(1)),
        "{}",
        failed.json
    );
    assert!(!failed.failure().is_empty());
    let place = with_budget("max_records = 2\non_breach = \"continue\"\n");
    assert_eq!(run(&place, &[]).await.verdict(), "completed 3");
}

#[tokio::test]
async fn the_ratio_is_judged_after_so_many_records_and_at_the_end() {
    let place = with_budget("max_ratio = 0.4\nafter_records = 10\n");
    let held = run(&place, &[]).await;
    assert_eq!(
        (held.verdict().as_str(), held.stats.read),
        ("held 4 errors", 10)
    );
    let place = with_budget("max_ratio = 0.4\n");
    let held = run(&place, &[]).await;
    assert_eq!(
        (held.verdict().as_str(), held.stats.read),
        ("held 4 errors", RECORDS)
    );
    assert_eq!(run(&place, &["--resume"]).await.verdict(), "completed 3");
}

#[tokio::test]
async fn too_few_records_are_held_and_accepted() {
    let place = with_budget("max_ratio = 1.0\nmin_records = 21\n");
    assert_eq!(run(&place, &[]).await.verdict(), "held 4 min_records");
    let completed = run(&place, &["--resume"]).await;
    assert_eq!(
        (completed.verdict().as_str(), completed.stats.read),
        ("completed 3", RECORDS)
    );
}

#[tokio::test]
async fn unknown_columns_are_held_and_accepted() {
    let place = with_budget("max_ratio = 1.0\n[columns]\nunknown = \"hold\"\n");
    place.write("turns.csv", "n,surprise\n1,x\n");
    let held = run(&place, &[]).await;
    assert_eq!(held.verdict(), "held 4 unknown_columns");
    assert!(held.stderr.contains("surprise"), "{}", held.stderr);
    assert_eq!(held.stats.loaded, 0);
    let completed = run(&place, &["--resume"]).await;
    assert_eq!(
        (completed.verdict().as_str(), completed.stats.loaded),
        ("completed 0", 1)
    );
}

#[tokio::test]
async fn unknown_keys_hold_before_their_record_and_are_accepted() {
    for (format, name, text, at) in [
        (
            "jsonl",
            "turns.jsonl",
            "{\"n\":1}\n{\"n\":2,\"x\":1,\"y\":1}\n{\"n\":3,\"y\":1}\n{\"n\":4,\"z\":1}\n",
            "[format.jsonl]",
        ),
        (
            "xml",
            "turns.xml",
            "<t><r><n>1</n></r><r y='1'><n>2</n><x/></r><r><n>3</n><x/></r><r><n>4</n><z/></r></t>",
            "[format.xml]\nrecord_path = \"/t/r\"",
        ),
    ] {
        let place = with_budget("on_breach = \"fail\"\n[columns]\nunknown = \"hold\"\n");
        let spec = std::fs::read_to_string(place.path("turns.toml")).unwrap();
        place.write("turns.toml", spec.replace("[format.csv]", at));
        place.write(name, text);
        let run =
            async |more: &[&str]| job(&place, &[&["run", "turns.toml", name], more].concat()).await;
        let held = run(&[]).await;
        assert_eq!(held.verdict(), "held 4 unknown_columns", "{format}");
        assert!(
            held.stderr.contains("record 2: no field takes the keys"),
            "{}",
            held.stderr
        );
        assert_eq!(loaded(&place).await, [1]);
        let again = run(&["--resume"]).await;
        assert_eq!(again.verdict(), "held 4 unknown_columns", "{format}");
        assert!(again.stderr.contains("record 4"), "{}", again.stderr);
        assert_eq!(loaded(&place).await, [1, 2, 3]);
        assert_eq!(run(&["--resume"]).await.verdict(), "completed 0");
        assert_eq!(loaded(&place).await, [1, 2, 3, 4]);

        let spec = std::fs::read_to_string(place.path("turns.toml")).unwrap();
        place.write("fail.toml", spec.replace("\"hold\"", "\"fail\""));
        let failed = job(&place, &["run", "fail.toml", name, "--sink", "null"]).await;
        assert_eq!(failed.verdict(), "failed 1 unknown_columns", "{format}");
        assert_eq!(failed.stats.loaded, 1);
    }
}

#[tokio::test]
async fn a_named_standard_input_goes_on_when_it_is_given_again() {
    let place = with_budget("max_records = 2\nmax_ratio = 1.0\n");
    let input = std::fs::read(place.path("turns.csv")).unwrap();
    let feed = async |more: &[&str]| {
        let args = ["run", "turns.toml", "-", "--id", "turns", "--json"];
        let args = [&args[..], more].concat();
        Job::of(place.run_with_stdin(args, input.clone()).await)
    };
    let held = feed(&[]).await;
    assert_eq!(
        (held.verdict().as_str(), held.stats.read),
        ("held 4 errors", 6)
    );
    let resumed = feed(&["--resume", "--max-rejects", "10"]).await;
    assert_eq!(
        (resumed.verdict().as_str(), resumed.stats.read),
        ("completed 3", RECORDS)
    );
    assert_eq!(
        loaded(&place).await,
        (0..RECORDS).step_by(2).collect::<Vec<_>>()
    );
}
