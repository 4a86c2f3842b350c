//! The disk of the embedded store gets full in the middle of a job: the service says so, refuses what it cannot keep, and
//! goes on with the job where it stood as soon as there is room, without charging anybody for it; also where it was
//! killed meanwhile.

use testbed::api::{Answer, Api};
use testbed::eventually;
use testbed::service::Service;
use testbed::shim::Disk;

use super::backend::{Backend, DEADLINE, SEED, read};
use super::uploads::{files, kept};

/// Records that take seconds with the slow spec.
const LONG: u64 = 24_000;

/// The embedded store on a disk of its own.
async fn on_a_disk() -> (Backend, Disk) {
    let mut backend = Backend::embedded().await;
    std::fs::create_dir(backend.place.path("data")).unwrap();
    let disk = Disk::of(&backend.place.path("data"));
    backend.place = backend.place.envs(disk.env());
    (backend, disk)
}

/// Asserts that an upload was refused because there is no room, and that it is worth to come again.
fn finds_no_room(answer: Answer) {
    let answer = answer.is(503);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let problem = answer.json();
    let code = problem["code"].as_str().unwrap();
    assert!(
        ["objects_full", "target_full"].contains(&code),
        "{problem:#}"
    );
    let message = problem["error"].as_str().unwrap();
    assert!(message.starts_with("no room is left "), "{problem:#}");
    assert!(problem["hint"].is_string(), "{problem:#}");
}

/// A job in the middle when the disk gets full, and the service as soon as it has met that.
async fn met(backend: &Backend, disk: &Disk) -> (Service, String) {
    let service = backend.serve().await;
    let api = &service.api;
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    api.job_when(&job, "in the middle", DEADLINE, |job| read(job) > LONG / 4)
        .await;
    disk.fill();
    eventually("it is met", DEADLINE, async || {
        service.stderr().contains("no room is left")
    })
    .await;
    (service, job)
}

/// Asserts that the job ends as if nothing had happened, and nothing is left of what was refused.
async fn is_over(backend: &Backend, api: &Api, job: &str) {
    eventually("it is well again", DEADLINE, async || {
        api.get("/healthz").await.status == 200
    })
    .await;
    backend
        .ends_as_if_nothing_had_happened(api, job, SEED, LONG)
        .await;
    api.get(&format!("/jobs/{job}/receipt")).await.is(200);
    eventually("one file", DEADLINE, async || {
        let (objects, unfinished) = kept(backend).await;
        files(api).await.len() == 1 && objects.len() == 1 && unfinished == 0
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_is_told_and_waited_out() {
    let (backend, disk) = on_a_disk().await;
    let (service, job) = met(&backend, &disk).await;
    let api = &service.api;
    let problem = api.get("/healthz").await.refused(503, "unhealthy").json();
    assert_eq!(problem["checks"]["folder"], "unavailable", "{problem:#}");
    api.get("/livez").await.is(200);
    finds_no_room(api.upload("small.csv", "", vec![b','; 100_000]).await);
    finds_no_room(api.upload("large.csv", "", vec![b','; 9 << 20]).await);
    let waiting = api.job(&job).await;
    assert_ne!(waiting["state"], "completed", "{waiting:#}");
    assert_ne!(waiting["state"], "failed", "{waiting:#}");
    disk.make_room();
    is_over(&backend, api, &job).await;
}

#[tokio::test]
async fn a_service_that_is_killed_on_a_full_disk_goes_on_when_there_is_room() {
    let (backend, disk) = on_a_disk().await;
    let (service, job) = met(&backend, &disk).await;
    service.kill().await;
    // Without room it does not start, and says why.
    let refused = backend.place.run(["serve", "--port", "0"]).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for part in ["no room is left to write ", "target_full", "make room"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    disk.make_room();
    let service = backend.serve().await;
    is_over(&backend, &service.api, &job).await;
}
