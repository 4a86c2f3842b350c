//! What the service tells of itself: a log in which every line can be found by its ids and none holds a secret, and
//! metrics that count what was done.

use std::collections::BTreeSet;

use hyper::Method;
use mongodb::bson::doc;
use serde_json::{Value, json};
use testbed::api::{Answer, Api, bytes};
use testbed::eventually;
use testbed::orders::{HEADER, orders};

use super::backend::{Backend, DEADLINE, SEED, counts};
use super::tenants::key;

/// The password of a database's user.
const PASSWORD: &str = "correct-horse-battery";
/// What is sent as a key and is none.
const WRONG_KEY: &str = "sg_wrong-but-a-secret-all-the-same";

/// A request under an id of its own.
async fn ask(api: &Api, id: &str, method: Method, path: &str, body: Vec<u8>) -> Answer {
    let headers = [("x-request-id", id)];
    let answer = api.send(method, path, &headers, bytes(body)).await.unwrap();
    assert_eq!(answer.header("x-request-id"), id);
    answer
}

/// Every line of a log, which is an object with the fields that all have.
fn lines(log: &str) -> Vec<Value> {
    let parsed = log.lines().map(|text| {
        let line: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in the line {text}"));
        for name in ["timestamp", "level", "target", "message"] {
            assert!(line[name].is_string(), "{name} in {text}");
        }
        line
    });
    parsed.collect()
}

/// The lines with this field.
fn with<'a>(lines: &'a [Value], name: &str, value: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line[name] == value).collect()
}

/// The only line of these with this message.
fn one<'a>(lines: &[&'a Value], message: &str) -> &'a Value {
    let found: Vec<&Value> = lines
        .iter()
        .copied()
        .filter(|line| line["message"] == message)
        .collect();
    assert_eq!(found.len(), 1, "{message:?} in {lines:#?}");
    found[0]
}

/// The numbers of `/metrics`, by name and labels.
struct Metrics(String);

impl Metrics {
    async fn read(api: &Api) -> Self {
        Self(api.get("/metrics").await.is(200).text())
    }

    /// The sum over all labels that begin so: `name` alone, or `name{label="value"`.
    fn sum(&self, begin: &str) -> u64 {
        let lines = self.0.lines().filter(|line| {
            let rest = line.strip_prefix(begin);
            rest.is_some_and(|rest| rest.starts_with([' ', '{', ',', '}']))
        });
        let numbers = lines.map(|line| line.rsplit(' ').next().unwrap_or_default());
        numbers.map(|number| number.parse::<u64>().unwrap()).sum()
    }
}

