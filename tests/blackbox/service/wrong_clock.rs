//! A worker whose wall clock is wrong by ten minutes, beside one whose clock is right: leases hold, a dead worker's job is
//! taken over, S3 is read, and no time in a job is the worker's.
//!
//! The S3 of these tests refuses a request whose time is off by more than five minutes, and tells its own.

use mongodb::bson::{Bson, DateTime, Document, doc};
use testbed::api::Api;
use testbed::orders::{SLOW, orders};
use testbed::process::{Running, Sluicegate};
use testbed::service::Service;
use testbed::shim::wrong_clock;

use super::backend::{Backend, DEADLINE, SEED, counts, has, read};

const TEN_MINUTES_SECONDS: i64 = 600;
/// Long enough that a worker on a busy machine renews it in time; a worker does so after a third of it.
const LEASE_SECONDS: &str = "8";
/// Records that take longer than to the first renewal with the slow spec.
const LONG: u64 = 40_000;

/// Every time in a document, with the path of its field.
fn times(path: &str, value: &Bson, into: &mut Vec<(String, DateTime)>) {
    match value {
        Bson::DateTime(time) => into.push((path.to_owned(), *time)),
        Bson::Document(document) => {
            for (name, value) in document {
                times(&format!("{path}.{name}"), value, into);
            }
        }
        Bson::Array(values) => values.iter().for_each(|value| times(path, value, into)),
        _ => {}
    }
}

/// Asserts that whatever a job and its load remember was between `from` and now, by the server's clock.
async fn times_are_the_servers(backend: &Backend, from: DateTime) {
    let mongod = backend.mongod.as_ref().unwrap();
    let now = mongod.now().await;
    let client = mongod.client().await;
    let mut found = Vec::new();
    for (database, collection) in [("shop_state", "jobs"), ("shop", "_loads")] {
        let documents = client.database(database).collection::<Document>(collection);
        let document = documents.find_one(doc! {}).await.unwrap().unwrap();
        times(collection, &Bson::Document(document), &mut found);
    }
    // A lease that was let go of ended at the beginning of time, any other ends later than now.
    found.retain(|(_, time)| time.timestamp_millis() > 0);
    for (field, time) in &found {
        let is_lease = field.to_lowercase().contains("lock");
        let ms = time.timestamp_millis();
        let most = now.timestamp_millis() + if is_lease { 60_000 } else { 0 };
        assert!(
            (from.timestamp_millis()..=most).contains(&ms),
            "{field} is {time}, now is {now}"
        );
    }
    assert!(found.len() > 4, "{found:?}");
}

/// How often a job was claimed.
async fn claims(backend: &Backend) -> i64 {
    let client = backend.mongod.as_ref().unwrap().client().await;
    let jobs = client.database("shop_state").collection::<Document>("jobs");
    let job = jobs.find_one(doc! {}).await.unwrap().unwrap();
    job.get_i64("fence").unwrap()
}

/// The job as soon as `process` has had it for longer than to the first renewal.
async fn keeps(api: &Api, job: &str, process: &Running) {
    api.job_when(job, "kept", DEADLINE, |job| {
        has(process, job) && read(job) > LONG * 7 / 8
    })
    .await;
}

/// `first` keeps a job beside `second`, which takes it over when `first` is dead.
async fn one_after_the_other(
    first: impl Fn(&Backend) -> Sluicegate,
    second: impl Fn(&Backend) -> Sluicegate,
) {
    let backend = Backend::mongodb().await;
    backend.orders_spec("clocks", |text| text + SLOW);
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    let from = backend.mongod.as_ref().unwrap().now().await;
    let (first, second) = (first(&backend), second(&backend));
    let owner = first.start(["worker"]);
    let (path, totals) = backend.orders("orders-1.csv", SEED, LONG);
    let query = "?spec=clocks&process=true";
    let submitted = api.upload_file(&path, query).await.is(202).json();
    let job = submitted["jobId"].as_str().unwrap();
    api.job_when(job, "taken", DEADLINE, |job| has(&owner, job))
        .await;
    let other = second.start(["worker"]);
    keeps(api, job, &owner).await;
    assert_eq!(claims(&backend).await, 1, "nobody took it meanwhile");
    owner.kill().await;
    let done = api.job_in(job, "completed", DEADLINE).await;
    counts(&done, &totals);
    assert_eq!(done["attempts"], 0, "{done:#}");
    assert_eq!(claims(&backend).await, 2);
    let by = done["workerId"].as_str().unwrap();
    assert!(by.ends_with(&format!(":{}", other.process())), "{done:#}");
    let documents = backend.documents("clocks").await;
    documents.equal(orders(SEED, LONG));
    let rejects = api.get(&format!("/jobs/{job}/errors?limit=1")).await;
    assert_eq!(rejects.is(200).json()["total"], totals.rejected);
    times_are_the_servers(&backend, from).await;
    other.kill().await;
}

fn machine(backend: &Backend, name: &str) -> Sluicegate {
    backend
        .machine(name)
        .env("JOB_LEASE_SECONDS", LEASE_SECONDS)
}

fn right(backend: &Backend) -> Sluicegate {
    machine(backend, "right")
}

fn ahead(backend: &Backend) -> Sluicegate {
    machine(backend, "ahead").envs(wrong_clock(TEN_MINUTES_SECONDS))
}

fn behind(backend: &Backend) -> Sluicegate {
    machine(backend, "behind").envs(wrong_clock(-TEN_MINUTES_SECONDS))
}

#[tokio::test]
async fn a_worker_whose_clock_is_ahead_keeps_its_job_until_it_dies() {
    one_after_the_other(ahead, right).await;
}

#[tokio::test]
async fn a_worker_whose_clock_is_behind_keeps_its_job_until_it_dies() {
    one_after_the_other(behind, right).await;
}

#[tokio::test]
async fn a_worker_whose_clock_is_ahead_takes_the_job_of_a_dead_one_only() {
    one_after_the_other(right, ahead).await;
}

#[tokio::test]
async fn a_worker_whose_clock_is_behind_takes_the_job_of_a_dead_one() {
    one_after_the_other(right, behind).await;
}
