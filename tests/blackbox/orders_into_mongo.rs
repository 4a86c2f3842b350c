//! The main job: 200,000 generated orders from S3 and from a file into a real MongoDB, and what a second run of the same
//! content does. Counts, books, every document and every reject are those of the generator.

use std::path::PathBuf;

use mongodb::bson::Document;
use mongodb::bson::doc;
use testbed::files::write_file;
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;
use testbed::s3::S3;
use testbed::truth::Totals;
use testbed::{events, orders};

use crate::found::{Documents, rejects_equal};
use crate::job::{Stats, job, place};

const RECORDS: u64 = 200_000;
const SEED: u64 = 20_260_403;

fn orders_file(place: &Sluicegate) -> (PathBuf, Totals) {
    place.write("orders.toml", orders::SPEC);
    let path = place.path("orders-e2e.csv");
    let totals = write_file(&path, orders::HEADER, orders::orders(SEED, RECORDS));
    (path, totals)
}

async fn from_s3_into(mongod: Mongod) {
    let s3 = S3::start().await;
    let place = place()
        .envs(s3.env())
        .env("MONGODB_URI", mongod.uri_for("shop"));
    let (path, totals) = orders_file(&place);
    s3.put_file("in/orders-e2e.csv", &path).await;
    let url = s3.url("in/orders-e2e.csv");

    let run = ["run", "orders.toml", &url, "--rejects", "rejects.jsonl"];
    let first = job(&place, &run).await;
    first.completed(&totals);
    assert_eq!(
        (first.stats.loaded, first.stats.already_loaded),
        (totals.loaded, 0)
    );
    assert_eq!(first.json["bytesRead"], totals.bytes);
    assert_eq!(first.json["bytesTotal"], totals.bytes);
    assert_eq!(first.json["spec"]["name"], "orders-e2e");

    let client = mongod.client().await;
    let found = Documents::of_mongodb(&client, "shop", "orders").await;
    found.equal(orders::orders(SEED, RECORDS));
    rejects_equal(
        &place.path("rejects.jsonl"),
        orders::HEADER,
        orders::orders(SEED, RECORDS),
    );

    // The same object again is the same job, and nothing is written.
    let again = job(&place, &run).await;
    again.completed(&totals);
    assert_eq!(again.json["existing"], true);
    assert_eq!(again.json["jobId"], first.json["jobId"]);
    assert_eq!(again.stats, first.stats);
    let count = client
        .database("shop")
        .collection::<Document>("orders")
        .count_documents(doc! {})
        .await;
    assert_eq!(count.unwrap(), totals.loaded);
}

#[tokio::test]
async fn orders_from_s3_into_a_standalone() {
    from_s3_into(Mongod::standalone().await).await;
}

#[tokio::test]
async fn orders_from_s3_into_a_replica_set_of_one() {
    from_s3_into(Mongod::replica_set().await).await;
}

#[tokio::test]
async fn orders_from_a_file_load_once_by_one_text_of_a_spec() {
    let mongod = Mongod::standalone().await;
    let place = place().env("MONGODB_URI", mongod.uri_for("shop"));
    let (_, totals) = orders_file(&place);
    let run = ["run", "orders.toml", "orders-e2e.csv"];
    let first = job(&place, &run).await;
    first.completed(&totals);
    let client = mongod.client().await;
    Documents::of_mongodb(&client, "shop", "orders")
        .await
        .equal(orders::orders(SEED, RECORDS));
    let again = job(&place, &run).await;
    again.completed(&totals);
    assert_eq!(again.json["existing"], true);

    // Another text of the spec over what is loaded: refused, with both ways out.
    place.write(
        "orders.toml",
        format!("{}nulls = \"write\"\n", orders::SPEC),
    );
    let refused = job(&place, &run).await;
    assert_eq!(refused.verdict(), "failed 1 loaded_by_other_spec");
    for way_out in ["orders-e2e@1", "--resume", "--force again"] {
        assert!(
            refused.stderr.contains(way_out),
            "{way_out} in {}",
            refused.stderr
        );
    }
    let resumed = job(&place, &[&run[..], &["--resume"]].concat()).await;
    assert_eq!(resumed.verdict(), "failed 1 loaded_by_other_spec");

    // The way out that loads it beside what is there.
    let second = job(&place, &[&run[..], &["--force", "again"]].concat()).await;
    second.completed(&totals);
    let read = totals.read;
    assert_eq!(
        second.stats,
        Stats {
            skipped: second.stats.skipped,
            ..first.stats
        }
    );
    assert!(second.stats.read == read && second.json["jobId"] != first.json["jobId"]);
    let orders = client.database("shop").collection::<Document>("orders");
    assert_eq!(
        orders.count_documents(doc! {}).await.unwrap(),
        2 * totals.loaded
    );
    // Only the second text writes nulls, so its documents are told apart; `deliver_on` is empty once in ten.
    let nulls = orders
        .count_documents(doc! { "deliver_on": { "$type": "null" } })
        .await
        .unwrap();
    let missing = orders
        .count_documents(doc! { "deliver_on": { "$exists": false } })
        .await
        .unwrap();
    assert!(nulls > 0 && nulls == missing, "{nulls} {missing}");
    // The new generation is remembered as the first one was.
    let existing = job(&place, &run).await;
    assert_eq!(
        (existing.json["existing"].as_bool(), existing.exit),
        (Some(true), Some(3))
    );
    assert_eq!(
        orders.count_documents(doc! {}).await.unwrap(),
        2 * totals.loaded
    );
}

#[tokio::test]
async fn events_from_s3_into_mongodb() {
    let (mongod, s3) = (Mongod::standalone().await, S3::start().await);
    let place = place()
        .envs(s3.env())
        .env("MONGODB_URI", mongod.uri_for("shop"));
    place.write("events.toml", events::SPEC);
    let path = place.path("events-e2e.jsonl");
    let totals = write_file(&path, "", events::events(SEED, RECORDS));
    s3.put_file("events-e2e.jsonl", &path).await;
    let url = s3.url("events-e2e.jsonl");
    let run = ["run", "events.toml", &url, "--rejects", "rejects.jsonl"];
    job(&place, &run).await.completed(&totals);
    let client = mongod.client().await;
    let found = Documents::of_mongodb(&client, "shop", "events").await;
    found.equal(events::events(SEED, RECORDS));
    rejects_equal(
        &place.path("rejects.jsonl"),
        "",
        events::events(SEED, RECORDS),
    );
    let again = job(&place, &run).await;
    again.completed(&totals);
    assert_eq!(again.json["existing"], true);
    assert_eq!(
        Documents::of_mongodb(&client, "shop", "events").await.len() as u64,
        totals.loaded
    );
}
