//! Servers that refuse, cut, restart and lose replies in the middle of a run: every record is there exactly once at the
//! end, and an object that is replaced fails its job instead of being mixed.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use testbed::eventually;
use testbed::files::{PERIOD_RECORDS, write_file, write_large};
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, SPEC, order, orders};
use testbed::process::Sluicegate;
use testbed::proxy::Cutter;
use testbed::s3::S3;
use testbed::truth::Totals;

use crate::found::{Documents, rejects_equal};
use crate::job::{Job, job, place};

const RECORDS: u64 = 20_000;
const SEED: u64 = 11;
const RUN: [&str; 5] = [
    "run",
    "orders.toml",
    "orders.csv",
    "--rejects",
    "rejects.jsonl",
];
/// For a condition in the middle of a run.
const DEADLINE: Duration = Duration::from_secs(60);

/// The first bytes of an insert into the collection `orders`, as OP_MSG carries them.
pub const INSERT_OF_ORDERS: &[u8] = b"\x02insert\0\x07\0\0\0orders\0";

fn orders_in(place: &Sluicegate, more: &str) -> Totals {
    place.write("orders.toml", format!("{SPEC}{more}"));
    write_file(&place.path("orders.csv"), HEADER, orders(SEED, RECORDS))
}

/// Asserts that every record is there once.
async fn complete(place: &Sluicegate, mongod: &Mongod, ended: &Job, totals: &Totals) {
    ended.completed(totals);
    let client = mongod.client().await;
    Documents::of_mongodb(&client, "shop", "orders")
        .await
        .equal(orders(SEED, RECORDS));
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
}

/// Runs with a fail point on inserts into the collection, which is used up at the end.
async fn with_fail_point(mode: impl Into<Bson>, what: Document) -> Job {
    let mongod = Mongod::standalone().await;
    let place = place().env("MONGODB_URI", mongod.uri_for("shop"));
    let totals = orders_in(&place, "");
    let mut data = doc! { "failCommands": ["insert"], "namespace": "shop.orders" };
    data.extend(what);
    mongod.fail_point(mode, data).await;
    let ended = job(&place, &RUN).await;
    complete(&place, &mongod, &ended, &totals).await;
    ended
}

#[tokio::test]
async fn a_batch_that_is_refused_for_now_is_written_again() {
    // ShutdownInProgress, which heals.
    let ended = with_fail_point(doc! { "times": 5 }, doc! { "errorCode": 91 }).await;
    assert_eq!(
        ended.stats.already_loaded, 0,
        "nothing of a refused batch was there"
    );
}

#[tokio::test]
async fn a_batch_whose_connection_is_cut_is_written_again() {
    with_fail_point(doc! { "times": 5 }, doc! { "closeConnection": true }).await;
}

