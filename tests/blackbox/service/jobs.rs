//! What clients ask of jobs: the same one again, another one, its end, its going on.

use std::time::Duration;

use serde_json::json;
use testbed::api::Api;
use testbed::orders::orders;

use super::backend::{Backend, DEADLINE, SEED, counts};

/// How long after a cancel its worker may be busy with the job: the program promises it.
const MAX_BUSY: Duration = Duration::from_secs(5);
/// What a worker logs once nothing of the run that it had is left.
const DROPPED: &str = "its run was dropped";
/// Records that take seconds with the slow spec.
const LONG: u64 = 40_000;

/// Uploads generated orders and returns the file's id.
async fn upload(backend: &Backend, api: &Api, name: &str, seed: u64, records: u64) -> String {
    let (path, _) = backend.orders(name, seed, records);
    let file = api.upload_file(&path, "").await.is(201).json();
    file["fileId"].as_str().unwrap().to_owned()
}

async fn process(api: &Api, file: &str, spec: &str) -> String {
    let submitted = api
        .post(&format!("/process/{file}?spec={spec}"))
        .await
        .is(202)
        .json();
    submitted["jobId"].as_str().unwrap().to_owned()
}

fn begun(job: &serde_json::Value) -> bool {
    job["state"] == "in_progress" && job["stats"]["read"].as_u64() > Some(0)
}

async fn the_same_content_is_the_same_job(backend: Backend) {
    let service = backend.serve().await;
    let api = &service.api;
    let file = upload(&backend, api, "orders-1.csv", SEED, 2_000).await;
    let first = process(api, &file, "orders-e2e").await;
    let again = api
        .post(&format!("/process/{file}?spec=orders-e2e"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&again["jobId"], &again["existing"]),
        (&json!(first), &json!(true))
    );
    api.job_in(&first, "completed", DEADLINE).await;
    let again = api
        .post_json(
            &format!("/process/{file}"),
            &json!({ "spec": "orders-e2e@1" }),
        )
        .await
        .is(200)
        .json();
    assert_eq!(
        (&again["jobId"], &again["existing"]),
        (&json!(first), &json!(true))
    );
    let one = backend.count("orders").await;

    // Once more as a new generation, which a key must name.
    let path = format!("/process/{file}?spec=orders-e2e&force=again");
    api.post(&path)
        .await
        .refused(400, "idempotency_key_required");
    let key = [("idempotency-key", "k-1")];
    let forced = async |path: &str| {
        api.send(hyper::Method::POST, path, &key, testbed::api::bytes(""))
            .await
            .unwrap()
    };
    let second = forced(&path).await.is(202).json();
    assert_ne!(second["jobId"], first);
    let replayed = forced(&path).await.is(200).json();
    assert_eq!(replayed["jobId"], second["jobId"]);
    forced(&format!("/process/{file}?spec=orders-slow"))
        .await
        .refused(422, "idempotency_key_reused");
    api.job_in(second["jobId"].as_str().unwrap(), "completed", DEADLINE)
        .await;
    assert_eq!(backend.count("orders").await, 2 * one);
    let list = api
        .get(&format!("/jobs?fileId={file}"))
        .await
        .is(200)
        .json();
    assert_eq!(list["total"], 2);
    // What is long of a job stands in the job alone.
    assert_eq!(list["items"][1]["jobId"], first);
    assert_eq!(list["items"][1].get("errors"), None);
    assert!(api.job(&first).await["errors"].is_array());
}

#[tokio::test]
async fn the_same_content_is_the_same_job_in_the_embedded_store() {
    the_same_content_is_the_same_job(Backend::embedded().await).await;
}

#[tokio::test]
async fn the_same_content_is_the_same_job_in_mongodb() {
    the_same_content_is_the_same_job(Backend::mongodb().await).await;
}

async fn two_files_progress_at_once(backend: Backend) {
    let service = backend.serve().await;
    let api = &service.api;
    let one = upload(&backend, api, "orders-1.csv", 1, LONG).await;
    let two = upload(&backend, api, "orders-2.csv", 2, LONG).await;
    let jobs = [
        process(api, &one, "orders-slow").await,
        process(api, &two, "orders-slow").await,
    ];
    // Both are seen in progress in one look.
    testbed::eventually("both progress", DEADLINE, async || {
        let states = [api.job(&jobs[0]).await, api.job(&jobs[1]).await];
        states.iter().all(begun)
    })
    .await;
    api.get("/healthz").await.is(200);
    let running = api.get("/jobs?state=PROCESSING").await.is(200).json();
    assert_eq!(running["items"].as_array().unwrap().len(), 2);
    for (job, seed) in jobs.iter().zip([1, 2]) {
        let done = api.job_in(job, "completed", DEADLINE).await;
        let (_, totals) = backend.orders("again.csv", seed, LONG);
        counts(&done, &totals);
    }
}

#[tokio::test]
async fn two_files_progress_at_once_in_the_embedded_store() {
    two_files_progress_at_once(Backend::embedded().await).await;
}

