//! Workers that die, share the work and stop: every record once, whatever happens to the processes.

use std::collections::BTreeSet;

use mongodb::bson::{Document, doc};
use serde_json::Value;
use testbed::service::Service;

use super::backend::{Backend, DEADLINE, SEED};

const LONG: u64 = 40_000;
/// Jobs that two workers share.
const MANY_JOBS: u64 = 200;

fn half(job: &Value) -> bool {
    job["stats"]["read"].as_u64() > Some(LONG / 4)
}

async fn a_killed_worker_is_replaced(backend: Backend) {
    let service = backend.serve().await;
    let job = backend.begin(&service.api, "orders-slow", SEED, LONG).await;
    service
        .api
        .job_when(&job, "in the middle", DEADLINE, half)
        .await;
    service.kill().await;
    let service = backend.serve().await;
    backend
        .ends_as_if_nothing_had_happened(&service.api, &job, SEED, LONG)
        .await;
}

#[tokio::test]
async fn a_killed_worker_is_replaced_on_the_embedded_store() {
    a_killed_worker_is_replaced(Backend::embedded().await).await;
}

/// One process serves the embedded store: what a dead one held is nobody's, whatever its lease says.
#[tokio::test]
async fn a_killed_service_leaves_no_lease_to_be_waited_for_on_the_embedded_store() {
    let mut backend = Backend::embedded().await;
    backend.place = backend.place.env("JOB_LEASE_SECONDS", "600");
    a_killed_worker_is_replaced(backend).await;
}

#[tokio::test]
async fn a_killed_worker_is_replaced_on_mongodb() {
    a_killed_worker_is_replaced(Backend::mongodb().await).await;
}

async fn a_worker_that_is_told_to_end_hands_its_job_back(backend: Backend) {
    let service = backend.serve().await;
    let job = backend.begin(&service.api, "orders-slow", SEED, LONG).await;
    service
        .api
        .job_when(&job, "in the middle", DEADLINE, half)
        .await;
    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let service = backend.serve().await;
    // Nobody waits for a lease that was given back.
    let seen = service.api.job(&job).await;
    assert_ne!(seen["state"], "failed");
    backend
        .ends_as_if_nothing_had_happened(&service.api, &job, SEED, LONG)
        .await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_hands_its_job_back_on_the_embedded_store() {
    a_worker_that_is_told_to_end_hands_its_job_back(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_hands_its_job_back_on_mongodb() {
    a_worker_that_is_told_to_end_hands_its_job_back(Backend::mongodb().await).await;
}

/// Two worker processes beside an API that has none: each job runs once.
#[tokio::test]
async fn two_workers_share_many_jobs_of_mongodb() {
    let backend = Backend::mongodb().await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let workers = [
        backend.place.start(["worker"]),
        backend.place.start(["worker"]),
    ];
    let mut jobs = BTreeSet::new();
    let mut loaded = 0;
    for seed in 0..MANY_JOBS {
        let (path, totals) = backend.orders("orders.csv", seed, 50);
        loaded += totals.loaded;
        let submitted = service
            .api
            .upload_file(&path, "?spec=orders-any&process=true")
            .await
            .is(202)
            .json();
        jobs.insert(submitted["jobId"].as_str().unwrap().to_owned());
    }
    assert_eq!(jobs.len() as u64, MANY_JOBS);
    let mut by = BTreeSet::new();
    for job in &jobs {
        let done = service.api.job_in(job, "completed", DEADLINE).await;
        by.insert(done["workerId"].as_str().unwrap().to_owned());
    }
    assert_eq!(by.len(), 2, "both have worked");
    assert_eq!(backend.count("orders").await, loaded);
    let client = backend.mongod.as_ref().unwrap().client().await;
    let claims = client.database("shop_state").collection::<Document>("jobs");
    let twice = claims
        .count_documents(doc! { "fence": { "$gt": 1_i64 } })
        .await
        .unwrap();
    assert_eq!(twice, 0, "no job was claimed twice");
    for worker in workers {
        let ended = worker.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}

/// A worker process is killed, another one goes on with its job.
#[tokio::test]
async fn another_process_takes_over_on_mongodb() {
    let backend = Backend::mongodb().await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let first = backend.place.start(["worker"]);
    let job = backend.begin(&service.api, "orders-slow", SEED, LONG).await;
    service
        .api
        .job_when(&job, "in the middle", DEADLINE, half)
        .await;
    let second = backend.place.start(["worker"]);
    first.kill().await;
    backend
        .ends_as_if_nothing_had_happened(&service.api, &job, SEED, LONG)
        .await;
    second.kill().await;
}
