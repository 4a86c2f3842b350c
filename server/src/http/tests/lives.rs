//! A job as it is shown through its life, and its rejects.

use super::*;
use crate::queue::{Held, Progress, Receipt, Renewal};
use crate::rejects::Run;
use pipeline::{Books, Busy, Cause, Checkpoint, Position, Problem, Reject, Tally};
use serde_json::json;

const NONE: Tenant = Tenant::NONE;

async fn get(server: &Server, path: &str) -> Answer {
    server.send(&server.api, Method::GET, path, "").await
}

fn reject(ordinal: u64, code: &'static str, raw: &str) -> Reject {
    let at = Position {
        ordinal,
        line: ordinal + 2,
        offset: ordinal * 10,
    };
    let problem = Problem::of_field(code, "n", "is not good");
    Reject::new(at, vec![problem], raw.as_bytes())
}

fn checkpoint(read: u64, loaded: u64, rejects: &[Reject]) -> Checkpoint {
    let mut books = Books::open(Position::START, 1);
    books.counters.read = read;
    books.counters.loaded = loaded;
    books.counters.already_loaded = read - loaded - rejects.len() as u64;
    books.counters.rejected = rejects.len() as u64;
    books.end.ordinal = read;
    rejects
        .iter()
        .for_each(|reject| books.summary.count(reject));
    Checkpoint {
        books,
        counted_from: Tally::default(),
        mark: None,
        head: String::new(),
        bytes_read: 0,
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    }
}

