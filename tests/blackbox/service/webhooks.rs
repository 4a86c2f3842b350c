//! Webhooks from outside: what is told when a job ends, by whom it is signed, and what a crash leaves to tell.

use std::process::Stdio;

use serde_json::{Value, json};
use testbed::eventually;
use testbed::fetched;
use testbed::receiver::{Answers, Received, Receiver};
use tokio::process::Command;

use super::backend::{Backend, DEADLINE, SEED};
use super::memory::peak_bytes;
use super::tenants::key;
use crate::people::says;

/// What signs messages: base64 of 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// What a process says of webhooks that it cannot sign.
const WAITS: &str = "webhooks wait: WEBHOOK_SECRET is not set here";
const RECORDS: u64 = 300;
/// Jobs that two workers share.
const MANY_JOBS: usize = 12;
/// A long answer of a receiver.
const GB: u64 = 1_000_000_000;
/// The most memory that it may take.
const MAX_GROWTH_BYTES: u64 = 16 * 1024 * 1024;

/// Hands a message to what the README says to receivers, which is another implementation of the standard than ours: exit
/// code 0 where it is right.
const RECEIVE: &str = "
import sys
message = json.load(sys.stdin)
print(json.dumps(received(message['headers'], message['body'].encode())))
";

/// What the README says to receivers, in Python.
fn receiver_of_the_readme() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("### Webhooks: what you receive").nth(1);
    let section = section.and_then(|section| section.split("\n#").next());
    let block = section.and_then(|section| section.split("```python\n").nth(1));
    let block = block.and_then(|block| block.split("```").next());
    block.expect("the README has a receiver").to_owned()
}

/// A service that may tell receivers on loopback.
fn tells(mut backend: Backend) -> Backend {
    backend.place = signs(backend.place);
    backend
}

fn signs(place: testbed::process::Sluicegate) -> testbed::process::Sluicegate {
    place
        .env("WEBHOOK_SECRET", SECRET)
        .env("WEBHOOK_ALLOW", "127.0.0.0/8")
}

async fn good() -> Receiver {
    Receiver::start(|_, _| Answers::Status(200)).await
}

async fn comes(receiver: &Receiver, messages: usize) -> Vec<Received> {
    eventually("the messages", DEADLINE, async || {
        receiver.received().len() >= messages
    })
    .await;
    receiver.received()
}

/// Whether another implementation takes a message that is signed with `secret`.
async fn verifies(message: &Received, secret: &str) -> bool {
    let headers: serde_json::Map<String, Value> = message
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let received = message.json();
    let message = json!({ "headers": headers, "body": String::from_utf8_lossy(&message.body) });
    let packages = fetched("SLUICEGATE_TEST_STANDARDWEBHOOKS", "standardwebhooks");
    // -S leaves out what else is installed on the machine.
    let mut script = Command::new("python3")
        .args(["-S", "-c"])
        .arg(format!("{}{RECEIVE}", receiver_of_the_readme()))
        .env("WEBHOOK_SECRET", secret)
        .env("PYTHONPATH", packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = script.stdin.take().unwrap();
    let text = message.to_string();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, text.as_bytes())
        .await
        .unwrap();
    drop(stdin);
    let ended = script.wait_with_output().await.unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    let refused = stderr.contains("WebhookVerificationError");
    assert!(ended.status.success() || refused, "{stderr}");
    if ended.status.success() {
        let read: Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!(read, received, "what was signed is what is read");
    }
    ended.status.success()
}

