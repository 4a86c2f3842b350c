//! MongoDB and S3 that go away while the service uses them: it says so, refuses what it cannot keep, and goes on with its
//! jobs where they were as soon as the servers are back, without charging anybody for it.
//!
//! `SLUICEGATE_FULL=1` takes MongoDB away for a whole minute, otherwise for a little longer than a lease.

use std::time::Duration;

use serde_json::Value;
use testbed::api::{Answer, Api};
use testbed::eventually;
use testbed::mongod::Mongod;
use testbed::orders::orders;
use testbed::proxy::Cutter;

use super::backend::{Backend, DEADLINE, SEED, counts};
use super::uploads::{files, kept};

/// Records that take seconds with the slow spec.
const LONG: u64 = 24_000;

/// How long MongoDB stays away once everybody has found out.
fn away() -> Duration {
    match std::env::var("SLUICEGATE_FULL") {
        Ok(_) => Duration::from_secs(60),
        Err(_) => Duration::ZERO,
    }
}

fn in_the_middle(job: &Value) -> bool {
    job["stats"]["read"].as_u64() > Some(LONG / 8)
}

/// Waits until the service says that `name`, and nothing else, does not answer.
async fn says_that_it_misses(api: &Api, name: &str) {
    eventually("it is told", DEADLINE, async || {
        let health = api.get("/healthz").await;
        if health.status == 200 {
            return false;
        }
        let problem = unavailable(health).json();
        assert_eq!(problem["code"], "unhealthy");
        assert_eq!(problem["error"], format!("{name} does not answer"));
        let checks = problem["checks"].as_object().unwrap();
        let bad = checks.iter().filter(|(_, answer)| **answer != "ok");
        assert_eq!(bad.map(|(name, _)| name).collect::<Vec<_>>(), [name]);
        true
    })
    .await;
    api.get("/livez").await.is(200);
}

async fn is_well(api: &Api) {
    eventually("it is well again", DEADLINE, async || {
        api.get("/healthz").await.status == 200
    })
    .await;
}

/// Asserts that an answer says to come again later.
fn unavailable(answer: Answer) -> Answer {
    let answer = answer.is(503);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    answer
}

/// Asserts that nothing is kept but what one upload has left.
async fn only_one_file_is_kept(backend: &Backend, api: &Api) {
    eventually("one file", DEADLINE, async || {
        let (objects, unfinished) = kept(backend).await;
        files(api).await.len() == 1 && objects.len() == 1 && unfinished == 0
    })
    .await;
}

