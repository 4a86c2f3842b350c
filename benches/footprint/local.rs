//! `sluicegate run` from a file and from S3: what it takes, and whether its counts are the truth.

use super::asked::Asked;
use super::input::{Amount, Truth};
use super::report::{Row, compare};
use super::watch::Watch;
use futures::StreamExt;
use serde_json::Value;
use std::path::Path;
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;
use tokio::io::AsyncWriteExt;

/// What `run` is to take from a file at most, in bytes.
const FILE_BYTES: u64 = 32_000_000;
/// What it is to take from S3 at most, in bytes.
const S3_BYTES: u64 = 96_000_000;
/// The database that is loaded into.
pub const DATABASE: &str = "memory";

/// Writes the first file of what was asked for into `place` and runs it into nowhere, then into a store.
pub async fn run(asked: &Asked, amount: Amount, place: &Sluicegate) -> Vec<Row> {
    place.write("spec.toml", asked.spec().1);
    let path = place.path("input.csv");
    let truth = write(&path, asked, amount).await;
    let mongod = match asked.mongodb {
        true => Some(Mongod::standalone().await),
        false => None,
    };
    let store = mongod.as_ref().map(|mongod| mongod.uri_for(DATABASE));
    let null = ("run, null sink", Some("null".to_owned()));
    let stored = match store {
        Some(uri) => Some(("run, MongoDB", Some(uri))),
        None if asked.null => None,
        None => Some(("run, embedded store", None)),
    };
    let mut rows = Vec::new();
    for (what, sink) in [null].into_iter().chain(stored) {
        let source = path.to_string_lossy();
        rows.push(one(what, place, amount, &truth, &source, sink, FILE_BYTES).await);
    }
    rows
}

/// Runs an object of S3, which holds what `truth` says, into nowhere; `place` has the keys.
pub async fn run_from_s3(place: &Sluicegate, amount: Amount, truth: &Truth, url: &str) -> Row {
    let sink = Some("null".to_owned());
    one(
        "run from S3, null sink",
        place,
        amount,
        truth,
        url,
        sink,
        S3_BYTES,
    )
    .await
}

async fn write(path: &Path, asked: &Asked, amount: Amount) -> Truth {
    let (mut chunks, truth) = asked.content(0).make(amount);
    let written = async {
        let mut file = tokio::fs::File::create(path).await?;
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk).await?;
        }
        file.flush().await
    };
    written
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    truth
}

async fn one(
    what: &'static str,
    place: &Sluicegate,
    amount: Amount,
    truth: &Truth,
    source: &str,
    sink: Option<String>,
    aim_bytes: u64,
) -> Row {
    let sink = sink.map(|sink| ["--sink".to_owned(), sink]);
    let args = ["run", "spec.toml", source, "--json"].map(str::to_owned);
    let running = place.start(args.into_iter().chain(sink.into_iter().flatten()));
    let mut watch = Watch::start(running.process());
    let (ended, mut peak, seconds) = watch.phase(what, running.end()).await;
    // Whoever started it looked more often, and at its end.
    peak.resident = peak.resident.max(ended.peak_rss_bytes);
    let totals = truth.totals();
    let counts = match serde_json::from_str::<Value>(&ended.stdout) {
        Ok(job) => compare(&job["stats"], &totals),
        Err(_) => Err(format!("no job: {:?} {}", ended.code, ended.stderr)),
    };
    Row {
        what,
        amount,
        totals,
        peak,
        aim_bytes,
        seconds,
        counts: Some(counts),
    }
}
