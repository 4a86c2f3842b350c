//! Jobs that are watched while they really run, by socket and by events: in this process and in another one, to every end.
//!
//! No time is asserted here: how often progress comes is measured by `cargo bench --bench watching`.

use serde_json::{Value, json};
use testbed::api::Api;
use testbed::service::Service;
use testbed::watching::{Event, Events, Socket};

use super::backend::{Backend, DEADLINE, SEED};

/// Records that take seconds with the slow spec.
const LONG: u64 = 40_000;
/// Records of each job that ends soon.
const SHORT: u64 = 2_000;
/// Sockets that watch one job.
const CLIENTS: usize = 20;

async fn socket(api: &Api, job: &str) -> Socket {
    let opened = Socket::open(api, &format!("/ws/jobs/{job}"), &[]).await;
    opened.unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// The types of messages, each once where several follow each other.
fn types(messages: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = messages
        .iter()
        .filter_map(|message| message["type"].as_str())
        .collect();
    types.dedup();
    types
}

fn count(messages: &[Value], wanted: &str) -> usize {
    messages
        .iter()
        .filter(|message| message["type"] == wanted)
        .count()
}

/// What every client is told of a job that runs for some seconds, to its end.
fn is_whole(messages: &[Value], shown: &Value) {
    assert!(count(messages, "progress") >= 3, "{messages:#?}");
    let read = messages
        .iter()
        .filter_map(|message| message["stats"]["read"].as_u64());
    assert!(read.is_sorted(), "{messages:#?}");
    // Each kind of rejects once, as the job has them at its end.
    let kind = |of: &Value| (of["code"].to_string(), of["field"].to_string());
    let told = messages
        .iter()
        .filter(|message| message["type"] == "error")
        .map(kind);
    let told: Vec<_> = told.collect();
    let kinds: Vec<_> = shown["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(kind)
        .collect();
    assert!(!kinds.is_empty() && told == kinds, "{told:?} {kinds:?}");
    let last = messages.last().unwrap();
    assert_eq!((&last["type"], &last["job"]), (&shown["state"], shown));
}

async fn a_running_job_is_watched(api: &Api, backend: &Backend) {
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        sockets.push(socket(api, &job).await);
    }
    let events = Events::open(api, &format!("/jobs/{job}/events")).await;
    let sockets = sockets.into_iter().map(Socket::rest);
    let (told, events) = tokio::join!(futures::future::join_all(sockets), events.rest());
    let shown = api.job_in(&job, "completed", DEADLINE).await;
    for (messages, code) in told {
        assert_eq!(code, 1000);
        is_whole(&messages, &shown);
    }
    let named = |event: &Event| event.data["type"] == event.event.as_str() && !event.id.is_empty();
    assert!(events.iter().all(named), "{events:#?}");
    let events: Vec<Value> = events.into_iter().map(|event| event.data).collect();
    is_whole(&events, &shown);
}

#[tokio::test]
async fn a_job_of_this_process_is_watched_to_its_end() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    a_running_job_is_watched(&service.api, &backend).await;
    let metrics = service.api.get("/metrics").await.is(200).text();
    for line in [
        "sluicegate_watchers{way=\"websocket\"} 0",
        "sluicegate_watchers{way=\"events\"} 0",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(
        !service.stderr().contains("panicked"),
        "{}",
        service.stderr()
    );
}

#[tokio::test]
async fn a_job_of_another_process_is_watched_to_its_end() {
    let backend = Backend::mongodb().await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let worker = backend.place.start(["worker"]);
    a_running_job_is_watched(&service.api, &backend).await;
    worker.stop().await;
}

/// A ticket of one process is good at another one, once.
#[tokio::test]
async fn a_ticket_of_another_process_is_good_once() {
    let backend = Backend::mongodb().await;
    let one = Service::start(&backend.place, &["--workers", "0"]).await;
    let other = Service::start(&backend.machine("other"), &["--workers", "0"]).await;
    let job = backend.begin(&one.api, "orders-e2e", SEED, SHORT).await;
    let ticket = one.api.post("/tickets").await.is(201).json();
    let path = format!(
        "/ws/jobs/{job}?ticket={}",
        ticket["ticket"].as_str().unwrap()
    );
    let mut watching = Socket::open(&other.api, &path, &[])
        .await
        .unwrap_or_else(|no| panic!("{no:?}"));
    assert_eq!(watching.next().await.unwrap()["state"], "queued");
    for api in [&one.api, &other.api] {
        assert_eq!(
            Socket::open(api, &path, &[])
                .await
                .err()
                .map(|(status, _)| status),
            Some(401)
        );
    }
    // And it is told what the other process does.
    one.api.post(&format!("/jobs/{job}/cancel")).await.is(200);
    let (told, code) = watching.rest().await;
    assert_eq!((types(&told), code), (vec!["cancelled"], 1000));
}

async fn every_end_is_told(backend: Backend) {
    let strict = |on_breach: &str| {
        let few = format!("max_records = 3\non_breach = \"{on_breach}\"");
        move |text: String| text.replace("max_records = 1_000_000_000", &few)
    };
    backend.orders_spec("holds", strict("hold"));
    backend.orders_spec("fails", strict("fail"));
    let service = backend.serve().await;
    let api = &service.api;

    let job = backend.begin(api, "fails", SEED, SHORT).await;
    let (told, code) = socket(api, &job).await.rest().await;
    let last = told.last().unwrap();
    assert_eq!((&last["type"], code), (&json!("failed"), 1000));
    assert_eq!(last["failure"], last["job"]["failure"]);
    assert_eq!(last["failure"]["code"], "errors");

    let job = backend.begin(api, "holds", SEED, SHORT).await;
    let mut watching = socket(api, &job).await;
    let mut told = Vec::new();
    while count(&told, "held") == 0 {
        told.push(watching.next().await.unwrap());
    }
    assert_eq!(told.last().unwrap()["failure"]["code"], "errors");
    let approved = api
        .post_json(
            &format!("/jobs/{job}/approve"),
            &json!({ "maxRecords": 100_000 }),
        )
        .await;
    approved.is(200);
    let (told, code) = watching.rest().await;
    assert_eq!(
        (told.last().unwrap()["type"].as_str(), code),
        (Some("completed"), 1000)
    );

    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let begun = |job: &Value| job["stats"]["read"].as_u64() > Some(0);
    api.job_when(&job, "begun", DEADLINE, begun).await;
    let mut watching = socket(api, &job).await;
    assert_eq!(watching.next().await.unwrap()["state"], "in_progress");
    api.post(&format!("/jobs/{job}/cancel")).await.is(200);
    let (told, code) = watching.rest().await;
    let last = told.last().unwrap();
    assert_eq!((&last["type"], code), (&json!("cancelled"), 1000));
    assert_eq!(
        socket(api, &job).await.rest().await.0.as_slice(),
        std::slice::from_ref(last)
    );
}

#[tokio::test]
async fn every_end_is_told_on_the_embedded_store() {
    every_end_is_told(Backend::embedded().await).await;
}

#[tokio::test]
async fn every_end_is_told_on_mongodb() {
    every_end_is_told(Backend::mongodb().await).await;
}

/// The program ends in its time, well, and tells all who watch jobs that run: sockets are closed with 1001, streams end.
/// `service` listens; whether it runs the jobs too makes no difference.
async fn who_watches_is_told_that_the_service_ends(service: Service, backend: &Backend) {
    let api = &service.api;
    let mut jobs = Vec::new();
    for seed in 0..2 {
        let job = backend.begin(api, "orders-slow", SEED + seed, LONG).await;
        let begun = |job: &Value| job["stats"]["read"].as_u64() > Some(0);
        api.job_when(&job, "begun", DEADLINE, begun).await;
        jobs.push(job);
    }
    let (mut sockets, mut streams) = (Vec::new(), Vec::new());
    for client in 0..CLIENTS {
        let job = &jobs[client / 2 % jobs.len()];
        if client % 2 == 0 {
            let mut socket = socket(api, job).await;
            assert_eq!(socket.next().await.unwrap()["state"], "in_progress");
            sockets.push(socket);
        } else {
            let mut events = Events::open(api, &format!("/jobs/{job}/events")).await;
            let first = events.next().await.unwrap();
            assert_eq!(first.data["state"], "in_progress");
            streams.push(events);
        }
    }
    let sockets = futures::future::join_all(sockets.into_iter().map(Socket::rest));
    let streams = futures::future::join_all(streams.into_iter().map(Events::rest));
    let (ended, sockets, streams) = tokio::join!(service.stop(), sockets, streams);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let codes: Vec<u16> = sockets.iter().map(|(_, code)| *code).collect();
    assert_eq!(codes, [1001; CLIENTS / 2]);
    // None was told an end that was none.
    let told = sockets.into_iter().flat_map(|(told, _)| told);
    let events = streams.into_iter().flatten().map(|event| event.data);
    let told: Vec<Value> = told.chain(events).collect();
    assert_eq!(count(&told, "completed"), 0, "{told:#?}");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[tokio::test]
async fn who_watches_is_told_that_a_service_with_workers_ends() {
    let backend = Backend::embedded().await;
    who_watches_is_told_that_the_service_ends(backend.serve().await, &backend).await;
}

#[tokio::test]
async fn who_watches_is_told_that_a_service_without_workers_ends() {
    let backend = Backend::mongodb().await;
    let place = backend.machine("api").env("WORKERS", "0");
    let service = Service::start(&place, &[]).await;
    let worker = backend.place.start(["worker"]);
    who_watches_is_told_that_the_service_ends(service, &backend).await;
    // Its jobs go on: another process has them.
    let ended = worker.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