/// How often a job was lost to its worker, as the metrics count it.
async fn lost_leases(api: &Api) -> u64 {
    let metrics = api.get("/metrics").await.is(200).text();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("sluicegate_lost_leases_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

async fn mongodb_goes_away_for_longer_than_a_lease(
    leave: impl Fn(&mut Mongod),
    come_back: impl AsyncFn(&mut Mongod),
) {
    let mut backend = Backend::mongodb().await;
    backend.place = backend.place.env("WORKERS", "1");
    backend.orders_spec("next", |text| text);
    let service = backend.serve().await;
    let api = &service.api;
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    api.job_when(&job, "in the middle", DEADLINE, in_the_middle)
        .await;
    // It waits for the one worker there is.
    let file = api.job(&job).await["fileId"].as_str().unwrap().to_owned();
    let path = format!("/process/{file}?spec=next");
    let next = api.post(&path).await.is(202).json();
    let next = next["jobId"].as_str().unwrap();

    leave(backend.mongod.as_mut().unwrap());
    let (small, large) = (vec![b','; 1_000], vec![b','; 9 << 20]);
    tokio::join!(
        says_that_it_misses(api, "mongodb"),
        async { unavailable(api.upload("small.csv", "", small).await) },
        async { unavailable(api.upload("large.csv", "", large).await) },
        async { unavailable(api.get("/jobs").await) },
        async { unavailable(api.get(&format!("/jobs/{job}")).await) },
        async { unavailable(api.post(&format!("/jobs/{job}/cancel")).await) },
    );
    eventually("the lease is over", DEADLINE, async || {
        lost_leases(api).await > 0
    })
    .await;
    tokio::time::sleep(away()).await;
    come_back(backend.mongod.as_mut().unwrap()).await;

    is_well(api).await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let next = api.job_in(next, "completed", DEADLINE).await;
    let (_, totals) = backend.orders("again.csv", SEED, LONG);
    counts(&next, &totals);
    assert_eq!(next["attempts"], 0, "{next:#}");
    let documents = backend.documents("next").await;
    documents.equal(orders(SEED, LONG));
    only_one_file_is_kept(&backend, api).await;
}

#[tokio::test]
async fn a_mongodb_that_freezes_is_waited_out() {
    mongodb_goes_away_for_longer_than_a_lease(Mongod::freeze, async |mongod| mongod.thaw()).await;
}

#[tokio::test]
async fn a_mongodb_that_is_killed_and_started_again_is_waited_out() {
    mongodb_goes_away_for_longer_than_a_lease(Mongod::kill, Mongod::restart).await;
}

/// The service by way of a proxy before S3.
async fn behind_a_proxy(mut backend: Backend) -> (Backend, Cutter) {
    let s3 = backend.s3.as_ref().unwrap();
    let proxy = Cutter::start(s3.port()).await;
    backend.place = backend.place.envs(s3.env_at(proxy.port()));
    (backend, proxy)
}

#[tokio::test]
async fn an_s3_that_goes_away_is_waited_out() {
    let (backend, proxy) = behind_a_proxy(Backend::mongodb().await).await;
    let service = backend.serve().await;
    let api = &service.api;
    // Each connection ends in the middle of the object, so that the object is not there before it is needed.
    proxy.cut_after(300_000, usize::MAX);
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    eventually("it reads", DEADLINE, async || proxy.cuts() > 0).await;
    proxy.refuse(true);
    proxy.cut_all();
    let (small, large) = (vec![b','; 1_000], vec![b','; 9 << 20]);
    tokio::join!(
        says_that_it_misses(api, "s3"),
        async { unavailable(api.upload("small.csv", "", small).await) },
        async { unavailable(api.upload("large.csv", "", large).await) },
    );
    let waiting = api.job(&job).await;
    assert_ne!(waiting["state"], "completed", "{waiting:#}");
    assert_eq!(waiting["attempts"], 0, "{waiting:#}");
    proxy.refuse(false);
    is_well(api).await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    only_one_file_is_kept(&backend, api).await;
}

#[tokio::test]
async fn a_service_that_starts_without_s3_waits_for_it() {
    let (backend, proxy) = behind_a_proxy(Backend::embedded_with_s3().await).await;
    let service = backend.serve().await;
    let records = 2_000;
    let (path, _) = backend.orders("orders-1.csv", SEED, records);
    let file = service.api.upload_file(&path, "").await.is(201).json();
    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    proxy.refuse(true);
    let service = backend.serve().await;
    let api = &service.api;
    says_that_it_misses(api, "s3").await;
    // Jobs are not refused: their object is there, only not now.
    let path = format!(
        "/process/{}?spec=orders-e2e",
        file["fileId"].as_str().unwrap()
    );
    let job = api.post(&path).await.is(202).json()["jobId"]
        .as_str()
        .unwrap()
        .to_owned();
    let begun = |job: &Value| job["startedAt"].is_string();
    api.job_when(&job, "tried", DEADLINE, begun).await;
    unavailable(api.upload("small.csv", "", vec![b','; 1_000]).await);
    let waiting = api.job(&job).await;
    assert_ne!(waiting["state"], "failed", "{waiting:#}");
    proxy.refuse(false);
    is_well(api).await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, records)
        .await;
    only_one_file_is_kept(&backend, api).await;
}
