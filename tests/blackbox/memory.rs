//! Memory does not grow with the file: at most 64 MB resident for a file of 1 GB, and for a file that is one line of 1 GB.
//!
//! Into the null sink both are 1 GB. Into SQLite and a JSONL file the orders are 200 MB, so that the suite stays short;
//! with `SLUICEGATE_FULL=1` they are 1 GB too. Figures are printed (`--nocapture` shows them). In one process
//! the tests run one after another, because each needs room on the disk.

use std::time::Duration;

use testbed::files::{write_large, write_long_line};
use testbed::orders::{HEADER, SPEC, order};
use testbed::process::Sluicegate;
use testbed::truth::Totals;
use tokio::sync::Mutex;

use crate::job::{Job, place};

const SEED: u64 = 64;
const GB: u64 = 1_000_000_000;
/// The promise.
const MAX_RSS_BYTES: u64 = 64_000_000;

/// One at a time.
static ROOM: Mutex<()> = Mutex::const_new(());

fn stored_bytes() -> u64 {
    match std::env::var_os("SLUICEGATE_FULL") {
        Some(full) if full == "1" => GB,
        _ => 200_000_000,
    }
}

fn with_orders(bytes: u64) -> (Sluicegate, Totals) {
    let place = place().deadline(Duration::from_secs(900));
    place.write("orders.toml", SPEC);
    let totals = write_large(&place.path("orders.csv"), HEADER, bytes, |ordinal| {
        order(SEED, ordinal)
    });
    (place, totals)
}

/// Runs, prints the peak and holds it to the promise.
async fn peak(what: &str, place: &Sluicegate, args: &[&str]) -> Job {
    let ended = place.run(args.iter().chain(&["--json"])).await;
    let peak_bytes = ended.peak_rss_bytes;
    let job = Job::of(ended);
    println!(
        "{what}: {:.1} MB at most, {} records/s",
        peak_bytes as f64 / 1e6,
        job.json["recordsPerSecond"]
    );
    assert!(
        peak_bytes > 0 && peak_bytes < MAX_RSS_BYTES,
        "{what}: {peak_bytes} bytes resident"
    );
    job
}

#[tokio::test]
async fn a_gigabyte_into_the_null_sink() {
    let _room = ROOM.lock().await;
    let (place, totals) = with_orders(GB);
    let run = ["run", "orders.toml", "orders.csv", "--sink", "null"];
    peak("1 GB of orders into the null sink", &place, &run)
        .await
        .completed(&totals);
}

async fn stored(what: &str, sink: &[&str]) {
    let _room = ROOM.lock().await;
    let (place, totals) = with_orders(stored_bytes());
    let what = format!("{} MB of orders into {what}", totals.bytes / 1_000_000);
    let run = [&["run", "orders.toml", "orders.csv"], sink].concat();
    peak(&what, &place, &run).await.completed(&totals);
}

#[tokio::test]
async fn orders_into_sqlite() {
    stored("the embedded store", &[]).await;
}

#[tokio::test]
async fn orders_into_a_jsonl_file() {
    stored("a file of JSON Lines", &["--sink", "jsonl:orders.jsonl"]).await;
}

/// A file whose second record is one line of 1 GB.
async fn long_line(format: &str, before: &str, start: &str, after: &str) {
    let _room = ROOM.lock().await;
    let place = place().deadline(Duration::from_secs(900));
    let spec = "spec = 1\nname = \"long\"\n[fields]\na = {}\nb = {}\n[errors]\nmax_ratio = 1.0\n[sink.null]\n";
    place.write("long.toml", format!("{spec}[format.{format}]\n"));
    write_long_line(
        &place.path("long"),
        before.as_bytes(),
        start.as_bytes(),
        GB,
        after.as_bytes(),
    );
    let what = format!("one line of 1 GB that begins {start:?}");
    let job = peak(
        &what,
        &place,
        &["run", "long.toml", "long", "--rejects", "rejects.jsonl"],
    )
    .await;
    assert_eq!(job.verdict(), "completed 3");
    assert_eq!(
        (job.stats.read, job.stats.loaded, job.stats.rejected),
        (3, 2, 1),
        "{}",
        job.json
    );
    let kept = place.path("rejects.jsonl").metadata().unwrap().len();
    assert!(kept < 10_000, "a reject keeps 1 KiB of its record: {kept}");
}

#[tokio::test]
async fn one_line_of_a_gigabyte_of_csv() {
    long_line("csv", "a,b\n1,2\n", "start,", "3,4\n").await;
}

#[tokio::test]
async fn one_line_of_a_gigabyte_of_csv_in_a_quote_that_never_closes() {
    long_line("csv", "a,b\n1,2\n", "\"start,", "3,4\n").await;
}

#[tokio::test]
async fn one_line_of_a_gigabyte_of_jsonl() {
    long_line("jsonl", "{\"a\":\"1\"}\n", "{\"a\":\"", "{\"a\":\"3\"}\n").await;
}