#[tokio::test]
async fn two_files_progress_at_once_in_mongodb() {
    two_files_progress_at_once(Backend::mongodb().await).await;
}

async fn a_cancelled_job_goes_on_when_it_is_retried(backend: Backend) {
    let service = backend.serve().await;
    let api = &service.api;
    let (_, totals) = backend.orders("orders-1.csv", SEED, LONG);
    let file = upload(&backend, api, "orders-1.csv", SEED, LONG).await;
    let job = process(api, &file, "orders-slow").await;
    api.job_when(&job, "begun", DEADLINE, begun).await;
    api.post(&format!("/jobs/{job}/retry"))
        .await
        .refused(409, "wrong_state");
    let cancelled = api
        .post(&format!("/jobs/{job}/cancel"))
        .await
        .is(200)
        .json();
    assert_eq!(cancelled["state"], "cancelled");
    api.post(&format!("/jobs/{job}/cancel"))
        .await
        .refused(409, "wrong_state");
    assert_eq!(
        api.get(&format!("/files/{file}")).await.json()["status"],
        "failed"
    );
    // What was in flight may still land; then nothing moves any more.
    let mut last = u64::MAX;
    testbed::eventually("the worker is free", MAX_BUSY, async || {
        let now = backend.count("orders").await;
        std::mem::replace(&mut last, now) == now && service.stderr().contains(DROPPED)
    })
    .await;
    assert!(last < totals.loaded, "it was stopped in the middle");

    let retried = api.post(&format!("/jobs/{job}/retry")).await.is(200).json();
    assert_eq!(retried["state"], "queued");
    assert!(
        retried["stats"]["read"].as_u64() > Some(0),
        "it goes on from its checkpoint: {retried:#}"
    );
    api.job_when(&job, "begun again", DEADLINE, begun).await;
    api.post(&format!("/jobs/{job}/cancel")).await.is(200);
    let reset = api
        .post(&format!("/jobs/{job}/retry?reset=true"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&reset["stats"]["read"], &reset["errors"]),
        (&json!(0), &json!([]))
    );
    let done = api.job_in(&job, "completed", DEADLINE).await;
    counts(&done, &totals);
    backend.documents("orders").await.equal(orders(SEED, LONG));
    let rejects = api
        .get(&format!("/jobs/{job}/errors?limit=1"))
        .await
        .is(200)
        .json();
    assert_eq!(rejects["total"], totals.rejected);
    api.post(&format!("/jobs/{job}/retry"))
        .await
        .refused(409, "wrong_state");
}

#[tokio::test]
async fn a_cancelled_job_goes_on_when_it_is_retried_in_the_embedded_store() {
    a_cancelled_job_goes_on_when_it_is_retried(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_cancelled_job_goes_on_when_it_is_retried_in_mongodb() {
    a_cancelled_job_goes_on_when_it_is_retried(Backend::mongodb().await).await;
}

#[tokio::test]
async fn a_held_job_goes_on_when_it_is_approved() {
    let backend = Backend::embedded().await;
    let spec = std::fs::read_to_string(backend.place.path("specs/orders.toml")).unwrap();
    let strict = spec.replace("\"orders-e2e\"", "\"orders-strict\"");
    let start = strict.find("[errors]").unwrap_or(strict.len());
    let end = strict[start..]
        .find("\n[")
        .map_or(strict.len(), |at| start + at);
    let errors = "[errors]\nmax_records = 3\n";
    backend.spec(
        "orders-strict",
        &format!("{}{errors}{}", &strict[..start], &strict[end..]),
    );
    let service = backend.serve().await;
    let api = &service.api;
    let (_, totals) = backend.orders("orders-1.csv", SEED, 2_000);
    let file = upload(&backend, api, "orders-1.csv", SEED, 2_000).await;
    let job = process(api, &file, "orders-strict").await;
    let held = api.job_in(&job, "held", DEADLINE).await;
    assert_eq!(
        (&held["stats"]["rejected"], &held["failure"]["code"]),
        (&json!(4), &json!("errors"))
    );
    assert_eq!(
        api.get(&format!("/files/{file}")).await.json()["status"],
        "processing"
    );
    // Without anybody's word it is held where it stood.
    api.post(&format!("/jobs/{job}/cancel")).await.is(200);
    api.post(&format!("/jobs/{job}/retry")).await.is(200);
    let again = api
        .job_when(&job, "held again", DEADLINE, |job| job["state"] == "held")
        .await;
    assert_eq!(again["stats"], held["stats"]);
    let approved = api
        .post_json(
            &format!("/jobs/{job}/approve"),
            &json!({ "maxRecords": 100_000 }),
        )
        .await
        .is(200)
        .json();
    assert_eq!(approved["state"], "queued");
    counts(&api.job_in(&job, "completed", DEADLINE).await, &totals);
    api.post(&format!("/jobs/{job}/approve"))
        .await
        .refused(409, "wrong_state");
}