#[tokio::test]
async fn a_job_is_shown_as_it_is_from_queued_to_completed() {
    let server = Server::start().await;
    let file = server.file(&NONE, "parcels-1.csv", b"n\n1\n").await;
    let job = server.job(&NONE, file).await;
    let queued = get(&server, &format!("/jobs/{job}")).await.json();
    let sha256 = sha256(SPEC);
    for (name, expected) in [
        ("jobId", json!(job)),
        ("fileId", json!(file)),
        ("fileIds", json!([file])),
        (
            "spec",
            json!({ "name": "parcels", "version": 1, "sha256": sha256 }),
        ),
        ("state", json!("queued")),
        ("attempts", json!(0)),
        ("startedAt", Value::Null),
        ("finishedAt", Value::Null),
        ("progress", json!(0.0)),
        ("bytesRead", json!(0)),
        ("bytesTotal", json!(1_000)),
        ("recordsPerSecond", json!(0)),
        (
            "stats",
            json!({ "read": 0, "loaded": 0, "alreadyLoaded": 0, "rejected": 0, "dropped": 0, "skipped": 0 }),
        ),
        ("errors", json!([])),
        ("failure", Value::Null),
        ("workerId", Value::Null),
        ("lockUntil", Value::Null),
        ("callback", Value::Null),
    ] {
        assert_eq!(queued[name], expected, "{name}");
    }
    assert!(queued.get("expired").is_none());
    assert!(
        queued["createdAt"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );

    let (_, claim) = server.claim().await;
    let (queue, store) = (&server.service.stores.queue, &server.service.stores.rejects);
    let rejects: Vec<Reject> = (0..25)
        .map(|n| reject(n * 2, if n < 5 { "type" } else { "pattern" }, "=x,1"))
        .collect();
    let run = Run {
        tenant: NONE,
        job,
        run: 0,
    };
    store.store(&run, 1, &rejects).await.unwrap();
    let progress = Progress {
        furthest: 100,
        bytes_read: 420,
        bytes_total: Some(1_000),
        records_per_second: 7,
        busy: Some(Busy {
            read: 250,
            write: 875,
            ..Busy::default()
        }),
    };
    assert!(
        queue
            .save(&claim, 0, &checkpoint(100, 70, &rejects))
            .await
            .unwrap()
    );
    let renewal = Renewal {
        progress: progress.clone(),
        lease_ms: 600_000,
    };
    assert!(queue.renew(&claim, &renewal).await.unwrap());
    let running = get(&server, &format!("/jobs/{job}")).await.json();
    assert_eq!(
        (&running["state"], &running["progress"]),
        (&json!("in_progress"), &json!(0.42))
    );
    assert_eq!(
        (&running["workerId"], &running["recordsPerSecond"]),
        (&json!("test-1"), &json!(7))
    );
    assert_eq!(running["bottleneck"], "write");
    let busy = json!({"read": 0.25, "frame": 0.0, "parse": 0.0, "write": 0.875, "rate": 0.0});
    assert_eq!(running["busy"], busy);
    assert!(running["lockUntil"].is_string() && running["startedAt"].is_string());
    assert_eq!(running["errors"][0]["count"], 5);
    assert_eq!(running["errors"][0]["sample"]["record"], 1);

    let waited = server.api.clone();
    let path = format!("/jobs/{job}?wait=60");
    let waiting = tokio::spawn(async move { waited.get(&path).await });
    let receipt = Receipt {
        revision: 1,
        documents: 75,
        digest: "cc".repeat(32),
    };
    assert!(queue.finish(&claim, &progress, &receipt).await.unwrap());
    let ended = waiting.await.unwrap().is(200).json();
    assert_eq!(
        (&ended["state"], &ended["progress"]),
        (&json!("completed"), &json!(1.0))
    );
    assert_eq!(ended["lockUntil"], Value::Null);

    let shown = get(&server, &format!("/jobs/{job}/receipt"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&shown["documents"], &shown["revision"]),
        (&json!(75), &json!(1))
    );
    assert_eq!(shown["stats"]["alreadyLoaded"], 5);
    assert_eq!(shown["file"]["originalName"], "parcels-1.csv");
    let upload = get(&server, &format!("/api/upload/{file}/status"))
        .await
        .is(200)
        .json();
    for (name, expected) in [
        ("uploadId", json!(file)),
        ("jobId", json!(job)),
        ("status", json!("COMPLETED")),
        ("rowsProcessed", json!(75)),
        ("rowsFailed", json!(25)),
        ("error", Value::Null),
    ] {
        assert_eq!(upload[name], expected, "{name}");
    }
    let seen = get(&server, &format!("/files/{file}")).await.is(200).json();
    assert_eq!(
        (&seen["status"], &seen["originalName"]),
        (&json!("processed"), &json!("parcels-1.csv"))
    );
    assert!(seen["processedAt"].is_string() && seen["uploadedAt"].is_string());

    errors(&server, job).await;
}

/// Rejects are paged by number, behind a cursor, by filter, and all at once.
async fn errors(server: &Server, job: Id) {
    let path = format!("/jobs/{job}/errors");
    let page = get(server, &format!("{path}?limit=10&page=2"))
        .await
        .is(200)
        .json();
    assert_eq!(
        (&page["total"], &page["page"], &page["limit"]),
        (&json!(25), &json!(2), &json!(10))
    );
    assert_eq!(page["items"][0]["record"], 21);
    let mut records = Vec::new();
    let mut cursor = Some("0".to_owned());
    while let Some(from) = cursor {
        let page = get(server, &format!("{path}?limit=10&cursor={from}"))
            .await
            .is(200)
            .json();
        assert!(page.get("total").is_none() && page.get("page").is_none());
        let items = page["items"].as_array().unwrap();
        records.extend(items.iter().map(|item| item["record"].as_u64().unwrap()));
        cursor = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(records, (0..25).map(|n| n * 2 + 1).collect::<Vec<_>>());
    let of_code = get(server, &format!("{path}?code=type&field=n"))
        .await
        .is(200)
        .json();
    assert_eq!(of_code["total"], 5);
    let lines = get(server, &format!("{path}?format=jsonl"))
        .await
        .is(200)
        .text();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((lines.lines().count(), &first["raw"]), (25, &json!("=x,1")));
    let csv = get(server, &format!("{path}?format=csv&code=type"))
        .await
        .is(200);
    assert!(csv.header("content-disposition").starts_with("attachment"));
    let text = csv.text();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("record,line,offset,code,field,message,raw")
    );
    assert_eq!(lines.next(), Some("1,2,0,type,n,is not good,\"'=x,1\""));
    assert_eq!(lines.count(), 4);
}

#[tokio::test]
async fn a_held_job_says_why() {
    let server = Server::start().await;
    let file = server.file(&NONE, "parcels-1.csv", b"n\n1\n").await;
    let job = server.job(&NONE, file).await;
    let (_, claim) = server.claim().await;
    let held = Held {
        cause: Cause::Errors,
        message: "too many rejects".to_owned(),
    };
    let queue = &server.service.stores.queue;
    assert!(
        queue
            .hold(&claim, &Progress::default(), &held)
            .await
            .unwrap()
    );
    let shown = get(&server, &format!("/jobs/{job}")).await.is(200).json();
    assert_eq!(
        (&shown["state"], &shown["failure"]["code"]),
        (&json!("held"), &json!("errors"))
    );
    let upload = get(&server, &format!("/upload/{file}/status")).await.json();
    assert_eq!(
        (&upload["status"], &upload["error"]),
        (&json!("PROCESSING"), &json!("too many rejects"))
    );
}

#[tokio::test]
async fn a_cancelled_job_says_so_where_its_file_counts_as_failed() {
    let server = Server::start().await;
    let file = server.file(&NONE, "parcels-1.csv", b"n\n1\n").await;
    let job = server.job(&NONE, file).await;
    let cancelled = server.api.post(&format!("/jobs/{job}/cancel")).await;
    assert_eq!(cancelled.is(200).json()["state"], "cancelled");
    let seen = get(&server, &format!("/files/{file}")).await.is(200).json();
    assert_eq!(
        (&seen["status"], &seen["errorMessage"]),
        (&json!("failed"), &json!("the job was cancelled"))
    );
    let path = format!("/upload/{file}/status");
    let upload = get(&server, &path).await.is(200).json();
    assert_eq!(
        (&upload["status"], &upload["error"]),
        (&json!("FAILED"), &json!("the job was cancelled"))
    );
}