async fn a_flow_is_told(mut backend: Backend, secrets: &[&str]) {
    backend.place = backend
        .place
        .env("LOG_FORMAT", "json")
        .env("RUST_LOG", "debug");
    let key = key(&backend.place, "acme").await;
    let service = backend.serve().await;
    let api = service.api.with_key(&key);
    let (path, totals) = backend.orders("orders-1.csv", SEED, 2_000);
    let content = std::fs::read(&path).unwrap();

    let put = Method::PUT;
    let kept = ask(
        &api,
        "the-upload",
        put.clone(),
        "/upload/orders-1.csv",
        content,
    )
    .await;
    let file = kept.is(201).json()["fileId"].as_str().unwrap().to_owned();
    ask(&api, "the-refusal", put, "/upload/page.exe", b"a".to_vec())
        .await
        .refused(415, "unsupported_type");
    let process = format!("/process/{file}?spec=orders-e2e");
    let queued = ask(&api, "the-process", Method::POST, &process, vec![]).await;
    let job = queued.is(202).json()["jobId"].as_str().unwrap().to_owned();
    counts(&api.job_in(&job, "completed", DEADLINE).await, &totals);
    service.api.with_key(WRONG_KEY).get("/jobs").await.is(401);
    api.get(&format!("/jobs?key={WRONG_KEY}")).await.is(400);
    for path in ["/healthz", "/livez"] {
        service.api.get(path).await.is(200);
    }
    let rejects = api
        .get(&format!("/jobs/{job}/errors?limit=200"))
        .await
        .is(200)
        .json();

    // The job is completed a moment before that is counted.
    eventually("the end is counted", DEADLINE, async || {
        Metrics::read(&api)
            .await
            .sum("sluicegate_ended_jobs_total{state=\"completed\"")
            == 1
    })
    .await;
    let metrics = Metrics::read(&api).await;
    for (begin, expected) in [
        ("sluicegate_records_total{outcome=\"loaded\"", totals.loaded),
        ("sluicegate_records_total{outcome=\"already_loaded\"", 0),
        (
            "sluicegate_records_total{outcome=\"rejected\"",
            totals.rejected,
        ),
        (
            "sluicegate_records_total{outcome=\"dropped\"",
            totals.dropped,
        ),
        ("sluicegate_rejects_total", totals.rejected),
        ("sluicegate_read_bytes_total", totals.bytes),
        ("sluicegate_uploads_total", 1),
        ("sluicegate_uploaded_bytes_total", totals.bytes),
        (
            "sluicegate_refused_uploads_total{code=\"unsupported_type\"",
            1,
        ),
        ("sluicegate_refused_uploads_total", 1),
        ("sluicegate_ended_jobs_total", 1),
        ("sluicegate_lost_leases_total", 0),
        (
            "sluicegate_requests_total{route=\"/process/{fileId}\",method=\"POST\",status=\"202\"",
            1,
        ),
        ("sluicegate_requests_total{route=\"/jobs\"", 2),
        (
            "sluicegate_request_seconds_count{route=\"/process/{fileId}\"",
            1,
        ),
    ] {
        assert_eq!(metrics.sum(begin), expected, "{begin} in {}", metrics.0);
    }
    let is_timed = metrics.sum("sluicegate_batch_seconds_count") > 0;
    assert!(is_timed, "{}", metrics.0);
    eventually("the queue is measured", DEADLINE, async || {
        let text = Metrics::read(&api).await.0;
        let names = [
            "jobs{state=\"queued\"} 0",
            "jobs{state=\"held\"} 0",
            "oldest_due_seconds 0",
        ];
        names
            .iter()
            .all(|name| text.contains(&format!("\nsluicegate_{name}")))
    })
    .await;

    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines = lines(&ended.stderr);
    let all: Vec<&Value> = lines.iter().collect();
    let begins = one(&all, "the process begins");
    assert!(
        begins["version"].is_string() && begins["workers"].is_u64(),
        "{begins}"
    );
    assert!(one(&all, "the process ends")["seconds"].is_u64());
    requests(&lines, &file, &job);
    one_job(&lines, &job, &totals);
    for line in &lines {
        let is_ours = ["sluicegate", "stages"]
            .iter()
            .any(|ours| line["target"].as_str().unwrap().starts_with(ours));
        assert!(is_ours || line["level"] != "DEBUG", "{line}");
    }
    let raw = rejects["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reject| &reject["raw"]);
    let raw: BTreeSet<&str> = raw.filter_map(Value::as_str).collect();
    assert!(!raw.is_empty());
    let own = [key.as_str(), key.trim_start_matches("sg_"), WRONG_KEY];
    for secret in raw
        .iter()
        .copied()
        .chain(own)
        .chain(secrets.iter().copied())
    {
        assert!(
            !ended.stderr.contains(secret),
            "{secret} in {}",
            ended.stderr
        );
        assert!(
            !ended.stdout.contains(secret),
            "{secret} in {}",
            ended.stdout
        );
    }
}

/// One line tells each request, and what was done for it has its id.
fn requests(lines: &[Value], file: &str, job: &str) {
    for (id, method, route, status) in [
        ("the-upload", "PUT", "/upload/{filename}", 201),
        ("the-refusal", "PUT", "/upload/{filename}", 415),
        ("the-process", "POST", "/process/{fileId}", 202),
    ] {
        let of_request = with(lines, "requestId", id);
        let answered = one(&of_request, "answered");
        let told = ["level", "method", "route", "status", "tenant"].map(|name| &answered[name]);
        let expected = [
            json!("INFO"),
            json!(method),
            json!(route),
            json!(status),
            json!("acme"),
        ];
        assert_eq!(told, expected.each_ref(), "{answered}");
        assert!(answered["ms"].is_u64(), "{answered}");
    }
    let of = |id| one(&with(lines, "requestId", id), "answered").clone();
    assert_eq!(
        (&of("the-upload")["fileId"], &of("the-process")["fileId"]),
        (&json!(file), &json!(file))
    );
    assert_eq!(of("the-refusal")["code"], "unsupported_type");
    let submitted = with(lines, "requestId", "the-process");
    assert_eq!(one(&submitted, "submitted")["jobId"], job);
    for line in with(lines, "message", "answered") {
        let is_asked_often = ["/healthz", "/livez", "/metrics"]
            .iter()
            .any(|route| line["route"] == *route);
        assert_eq!(line["level"] == "DEBUG", is_asked_often, "{line}");
        assert!(
            line["requestId"].as_str().is_some_and(|id| !id.is_empty()),
            "{line}"
        );
    }
}

/// The way of a job is told from its claim to its end, each line with its ids.
fn one_job(lines: &[Value], job: &str, totals: &testbed::truth::Totals) {
    let of_job = with(lines, "jobId", job);
    let claimed = one(&of_job, "claimed");
    assert_eq!(
        ["spec", "fence", "attempts"].map(|name| &claimed[name]),
        [&json!("orders-e2e"), &json!(1), &json!(0)],
        "{claimed}"
    );
    let ended = one(&of_job, "ended");
    let expected = json!({
        "state": "completed", "read": totals.read, "loaded": totals.loaded, "alreadyLoaded": 0,
        "rejected": totals.rejected, "dropped": totals.dropped, "bytesRead": totals.bytes,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&ended[name], value, "{name} of {ended}");
    }
    assert!(ended["seconds"].is_number(), "{ended}");
    for line in of_job {
        assert_eq!(line["tenant"], "acme", "{line}");
    }
}

#[tokio::test]
async fn a_flow_is_told_on_the_embedded_store() {
    a_flow_is_told(Backend::embedded().await, &[]).await;
}

#[tokio::test]
async fn a_flow_is_told_on_mongodb_without_its_password() {
    let mut backend = Backend::mongodb().await;
    let mongod = backend.mongod.as_ref().unwrap();
    let admin = mongod.client().await.database("admin");
    let user = doc! { "createUser": "clerk", "pwd": PASSWORD, "roles": ["root"] };
    admin.run_command(user).await.unwrap();
    let with_password = format!("mongodb://clerk:{PASSWORD}@");
    let uri = mongod.uri_for("shop").replace("mongodb://", &with_password) + "&authSource=admin";
    backend.place = backend.place.env("MONGODB_URI", uri);
    let variables = backend.s3.as_ref().unwrap().env();
    let aws: Vec<&str> = variables
        .iter()
        .filter(|(name, _)| name.contains("KEY"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(aws.len(), 2);
    a_flow_is_told(backend, &[&[PASSWORD], &*aws].concat()).await;
}

#[tokio::test]
async fn a_cancelled_job_is_told_once_and_is_no_warning() {
    let mut backend = Backend::embedded().await;
    backend.place = backend.place.env("LOG_FORMAT", "json");
    let service = backend.serve().await;
    let job = backend
        .begin(&service.api, "orders-slow", SEED, 20_000)
        .await;
    let runs = |job: &Value| job["stats"]["read"].as_u64() > Some(0);
    let shown = service.api.job_when(&job, "running", DEADLINE, runs).await;
    // Counters and bytes are of one moment.
    let read = shown["stats"]["read"].as_u64().unwrap();
    let records = orders(SEED, read).map(|order| order.bytes.len() as u64);
    let bytes = HEADER.len() as u64 + records.sum::<u64>();
    assert_eq!(shown["bytesRead"], bytes, "{shown:#}");
    let total = shown["bytesTotal"].as_f64().unwrap();
    assert_eq!(shown["progress"], bytes as f64 / total, "{shown:#}");
    let cancel = format!("/jobs/{job}/cancel");
    service.api.post(&cancel).await.is(200);
    eventually("the worker is free", DEADLINE, async || {
        service.stderr().contains("the job was cancelled")
    })
    .await;
    let lines = lines(&service.stop().await.stderr);
    let warned: Vec<_> = lines
        .iter()
        .filter(|line| line["level"] == "WARN")
        .collect();
    assert!(warned.is_empty(), "{warned:#?}");
    let of_job = with(&lines, "jobId", &job);
    let told = of_job.iter().filter(|line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("the job was cancelled")
    });
    assert_eq!(told.count(), 1, "{of_job:#?}");
}

#[tokio::test]
async fn what_is_logged_follows_from_the_command_and_the_environment() {
    let backend = Backend::embedded().await;
    let service = backend.serve().await;
    service.api.get("/jobs").await.is(200);
    let text = service.stop().await.stderr;
    assert!(
        text.contains("answered") && text.contains("the process ends"),
        "{text}"
    );
    let quiet = backend.place.run(["defaults"]).await;
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""));
    let refused = Backend::embedded().await;
    let refused = refused
        .place
        .env("RUST_LOG", "stages=loud")
        .run(["defaults"])
        .await;
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("RUST_LOG"), "{}", refused.stderr);
}
