//! Jobs in which every record is bad, each in another way: the memory of the service, what it says of the job, and its log
//! stay as small as for few.

use std::time::Duration;

use testbed::api::Api;

use super::backend::{Backend, DEADLINE};
use super::memory::peak_bytes;
use crate::kinds::{MAX_JOB_BYTES, are_told, many, spec, write};

/// What another file of twice as many rejects may add, in bytes: less than its rejects take.
const MAX_MORE_BYTES: u64 = 64 * 1024 * 1024;
/// What a service may have at all, in bytes.
const MAX_RSS_BYTES: u64 = 256 * 1024 * 1024;
/// Lines of the log for two uploads, two jobs and some questions.
const MAX_LOG_LINES: usize = 60;
/// How long the large one may take.
const LONG: Duration = Duration::from_secs(900);

/// Loads `records` bad records that no other file has.
async fn load(backend: &Backend, api: &Api, from: u64, records: u64) {
    let path = backend.place.path("kinds.jsonl");
    write(&path, from, records);
    let submitted = api.upload_file(&path, "?spec=kinds&process=true").await;
    let submitted = submitted.is(202).json();
    let job = submitted["jobId"].as_str().unwrap();
    let ended = |job: &serde_json::Value| job["state"] == "completed" || job["state"] == "failed";
    // Asked rarely: each answer holds all kinds.
    let wait = format!("/jobs/{job}?wait=30");
    let told = tokio::time::timeout(LONG, async {
        loop {
            let answer = api.get(&wait).await.is(200);
            assert!(answer.body.len() < MAX_JOB_BYTES, "{}", answer.body.len());
            if ended(&answer.json()) {
                return answer.json();
            }
        }
    });
    let told = told.await.expect("it ends");
    assert_eq!(told["state"], "completed", "{told:#}");
    are_told(&told, records);
    let page = api.get(&format!("/jobs/{job}/errors?limit=2")).await;
    assert_eq!(page.is(200).json()["total"], records);
    let job = api.job_in(job, "completed", DEADLINE).await;
    assert_eq!(job["attempts"], 0);
}

async fn rejects_cost_no_memory(mut backend: Backend) {
    // However busy the machine is, nothing but rejects is to be told.
    backend.place = backend.place.env("JOB_LEASE_SECONDS", "60");
    backend.spec("kinds", &spec("[sink.mongodb]\ncollection = \"kinds\""));
    let service = backend.serve().await;
    // Batches, and what is under way, are as large as they become.
    let few = many() / 2;
    load(&backend, &service.api, 0, few).await;
    let before = peak_bytes(service.process());
    load(&backend, &service.api, few, many()).await;
    let after = peak_bytes(service.process());
    println!(
        "{few} rejects: {} MB, twice as many: {} MB",
        before >> 20,
        after >> 20
    );
    assert!(
        after <= before + MAX_MORE_BYTES,
        "{before} B, then {after} B"
    );
    assert!(after <= MAX_RSS_BYTES, "{after} B");
    let log = service.stderr();
    let lines = log.lines().count();
    assert!(lines < MAX_LOG_LINES, "{lines} lines:\n{log}");
    assert!(
        !log.contains("no number"),
        "values of the file are in the log"
    );
}

#[tokio::test]
async fn rejects_of_every_kind_cost_no_memory_in_the_embedded_store() {
    rejects_cost_no_memory(Backend::embedded().await).await;
}

#[tokio::test]
async fn rejects_of_every_kind_cost_no_memory_in_mongodb() {
    rejects_cost_no_memory(Backend::mongodb().await).await;
}
