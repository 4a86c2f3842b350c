//! `run` says where the time went: whichever stage holds up the others is named, in words and for programs.

use crate::job::{BINARY, Job, job, place};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use testbed::mongod::Mongod;
use testbed::process::{Ended, Sluicegate};
use testbed::proxy::Cutter;

const SPEC: &str = "spec = 1\nname = 'numbers'\n[format.csv]\n[fields]\nn = { type = 'integer' }\n";

fn with(sink: &str, rows: u32) -> Sluicegate {
    let place = place();
    place.write("spec.toml", format!("{SPEC}{sink}"));
    let rows: String = (0..rows).map(|n| format!("{n}\n")).collect();
    place.write("numbers.csv", format!("n\n{rows}"));
    place
}

/// The stage that is named, once it is the same in words and for programs, and its share the largest.
fn named(job: &Job) -> &str {
    let stage = job.json["bottleneck"].as_str().unwrap_or_default();
    let busy = job.json["busy"].as_object().unwrap();
    let shares =
        ["read", "frame", "parse", "write", "rate"].map(|name| busy[name].as_f64().unwrap());
    assert_eq!(busy.len(), shares.len(), "{busy:?}");
    assert!(
        shares.iter().all(|share| (0.0..=1.0).contains(share)),
        "{busy:?}"
    );
    let most = shares.iter().copied().fold(0.0, f64::max);
    assert_eq!(busy[stage].as_f64(), Some(most), "{busy:?}");
    for said in [format!("; bound by {stage})"), format!("busy: {stage} ")] {
        assert!(job.stderr.contains(&said), "{said} in {}", job.stderr);
    }
    stage
}

#[tokio::test]
async fn a_rate_that_the_spec_sets_is_named() {
    let place = with(
        "[sink.mongodb]\ncollection = 'n'\nrate = { records_per_second = 2000 }\n",
        6000,
    );
    let job = job(&place, &["run", "spec.toml", "numbers.csv"]).await;
    assert_eq!(job.verdict(), "completed 0");
    assert_eq!(named(&job), "rate", "{}", job.json["busy"]);
}

#[test]
fn a_pipe_that_gives_little_is_named() {
    let place = with("[sink.null]\n", 0);
    let mut child = Command::new(BINARY)
        .args(["run", "spec.toml", "-", "--json"])
        .current_dir(place.folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"n\n").unwrap();
    for row in 0..10 {
        // A producer that is slow, not a wait for anything.
        std::thread::sleep(Duration::from_millis(100));
        writeln!(pipe, "{row}").unwrap();
    }
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let job = Job::of(Ended {
        code: output.status.code(),
        signal: None,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        peak_rss_bytes: 0,
    });
    assert_eq!(job.stats.loaded, 10);
    assert_eq!(named(&job), "read", "{}", job.json["busy"]);
}

#[tokio::test]
async fn a_target_that_is_slow_is_named() {
    let mongod = Mongod::standalone().await;
    let proxy = Cutter::start(mongod.port(0)).await;
    proxy.delay(Duration::from_millis(40));
    let uri = format!(
        "mongodb://127.0.0.1:{}/shop?directConnection=true",
        proxy.port()
    );
    let place = with(
        "[sink.mongodb]\ncollection = 'n'\nbatch = { records = 100 }\n",
        5000,
    )
    .env("MONGODB_URI", uri);
    let job = job(&place, &["run", "spec.toml", "numbers.csv"]).await;
    assert_eq!(job.verdict(), "completed 0");
    assert_eq!(named(&job), "write", "{}", job.json["busy"]);
}

#[tokio::test]
async fn expressions_that_take_long_are_named() {
    // 2000 products for each record, as few in an expression as the language allows.
    let products = vec!["n * n"; 40].join(" + ");
    let step = |n| format!("[[steps]]\ndrop = {{ name = 'none_{n}', when = '{products} < 0' }}\n");
    let steps: String = (0..50).map(step).collect();
    let place = with(&format!("{steps}[sink.null]\n"), 40_000);
    let job = job(&place, &["run", "spec.toml", "numbers.csv"]).await;
    assert_eq!(job.verdict(), "completed 0");
    assert_eq!(named(&job), "parse", "{}", job.json["busy"]);
}

#[tokio::test]
async fn nothing_is_named_where_nothing_was_done() {
    let place = with("[sink.mongodb]\ncollection = 'n'\n", 10);
    let args = ["run", "spec.toml", "numbers.csv"];
    assert_eq!(job(&place, &args).await.verdict(), "completed 0");
    let again = job(&place, &args).await;
    assert_eq!(again.json["existing"], json!(true));
    assert_eq!(
        (&again.json["bottleneck"], &again.json["busy"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!again.stderr.contains("busy:"), "{}", again.stderr);
}
