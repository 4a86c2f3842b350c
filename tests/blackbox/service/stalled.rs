//! Worker processes that stop, wake too late, or are killed again and again while others go on with their jobs: one that
//! has lost its lease writes nothing more, and every record is there once.
//!
//! `SLUICEGATE_KILL_ROUNDS` says how often a worker is killed, 3 where it is not set; each round waits out one lease, 3 s.

use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::Value;
use testbed::api::Api;
use testbed::eventually;
use testbed::mongod::writes_by;
use testbed::process::Running;
use testbed::random::Random;
use testbed::service::Service;

use super::backend::{Backend, DEADLINE, SEED, counts, has, read};

/// Records that take seconds with the slow spec.
const LONG: u64 = 32_000;
/// Batches that a job writes at once.
const MAX_IN_FLIGHT: u64 = 4;
/// Enough for every command that is sent to the database of the documents.
const PROFILE_BYTES: i64 = 64 << 20;

pub fn rounds() -> u64 {
    let set = std::env::var("SLUICEGATE_KILL_ROUNDS").ok();
    set.map_or(3, |rounds| {
        rounds.parse().expect("SLUICEGATE_KILL_ROUNDS is a number")
    })
}

/// The job as soon as `process` has it and has got somewhere.
pub async fn gets_on(api: &Api, job: &str, process: &Running, least: u64) -> Value {
    api.job_when(job, "taken", DEADLINE, |job| {
        has(process, job) && read(job) > least
    })
    .await
}

/// Which of `workers` has the only job, once it has got further than the one before it and than `least`: its end charges no
/// attempt then. What the job tells of how much is read is the dead worker's for a while, so MongoDB is asked.
pub async fn gets_further(backend: &Backend, workers: &[Running], least: u64) -> usize {
    let mongo = backend.mongod.as_ref().unwrap().client().await;
    let jobs = mongo.database("shop_state").collection::<Document>("jobs");
    let mut which = None;
    eventually("a worker gets further", DEADLINE, async || {
        let job = jobs.find_one(doc! {}).await.unwrap().unwrap();
        assert_eq!(job.get_i64("attempts").unwrap(), 0, "{job}");
        let furthest = job.get_document("progress").unwrap();
        let furthest = furthest.get_i64("furthest").unwrap();
        let at_claim = job.get_i64("furthestAtClaim").unwrap();
        let holder = job.get_str("worker").unwrap_or_default();
        let is_in_progress = job.get_str("state").unwrap() == "in_progress";
        which = workers
            .iter()
            .position(|worker| holder.ends_with(&format!(":{}", worker.process())));
        is_in_progress && furthest > at_claim.max(least.cast_signed()) && which.is_some()
    })
    .await;
    which.unwrap()
}

/// Has MongoDB note every command that changes documents.
pub async fn profile(documents: &Database) {
    let create = doc! { "create": "system.profile", "capped": true, "size": PROFILE_BYTES };
    for command in [create, doc! { "profile": 2 }] {
        documents.run_command(command).await.unwrap();
    }
}

/// How many commands of `machine` have changed documents since then.
pub async fn changes(documents: &Database, machine: &str, since: DateTime) -> u64 {
    let mut filter = writes_by(machine, "shop", "orders");
    filter.insert("ts", doc! { "$gte": since });
    let notes = documents.collection::<Document>("system.profile");
    notes.count_documents(filter).await.unwrap()
}

#[tokio::test]
async fn a_worker_that_slept_over_its_lease_writes_nothing_more() {
    let backend = Backend::mongodb().await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    let mongod = backend.mongod.as_ref().unwrap();
    let documents = mongod.client().await.database("shop");
    profile(&documents).await;
    let (machine, other) = (backend.machine("sleeper"), backend.machine("other"));
    let mut sleeper = machine.start(["worker"]);
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let seen = gets_on(api, &job, &sleeper, LONG / 8).await;
    sleeper.signal("STOP").await;
    let began = DateTime::from_millis(0);
    assert!(changes(&documents, "sleeper", began).await > 0);

    let other = other.start(["worker"]);
    gets_on(api, &job, &other, read(&seen)).await;
    let woken = mongod.now().await;
    sleeper.signal("CONT").await;
    eventually("it knows", DEADLINE, async || {
        sleeper.stderr().contains("lost")
    })
    .await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    // Stopped between its last look at the clock and the sending, a statement still goes out, and finds nothing to change.
    let late = changes(&documents, "sleeper", woken).await;
    assert!(late <= MAX_IN_FLIGHT, "{late} statements");
    assert!(changes(&documents, "other", woken).await > 0);

    // It lives, and has lost nothing but this job.
    other.kill().await;
    let (path, totals) = backend.orders("orders-2.csv", SEED + 1, 200);
    let query = "?spec=orders-e2e&process=true";
    let next = api.upload_file(&path, query).await.is(202).json();
    let next = api
        .job_in(next["jobId"].as_str().unwrap(), "completed", DEADLINE)
        .await;
    counts(&next, &totals);
    let ended = sleeper.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn workers_that_are_killed_again_and_again_leave_every_record_once() {
    let backend = Backend::mongodb().await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    let machine = backend.machine("worker");
    let mut workers = [machine.start(["worker"]), machine.start(["worker"])];
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let mut random = Random::new(SEED);
    let slice = LONG * 3 / 4 / rounds();
    for round in 0..rounds() {
        let moment = round * slice + random.below(slice);
        let victim = gets_further(&backend, &workers, moment).await;
        let next = machine.start(["worker"]);
        std::mem::replace(&mut workers[victim], next).kill().await;
    }
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let jobs = backend.mongod.as_ref().unwrap().client().await;
    let jobs = jobs.database("shop_state").collection::<Document>("jobs");
    let found = jobs.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(found.get_i64("fence").unwrap(), 1 + rounds().cast_signed());
}
