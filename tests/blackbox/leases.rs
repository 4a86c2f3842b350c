//! One owner: content that is being loaded is not loaded by a second run, and a run that lost its load to another one
//! writes nothing more.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use testbed::eventually;
use testbed::files::write_file;
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, SPEC, orders};
use testbed::process::Sluicegate;
use testbed::truth::Totals;

use crate::found::{Documents, rejects_equal};
use crate::job::{Job, RUN, job, place};

const RECORDS: u64 = 12_000;
const SEED: u64 = 13;
const DEADLINE: Duration = Duration::from_secs(60);
/// How long a lease is left to somebody who waits for it.
const LEFT_SECONDS: u32 = 4;
/// 60 batches: 3 s at least.
const SLOW: &str = "batch = { records = 200 }\nrate = { pause = \"50ms\" }\n";

fn with_orders(mongod: &Mongod) -> (Sluicegate, Totals) {
    let place = place()
        .env("JOB_LEASE_SECONDS", "3")
        .env("MONGODB_URI", mongod.uri_for("shop"));
    place.write("orders.toml", format!("{SPEC}{SLOW}"));
    let totals = write_file(&place.path("orders.csv"), HEADER, orders(SEED, RECORDS));
    (place, totals)
}

async fn until_loading(mongod: &Mongod) {
    let client = mongod.client().await;
    let orders = client.database("shop").collection::<Document>("orders");
    eventually("documents", DEADLINE, async || {
        orders.count_documents(doc! {}).await.unwrap() > 1_000
    })
    .await;
}

#[tokio::test]
async fn content_that_is_being_loaded_is_not_loaded_by_a_second_run() {
    let mongod = Mongod::standalone().await;
    let (place, totals) = with_orders(&mongod);
    let mut first = place.start([&RUN[..], &["--json"]].concat());
    until_loading(&mongod).await;
    let second = job(&place, &["run", "orders.toml", "orders.csv"]).await;
    assert_eq!(second.verdict(), "failed 1 load_in_progress");
    assert!(second.stderr.contains("--resume"), "{}", second.stderr);
    // Under another version of the spec it is refused as well.
    place.write("other.toml", format!("{SPEC}{SLOW}nulls = \"write\"\n"));
    let other = job(&place, &["run", "other.toml", "orders.csv"]).await;
    assert_eq!(other.verdict(), "failed 1 load_in_progress");
    assert!(first.runs(), "it was under way all the time");
    let first = Job::of(first.end().await);
    first.completed(&totals);
    let client = mongod.client().await;
    Documents::of_mongodb(&client, "shop", "orders")
        .await
        .equal(orders(SEED, RECORDS));
}

#[tokio::test]
async fn a_run_that_slept_over_its_lease_writes_nothing_more() {
    let mongod = Mongod::standalone().await;
    // Two machines, each with its own copy of the file and its own data folder: `--id` says that it is the same content.
    let ((one, _), (other, totals)) = (with_orders(&mongod), with_orders(&mongod));
    let run = [&RUN[..], &["--id", "april"]].concat();
    let mut sleeper = one.start([&run[..], &["--json"]].concat());
    until_loading(&mongod).await;
    sleeper.signal("STOP").await;
    // Waits until the lease has run out, and takes the load over.
    let resumed = job(&other, &[&run[..], &["--resume"]].concat()).await;
    resumed.completed(&totals);
    assert!(
        resumed.stats.already_loaded > 1_000,
        "what was written is found: {:?}",
        resumed.stats
    );
    sleeper.signal("CONT").await;
    let slept = Job::of(sleeper.end().await);
    assert_eq!(slept.verdict(), "failed 1 lease_lost");
    let client = mongod.client().await;
    Documents::of_mongodb(&client, "shop", "orders")
        .await
        .equal(orders(SEED, RECORDS));
    rejects_equal(&other.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
    // What the sleeper did last has not undone what is remembered.
    let again = job(&other, &run).await;
    assert_eq!(again.json["existing"], true);
    assert_eq!(again.json["jobId"], resumed.json["jobId"]);
    again.completed(&totals);
}

#[tokio::test]
async fn a_resume_that_waits_for_a_lease_ends_when_it_is_told_to() {
    let place = place().env("JOB_LEASE_SECONDS", "600");
    place.write("orders.toml", format!("{SPEC}{SLOW}"));
    let totals = write_file(&place.path("orders.csv"), HEADER, orders(SEED, RECORDS));
    let file = Connection::open(place.path("orders.db")).unwrap();
    let loaded = || file.query_row("SELECT count(*) FROM orders", [], |row| row.get(0));
    let run = [
        "run",
        "orders.toml",
        "orders.csv",
        "--sink",
        "sqlite:orders.db",
        "--json",
    ];
    place
        .start(run)
        .kill_when(async |_| loaded().is_ok_and(|count: i64| count > 1_000))
        .await;
    let mut resumed = place.start([&run[..], &["--resume"]].concat());
    eventually("the wait", DEADLINE, async || {
        resumed.stderr().contains("waiting for its lease")
    })
    .await;
    resumed.signal("INT").await;
    let resumed = Job::of(resumed.end().await);
    assert_eq!(resumed.verdict(), "interrupted 130");
    assert!(resumed.stderr.contains("--resume"), "{}", resumed.stderr);
    // Nothing was taken: the lease is as the killed process left it, and once it is over the load goes on.
    let left: (i64, i64) = file
        .query_row("SELECT fence, completed FROM _loads", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(left, (1, 0));
    let left = "UPDATE _loads SET lock_until = unixepoch('subsec') + ?1";
    file.execute(left, [LEFT_SECONDS]).unwrap();
    let resumed = job(&place, &[&run[..5], &["--resume"]].concat()).await;
    resumed.completed(&totals);
    // The wait is no part of the run, whose rate is of what came behind it.
    let moment = |name: &str| -> jiff::Timestamp {
        let text = resumed.json[name].as_str().unwrap();
        text.parse().unwrap()
    };
    let seconds = (moment("finishedAt") - moment("startedAt")).total(jiff::Unit::Second);
    let rate = resumed.json["recordsPerSecond"].as_f64().unwrap();
    let of_the_run = RECORDS as f64 / rate;
    assert!(of_the_run + 1.0 < seconds.unwrap(), "{of_the_run} s");
}