async fn a_completed_job_is_told(backend: Backend) {
    let backend = tells(backend);
    let receiver = good().await;
    let service = backend.serve().await;
    let (path, _) = backend.orders("orders-1.csv", SEED, RECORDS);
    let url = receiver.url("/hook?token=hidden");
    let query = format!(
        "?spec=orders-e2e&process=true&callbackUrl={}",
        encoded(&url)
    );
    let submitted = service.api.upload_file(&path, &query).await.is(202).json();
    let job = submitted["jobId"].as_str().unwrap();
    let done = service.api.job_in(job, "completed", DEADLINE).await;

    let message = comes(&receiver, 1).await.remove(0);
    assert_eq!(message.path, "/hook?token=hidden");
    assert!(verifies(&message, SECRET).await, "{message:?}");
    let another = SECRET.replace("MDEy", "MDEz");
    assert!(!verifies(&message, &another).await);
    let body = message.json();
    assert_eq!(body["type"], "job.completed");
    assert_eq!(body["timestamp"], done["finishedAt"]);
    for (name, value) in [
        ("jobId", "jobId"),
        ("fileId", "fileId"),
        ("uploadId", "fileId"),
    ] {
        assert_eq!(body[name], submitted[value], "{name}");
    }
    assert_eq!(body["status"], "COMPLETED");
    assert_eq!(body["rowsProcessed"], done["stats"]["loaded"]);
    assert_eq!(body["rowsFailed"], done["stats"]["rejected"]);
    assert_eq!(
        (&body["error"], &body["data"]["state"]),
        (&Value::Null, &"completed".into())
    );

    let is_delivered = |job: &Value| job["callback"]["state"] == "delivered";
    let told = service
        .api
        .job_when(job, "told", DEADLINE, is_delivered)
        .await;
    let callback = &told["callback"];
    assert_eq!(
        (&callback["url"], &callback["attempts"]),
        (&url.as_str().into(), &1.into())
    );
    assert!(callback["deliveredAt"].is_string() && callback["nextAt"].is_null());
    let deliveries = format!("/jobs/{job}/deliveries");
    let log = service.api.get(&deliveries).await.is(200).json();
    let tried = &log["items"][0];
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
    assert_eq!((&tried["n"], &tried["status"]), (&1.into(), &200.into()));
    assert_eq!(tried["webhookId"], message.header("webhook-id"));

    // Again, as the same message.
    service
        .api
        .post(&format!("{deliveries}/1/resend"))
        .await
        .is(202);
    service
        .api
        .post(&format!("{deliveries}/9/resend"))
        .await
        .refused(404, "not_found");
    service
        .api
        .post(&format!("{deliveries}/x/resend"))
        .await
        .refused(404, "not_found");
    let again = comes(&receiver, 2).await.remove(1);
    assert_eq!(again.header("webhook-id"), message.header("webhook-id"));
    assert!(verifies(&again, SECRET).await);
    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for secret in ["hidden", SECRET.trim_start_matches("whsec_")] {
        assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_completed_job_is_told_on_the_embedded_store() {
    a_completed_job_is_told(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_completed_job_is_told_on_mongodb() {
    a_completed_job_is_told(Backend::mongodb().await).await;
}

#[tokio::test]
async fn a_gigabyte_that_is_answered_takes_no_memory() {
    let backend = tells(Backend::embedded().await);
    let receiver = Receiver::start(|number, _| match number {
        1 => Answers::Status(200),
        _ => Answers::Bytes(GB),
    })
    .await;
    let service = backend.serve().await;
    let url = encoded(&receiver.url("/"));
    let mut peaks = Vec::new();
    // What the first one takes is taken by every job.
    for n in 0..3 {
        let (path, _) = backend.orders("orders-1.csv", SEED + n, RECORDS);
        let query = format!("?spec=orders-e2e&process=true&callbackUrl={url}");
        let job = service.api.upload_file(&path, &query).await.is(202).json();
        let is_delivered = |job: &Value| job["callback"]["state"] == "delivered";
        let id = job["jobId"].as_str().unwrap();
        let told = service.api.job_when(id, "told", DEADLINE, is_delivered);
        told.await;
        peaks.push(peak_bytes(service.process()));
    }
    println!("{peaks:?} B at most behind each answer");
    assert!(peaks[2] <= peaks[0] + MAX_GROWTH_BYTES, "{peaks:?}");
    assert!(
        receiver.written_bytes() < GB / 10,
        "{}",
        receiver.written_bytes()
    );
}

#[tokio::test]
async fn a_message_that_a_crash_cut_off_is_sent_again_as_the_same() {
    let backend = tells(Backend::embedded().await);
    // The first try is not answered: the process dies while it waits.
    let receiver = Receiver::start(|number, _| match number {
        1 => Answers::Hangs,
        _ => Answers::Status(200),
    })
    .await;
    let service = backend.serve().await;
    let url = encoded(&receiver.url("/"));
    let (path, _) = backend.orders("orders-1.csv", SEED, RECORDS);
    let query = format!("?spec=orders-e2e&process=true&callbackUrl={url}");
    let job = service.api.upload_file(&path, &query).await.is(202).json();
    let job = job["jobId"].as_str().unwrap();
    comes(&receiver, 1).await;
    service.kill().await;
    let service = backend.serve().await;
    let is_delivered = |job: &Value| job["callback"]["state"] == "delivered";
    service
        .api
        .job_when(job, "told", DEADLINE, is_delivered)
        .await;
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(
        received[0].header("webhook-id"),
        received[1].header("webhook-id")
    );
    assert_eq!(
        received[0].json()["timestamp"],
        received[1].json()["timestamp"]
    );
}

#[tokio::test]
async fn what_ended_while_nobody_could_sign_is_told_later() {
    let backend = Backend::embedded().await;
    let receiver = good().await;
    // Who sets the default has no secret either, and needs none.
    let set = backend_place(&backend)
        .env("WEBHOOK_ALLOW", "127.0.0.0/8")
        .run(["webhooks", "set", &receiver.url("/")])
        .await;
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let service = backend.serve().await;
    let job = backend
        .begin(&service.api, "orders-e2e", SEED, RECORDS)
        .await;
    let done = service.api.job_in(&job, "completed", DEADLINE).await;
    assert_eq!(done["callback"]["state"], "pending");
    let ended = service.stop().await;
    assert_eq!(receiver.connections(), 0);
    // One is there already when a process starts: it says so, once.
    let service = backend.serve().await;
    eventually("its words", DEADLINE, async || {
        service.stderr().contains(WAITS)
    })
    .await;
    let again = service.stop().await;
    for stderr in [&ended.stderr, &again.stderr] {
        assert!(stderr.matches(WAITS).count() <= 1, "{stderr}");
    }
    let backend = tells(backend);
    let _service = backend.serve().await;
    assert_eq!(comes(&receiver, 1).await[0].json()["jobId"], job.as_str());
}

/// The same folder, with variables of its own.
fn backend_place(backend: &Backend) -> testbed::process::Sluicegate {
    super::super::job::place().env("DATA_DIR", backend.place.path("data"))
}

#[tokio::test]
async fn a_tenant_has_a_default_and_a_request_may_name_another() {
    let backend = tells(Backend::embedded().await);
    let (by_default, named) = (good().await, good().await);
    let acme = key(&backend.place, "acme").await;
    let show = ["webhooks", "show", "--tenant", "acme"];
    let run = async |args: &[&str]| {
        let ended = backend.place.run(args).await;
        (ended.code, ended.stdout)
    };
    assert_eq!(run(&show).await, (Some(0), String::new()));
    let url = by_default.url("/default");
    assert_eq!(
        run(&["webhooks", "set", &url, "--tenant", "acme"]).await.0,
        Some(0)
    );
    assert_eq!(run(&show).await, (Some(0), format!("{url}\n")));
    for wrong in ["http://8.8.8.8/", "https://10.0.0.1/", "ftp://example.com/"] {
        assert_eq!(run(&["webhooks", "set", wrong]).await.0, Some(2), "{wrong}");
    }
    let service = backend.serve().await;
    let api = service.api.with_key(&acme);
    backend.begin(&api, "orders-e2e", SEED, RECORDS).await;
    assert_eq!(comes(&by_default, 1).await[0].path, "/default");

    let (path, _) = backend.orders("orders-2.csv", SEED + 1, RECORDS);
    let file = api.upload_file(&path, "").await.is(201).json();
    let process = format!("/process/{}", file["fileId"].as_str().unwrap());
    let body = json!({ "spec": "orders-e2e", "callbackUrl": named.url("/named") });
    api.post_json(&process, &body).await.is(202);
    assert_eq!(comes(&named, 1).await[0].path, "/named");
    assert_eq!(by_default.received().len(), 1);
    assert_eq!(
        run(&["webhooks", "clear", "--tenant", "acme"]).await.0,
        Some(0)
    );
    assert_eq!(run(&show).await, (Some(0), String::new()));
}

async fn a_default_is_somebodys(backend: Backend) {
    let backend = tells(backend);
    let url = "https://hook.example/";
    let run = async |args: &[&str]| backend.place.run(["webhooks"].iter().chain(args)).await;
    // Nobody is known by that name, also before anything is kept.
    for args in [
        &["show", "--tenant", "acme"][..],
        &["clear", "--tenant", "acme"],
        &["set", url, "--tenant", "acme"],
    ] {
        let refused = run(args).await;
        says(&refused, 1, &["tenant_not_found", "acme", "keys add"]);
        assert_eq!(refused.stdout, "", "{args:?}");
    }
    says(&run(&["set", url]).await, 0, &[url]);

    // With keys, every job is a tenant's; what was set before is found, and can be taken away.
    key(&backend.place, "acme").await;
    says(&run(&["set", url]).await, 2, &["API keys", "--tenant"]);
    says(&run(&["show"]).await, 0, &[url]);
    says(&run(&["clear"]).await, 0, &[]);
    says(&run(&["show"]).await, 2, &["--tenant"]);
    says(&run(&["clear"]).await, 2, &["--tenant"]);
    says(&run(&["set", url, "--tenant", "acme"]).await, 0, &[url]);
    says(&run(&["show", "--tenant", "acme"]).await, 0, &[url]);
    let unknown = run(&["set", url, "--tenant", "acmee"]).await;
    says(&unknown, 1, &["tenant_not_found"]);

    // A revoked key is one that was there.
    let listed = backend.place.run(["keys", "list"]).await.stdout;
    let id = listed.split_whitespace().next().unwrap();
    says(&backend.place.run(["keys", "revoke", id]).await, 0, &[id]);
    says(&run(&["set", url, "--tenant", "acme"]).await, 0, &[url]);
    says(&run(&["set", url]).await, 0, &[url]);
}

#[tokio::test]
async fn a_default_is_somebodys_on_the_embedded_store() {
    a_default_is_somebodys(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_default_is_somebodys_on_mongodb() {
    a_default_is_somebodys(Backend::mongodb().await).await;
}

#[tokio::test]
async fn a_url_that_cannot_be_right_is_refused_before_anything_is_kept() {
    let mut backend = Backend::embedded().await;
    let canary = good().await;
    let service = backend.serve().await;
    let csv = || "a,b\n1,2\n";
    let upload = async |api: &testbed::api::Api, url: &str| {
        let query = format!("?spec=orders-e2e&process=true&callbackUrl={}", encoded(url));
        api.upload("orders-1.csv", &query, csv()).await
    };
    let refused = upload(&service.api, "https://example.com/").await;
    let refused = refused.refused(422, "webhooks_off").json();
    assert!(
        refused["hint"].as_str().unwrap().contains("WEBHOOK_SECRET"),
        "{refused}"
    );
    service.stop().await;

    backend.place = backend.place.env("WEBHOOK_SECRET", SECRET);
    let service = backend.serve().await;
    let port = canary.port();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::ffff:7f00:1]",
        "localhost",
        "169.254.169.254",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            upload(&service.api, &url)
                .await
                .refused(422, "bad_callback");
        }
    }
    let user = "https://user:secret@example.com/";
    upload(&service.api, user)
        .await
        .refused(422, "bad_callback");
    assert_eq!(service.api.get("/files").await.is(200).json()["total"], 0);
    let file = service
        .api
        .upload("orders-1.csv", "", csv())
        .await
        .is(201)
        .json();
    let process = format!("/process/{}", file["fileId"].as_str().unwrap());
    let body = json!({ "spec": "orders-e2e", "callbackUrl": "http://127.1/" });
    service
        .api
        .post_json(&process, &body)
        .await
        .refused(422, "bad_callback");
    assert_eq!(service.api.get("/jobs").await.is(200).json()["total"], 0);
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_secret_that_is_none_is_refused_at_the_start() {
    let backend = Backend::embedded().await;
    for (name, value) in [
        ("WEBHOOK_SECRET", "whsec_c2hvcnQ="),
        ("WEBHOOK_SECRET", "hunter2hunter2hunter2hunter2"),
        ("WEBHOOK_ALLOW", "loopback"),
    ] {
        let place = backend_place(&backend).env(name, value);
        let ended = place.run(["serve", "--port", "0"]).await;
        assert_eq!(ended.code, Some(2), "{name}");
        assert!(ended.stderr.contains(name), "{}", ended.stderr);
        let shows = name == "WEBHOOK_SECRET" && ended.stderr.contains(value);
        assert!(!shows, "{}", ended.stderr);
    }
}

/// Three processes share one store: what is due is one sender's.
#[tokio::test]
async fn while_nothing_crashes_each_message_comes_once() {
    let backend = tells(Backend::mongodb().await);
    let receiver = good().await;
    let service = testbed::service::Service::start(&backend.place, &["--workers", "0"]).await;
    let workers = [
        backend.place.start(["worker"]),
        backend.place.start(["worker"]),
    ];
    let url = encoded(&receiver.url("/"));
    let mut jobs = Vec::new();
    for n in 0..MANY_JOBS {
        let (path, _) = backend.orders(&format!("orders-{n}.csv"), SEED + n as u64, 20);
        let query = format!("?spec=orders-any&process=true&callbackUrl={url}");
        let submitted = service.api.upload_file(&path, &query).await.is(202).json();
        jobs.push(submitted["jobId"].as_str().unwrap().to_owned());
    }
    let is_delivered = |job: &Value| job["callback"]["state"] == "delivered";
    for job in &jobs {
        service
            .api
            .job_when(job, "told", DEADLINE, is_delivered)
            .await;
    }
    for worker in workers {
        worker.stop().await;
    }
    service.stop().await;
    let received = receiver.received();
    let told = received
        .iter()
        .map(|message| message.json()["jobId"].as_str().unwrap().to_owned());
    let mut told: Vec<String> = told.collect();
    told.sort();
    jobs.sort();
    assert_eq!(told, jobs);
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    bytes.collect()
}