#[tokio::test]
async fn a_batch_that_no_majority_acknowledged_is_written_again() {
    let error =
        doc! { "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } };
    let ended = with_fail_point(doc! { "times": 3 }, error).await;
    assert!(
        ended.stats.already_loaded > 0,
        "the batch was there: {:?}",
        ended.stats
    );
}

#[tokio::test]
async fn a_batch_that_is_refused_for_good_fails_the_job_and_resume_goes_on() {
    let mongod = Mongod::standalone().await;
    let place = place().env("MONGODB_URI", mongod.uri_for("shop"));
    let totals = orders_in(&place, "");
    // Unauthorized, after some batches went well.
    let refuse = doc! { "failCommands": ["insert"], "namespace": "shop.orders", "errorCode": 13 };
    mongod.fail_point(doc! { "skip": 8 }, refuse).await;
    let failed = job(&place, &RUN).await;
    assert_eq!(
        (failed.state(), failed.exit),
        ("failed", Some(1)),
        "{}",
        failed.json
    );
    assert_eq!(failed.failure(), "target_refused");
    assert!(failed.stderr.contains("--resume"), "{}", failed.stderr);
    mongod.clear_fail_point().await;
    let resumed = job(&place, &[&RUN[..], &["--resume"]].concat()).await;
    complete(&place, &mongod, &resumed, &totals).await;
}

async fn with_lost_replies(mongod: Mongod) {
    let proxy = Cutter::start(mongod.port(0)).await;
    // directConnection, because a replica set names its members, and the proxy is none of them.
    let uri = format!(
        "mongodb://127.0.0.1:{}/shop?directConnection=true",
        proxy.port()
    );
    let place = place().env("MONGODB_URI", uri);
    let totals = orders_in(&place, "");
    proxy.lose_reply_to(INSERT_OF_ORDERS, 3);
    let ended = job(&place, &RUN).await;
    assert_eq!(proxy.cuts(), 3, "three replies were lost");
    assert!(
        ended.stats.already_loaded > 0,
        "what was applied is found again: {:?}",
        ended.stats
    );
    complete(&place, &mongod, &ended, &totals).await;
}

#[tokio::test]
async fn batches_whose_replies_are_lost_are_not_loaded_twice_on_a_standalone() {
    with_lost_replies(Mongod::standalone().await).await;
}

#[tokio::test]
async fn batches_whose_replies_are_lost_are_not_loaded_twice_on_a_replica_set() {
    with_lost_replies(Mongod::replica_set().await).await;
}

async fn with_restart(mut mongod: Mongod) {
    let place = place().env("MONGODB_URI", mongod.uri_for("shop"));
    let totals = orders_in(
        &place,
        "batch = { records = 200 }\nrate = { pause = \"20ms\" }\n",
    );
    let json = [&RUN[..], &["--json"]].concat();
    let mut running = place.start(&json);
    let client = mongod.client().await;
    let collection = client.database("shop").collection::<Document>("orders");
    let loaded = async || collection.count_documents(doc! {}).await.unwrap_or(0) > 2_000;
    eventually("documents", DEADLINE, loaded).await;
    assert!(running.runs(), "it is in the middle: {}", running.stdout());
    mongod.kill();
    mongod.restart().await;
    let ended = Job::of(running.end().await);
    complete(&place, &mongod, &ended, &totals).await;
}

#[tokio::test]
async fn a_standalone_that_is_killed_and_started_again_has_every_record() {
    with_restart(Mongod::standalone().await).await;
}

#[tokio::test]
async fn a_replica_set_that_is_killed_and_started_again_has_every_record() {
    with_restart(Mongod::replica_set().await).await;
}

#[tokio::test]
async fn an_object_whose_download_is_cut_goes_on_from_the_last_byte() {
    let s3 = S3::start().await;
    let proxy = Cutter::start(s3.port()).await;
    let place = place().envs(s3.env_at(proxy.port()));
    let totals = orders_in(&place, "");
    s3.put_file("orders.csv", &place.path("orders.csv")).await;
    proxy.cut_after(400_000, 4);
    let url = s3.url("orders.csv");
    let ended = job(
        &place,
        &["run", "orders.toml", &url, "--rejects", "rejects.jsonl"],
    )
    .await;
    assert_eq!(proxy.cuts(), 4);
    ended.completed(&totals);
    Documents::of_store(&place, "orders")
        .await
        .equal(orders(SEED, RECORDS));
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
}

#[tokio::test]
async fn an_object_that_is_replaced_in_the_middle_fails_the_job() {
    let (s3, mongod) = (S3::start().await, Mongod::standalone().await);
    let place = place()
        .envs(s3.env())
        .env("MONGODB_URI", mongod.uri_for("shop"));
    // Larger than what is read ahead, and so slow that the end is not asked for before it is replaced.
    let slow = "rate = { records_per_second = 40000 }\n";
    place.write("orders.toml", format!("{SPEC}{slow}"));
    let large = place.path("large.csv");
    let totals = write_large(&large, HEADER, 48 << 20, |ordinal| order(SEED, ordinal));
    s3.put_file("orders.csv", &large).await;
    let url = s3.url("orders.csv");
    let running = place.start(["run", "orders.toml", &url, "--json"]);
    let client = mongod.client().await;
    let collection = client.database("shop").collection::<Document>("orders");
    eventually("documents", DEADLINE, async || {
        collection.count_documents(doc! {}).await.unwrap() > 0
    })
    .await;
    s3.put("orders.csv", format!("{HEADER}another,file\n"))
        .await;
    let failed = Job::of(running.end().await);
    assert_eq!(failed.verdict(), "failed 1 source_changed");
    // Whatever was loaded is of the first version.
    assert!(failed.stats.loaded > 0);
    let loaded = Documents::of_mongodb(&client, "shop", "orders").await;
    loaded.are_of((0..totals.read).map(|ordinal| order(SEED, ordinal % PERIOD_RECORDS)));
    assert!(loaded.len() as u64 >= failed.stats.loaded);
    let resumed = job(&place, &["run", "orders.toml", &url, "--resume"]).await;
    assert_eq!(
        resumed.verdict(),
        "failed 1 nothing_to_resume",
        "the new version is another input"
    );
}
