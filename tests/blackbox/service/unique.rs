//! A unique index of the user's on another field, while replies are lost and workers are killed: a record whose value
//! another record has is a reject, one that meets itself is loaded, and no run of a job mixes up the two.
//!
//! `SLUICEGATE_KILL_ROUNDS` says how often a worker is killed, 3 where it is not set; each round waits out one lease, 3 s.

use std::collections::BTreeMap;
use std::slice::from_ref;

use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use serde_json::Value;
use testbed::eventually;
use testbed::files::write_file;
use testbed::orders::{HEADER, order};
use testbed::proxy::Cutter;
use testbed::random::Random;
use testbed::service::Service;
use testbed::truth::{Generated, Truth};

use super::backend::{Backend, DEADLINE, SEED};
use super::stalled::{gets_further, rounds};
use crate::faults::INSERT_OF_ORDERS;

/// Records that take seconds with the slow spec.
const LONG: u64 = 32_000;
/// One record of so many is another one over again.
const COPIES: u64 = 40;

/// The record that stands in place `ordinal`: itself, or an earlier one that is no copy.
fn original(ordinal: u64) -> u64 {
    if ordinal % COPIES != COPIES - 1 {
        return ordinal;
    }
    let earlier = Random::of_item(SEED, ordinal).below(ordinal);
    match earlier % COPIES {
        last if last == COPIES - 1 => earlier - 1,
        _ => earlier,
    }
}

fn record(ordinal: u64) -> Generated {
    order(SEED, original(ordinal))
}

/// Asserts that every record has the outcome that it may have: of all that are the same, one is loaded and the others are
/// rejected; each of the rest is what its truth says. Returns how many are loaded and how many are rejected.
fn settled(documents: &BTreeMap<u64, &Value>, rejects: &BTreeMap<u64, &Value>) -> (u64, u64) {
    // By their original.
    let mut loaded: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut wanted, mut rejected) = (0, 0);
    for ordinal in 0..LONG {
        let reject = rejects.get(&ordinal);
        let code = reject.map(|reject| reject["code"].as_str().unwrap());
        let document = documents.get(&ordinal).copied();
        let place = original(ordinal);
        rejected += u64::from(code.is_some());
        match record(ordinal).truth {
            Truth::Loaded(truth) => {
                wanted += u64::from(place == ordinal);
                match (document, code) {
                    (Some(document), None) => {
                        assert_eq!(document, &truth, "record {}", ordinal + 1);
                        let twice = loaded.insert(place, ordinal);
                        assert_eq!(twice, None, "record {} is loaded too", ordinal + 1);
                    }
                    (None, Some("duplicate_value")) => {
                        assert_eq!(reject.unwrap()["field"], "order_id");
                    }
                    outcome => panic!("record {}: {outcome:?}", ordinal + 1),
                }
            }
            Truth::Rejected(problems) => {
                let outcome = (document, code);
                assert_eq!(outcome, (None, Some(problems[0].code)), "{}", ordinal + 1);
            }
            Truth::Dropped(_) => {
                assert_eq!((document, code), (None, None), "record {}", ordinal + 1);
            }
        }
    }
    assert_eq!(loaded.len() as u64, wanted, "one of each is loaded");
    (wanted, rejected)
}

#[tokio::test]
async fn records_meet_each_other_and_themselves_under_a_unique_index() {
    let backend = Backend::mongodb().await;
    let mongod = backend.mongod.as_ref().unwrap();
    let orders = mongod.client().await.database("shop");
    let unique = IndexOptions::builder().unique(true).build();
    let index = IndexModel::builder()
        .keys(doc! { "order_id": 1 })
        .options(unique)
        .build();
    let orders = orders.collection::<Document>("orders");
    orders.create_index(index).await.unwrap();

    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    let proxy = Cutter::start(mongod.port(0)).await;
    let s3 = Cutter::start(backend.s3.as_ref().unwrap().port()).await;
    let machine = backend.machine_behind("worker", &proxy, &s3);
    let mut worker = machine.start(["worker"]);
    let path = backend.place.path("copies.csv");
    let totals = write_file(&path, HEADER, (0..LONG).map(record));
    let query = "?spec=orders-slow&process=true";
    let submitted = api.upload_file(&path, query).await.is(202).json();
    let job = submitted["jobId"].as_str().unwrap().to_owned();
    let mut random = Random::new(SEED);
    let slice = LONG * 3 / 4 / rounds();
    for round in 0..rounds() {
        proxy.lose_reply_to(INSERT_OF_ORDERS, 2);
        let moment = round * slice + random.below(slice);
        eventually("replies are lost", DEADLINE, async || {
            proxy.cuts() as u64 == 2 * (round + 1)
        })
        .await;
        gets_further(&backend, from_ref(&worker), moment).await;
        worker.kill().await;
        worker = machine.start(["worker"]);
    }
    let done = api.job_in(&job, "completed", DEADLINE).await;
    assert_eq!(done["attempts"], 0, "{done:#}");
    assert_eq!(proxy.cuts() as u64, 2 * rounds(), "replies were lost");

    let documents = backend.documents("orders").await;
    let lines = api.get(&format!("/jobs/{job}/errors?format=jsonl")).await;
    let lines = lines.is(200).text();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rejects: BTreeMap<u64, &Value> = lines
        .iter()
        .map(|reject| (reject["record"].as_u64().unwrap() - 1, reject))
        .collect();
    assert_eq!(rejects.len(), lines.len(), "one reject for a record");
    let (loaded, rejected) = settled(&documents.by_ordinal(), &rejects);
    assert_eq!(
        documents.len() as u64,
        loaded,
        "no document is of no record"
    );
    assert_eq!(rejects.len() as u64, rejected, "no reject is of no record");
    assert!(rejected > totals.rejected, "copies were rejected");
    let count = |name: &str| done["stats"][name].as_u64().unwrap();
    assert_eq!(count("read"), totals.read, "{done:#}");
    assert_eq!(count("loaded") + count("alreadyLoaded"), loaded, "{done:#}");
    assert_eq!(count("rejected"), rejected, "{done:#}");
    assert_eq!(count("dropped"), totals.dropped, "{done:#}");
    worker.kill().await;
}
