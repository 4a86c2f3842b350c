//! What another version of the program wrote into the stores: a newer one, which adds to it, and an older one, which did not
//! know all of it yet. A job that it has left in the middle, and one that it has queued, are done as if nothing had happened.
//!
//! What stands here is the promise of a rolling upgrade, from which `deploy/upgrade-check` takes two real programs.

use mongodb::bson::{Bson, Document, doc};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use testbed::api::Api;
use testbed::crash::{Upgrade, upgrade};
use testbed::service::Service;

use super::backend::{Backend, DEADLINE, SEED, counts, read};
use crate::job::BINARY;

const LONG: u64 = 16_000;
const SHORT: u64 = 500;
/// Records of a file that comes in while processes are replaced: more than a second.
const RECORDS_OF_UPGRADE: u64 = 10_000;

/// Who wrote what is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Newer,
    Older,
}

/// What an older program did not write into a checkpoint: its members, those of its books, and those of their counters.
const LATER_IN_CHECKPOINTS: [&[&str]; 3] = [
    &["carried", "secrets", "bytes_read", "busy"],
    &["totals", "surplus"],
    &["warned"],
];
/// What an older program did not write into jobs of MongoDB.
const LATER_IN_JOBS: [&str; 8] = [
    "progress.busy",
    "specFrom",
    "parent",
    "child",
    "childMoved",
    "callback",
    "checkpoint.processed",
    "checkpoint.rejected",
];
/// Columns that tables of the embedded store did not have.
const LATER_COLUMNS: [(&str, &str); 9] = [
    ("jobs", "busy"),
    ("jobs", "spec_from"),
    ("jobs", "parent"),
    ("jobs", "child"),
    ("jobs", "child_moved"),
    ("jobs", "callback_due_ms"),
    ("jobs", "callback_host"),
    ("jobs", "callback"),
    ("rejects", "fence"),
];

/// The text of a checkpoint, as this writer would have it.
fn checkpoint(text: &str, writer: Writer) -> String {
    let mut checkpoint: Value = serde_json::from_str(text).unwrap();
    let levels = ["", "/books", "/books/counters"];
    for (level, later) in levels.into_iter().zip(LATER_IN_CHECKPOINTS) {
        let members: &mut Map<String, Value> = checkpoint
            .pointer_mut(level)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match writer {
            Writer::Newer => {
                members.insert("ofANewerVersion".to_owned(), json!({ "a": [1] }));
            }
            Writer::Older => members.retain(|name, _| !later.contains(&name.as_str())),
        }
    }
    checkpoint.to_string()
}

/// Changes everything in MongoDB to what this writer would have left, and says how many checkpoints there were.
async fn rewrite_mongodb(backend: &Backend, writer: Writer) -> u64 {
    let client = backend.mongod.as_ref().unwrap().client().await;
    let mut checkpoints = 0;
    for database in ["shop", "shop_state"].map(|name| client.database(name)) {
        for name in database.list_collection_names().await.unwrap() {
            if name == "orders" {
                continue;
            }
            let all = database.collection::<Document>(&name);
            if writer == Writer::Newer {
                let more = doc! { "$set": { "ofANewerVersion": { "a": [1] } } };
                all.update_many(doc! {}, more).await.unwrap();
            }
            if name == "rejects" && writer == Writer::Older {
                let less = doc! { "$unset": { "fence": "" } };
                all.update_many(doc! {}, less).await.unwrap();
            }
        }
    }
    let jobs = client.database("shop_state").collection::<Document>("jobs");
    let mut found = jobs.find(doc! {}).await.unwrap();
    while found.advance().await.unwrap() {
        let job = found.deserialize_current().unwrap();
        let mut set = Document::new();
        let mut unset = Document::new();
        if let Ok(texts) = job.get_document("checkpoint") {
            let text = checkpoint(texts.get_str("books").unwrap(), writer);
            set.insert("checkpoint.books", text);
            checkpoints += 1;
        }
        let parts = ["spec", "load", "progress", "checkpoint", "callback"];
        match writer {
            Writer::Newer => {
                let parts = parts.into_iter().filter(|part| job.contains_key(part));
                set.extend(parts.map(|part| {
                    let member = format!("{part}.ofANewerVersion");
                    (member, Bson::from(true))
                }));
            }
            Writer::Older => {
                set.insert("progress.bottleneck", "write");
                unset.extend(LATER_IN_JOBS.map(|name| (name.to_owned(), Bson::from(""))));
            }
        }
        let mut change = doc! { "$set": set };
        if !unset.is_empty() {
            change.insert("$unset", unset);
        }
        let id = job.get("_id").unwrap().clone();
        jobs.update_one(doc! { "_id": id }, change).await.unwrap();
    }
    checkpoints
}

/// The same in the files of the embedded store.
fn rewrite_sqlite(backend: &Backend, writer: Writer) -> u64 {
    let open = |name: &str| Connection::open(backend.place.path("data").join(name)).unwrap();
    let service = open("service.db");
    let jobs = "SELECT rowid, checkpoint FROM jobs WHERE checkpoint IS NOT NULL";
    let mut select = service.prepare(jobs).unwrap();
    let jobs = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let jobs: Vec<(i64, String)> = jobs.unwrap().map(Result::unwrap).collect();
    drop(select);
    for (row, text) in &jobs {
        let update = "UPDATE jobs SET checkpoint = ?2 WHERE rowid = ?1";
        let text = checkpoint(text, writer);
        service.execute(update, (row, text)).unwrap();
    }
    match writer {
        Writer::Newer => {
            for file in [&service, &open("documents.db")] {
                let tables =
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'orders'";
                let mut select = file.prepare(tables).unwrap();
                let tables = select.query_map([], |row| row.get(0));
                let tables: Vec<String> = tables.unwrap().map(Result::unwrap).collect();
                for table in tables {
                    let add = format!(
                        "ALTER TABLE \"{table}\" ADD COLUMN of_a_newer_version TEXT NOT NULL DEFAULT 'x'"
                    );
                    file.execute_batch(&add).unwrap();
                }
            }
        }
        Writer::Older => {
            service.execute_batch("DROP INDEX jobs_callbacks").unwrap();
            for (table, column) in LATER_COLUMNS {
                let less = format!("ALTER TABLE {table} DROP COLUMN {column}");
                service.execute_batch(&less).unwrap();
            }
            let rest = "DROP TABLE default_callbacks; DROP TABLE tickets;
                ALTER TABLE jobs ADD COLUMN bottleneck TEXT; PRAGMA user_version = 0";
            service.execute_batch(rest).unwrap();
        }
    }
    jobs.len() as u64
}

async fn rewrite(backend: &Backend, writer: Writer) -> u64 {
    match backend.mongod {
        Some(_) => rewrite_mongodb(backend, writer).await,
        None => rewrite_sqlite(backend, writer),
    }
}

/// Uploads some orders into a collection of their own and asks for them to be loaded: the job's id.
async fn queue(backend: &Backend, api: &Api) -> String {
    let (path, _) = backend.orders("queued.csv", SEED + 1, SHORT);
    let query = "?spec=orders-queued&process=true";
    let submitted = api.upload_file(&path, query).await.is(202).json();
    submitted["jobId"].as_str().unwrap().to_owned()
}

async fn what_another_version_wrote_is_worked_on(backend: Backend, writer: Writer) {
    backend.orders_spec("orders-queued", |text| {
        text.replace("max_ratio = 0.1", "max_ratio = 1.0")
    });
    let service = backend.serve().await;
    let job = backend.begin(&service.api, "orders-slow", SEED, LONG).await;
    let api = &service.api;
    api.job_when(&job, "in the middle", DEADLINE, |job| read(job) > LONG / 4)
        .await;
    service.kill().await;
    // One that does not take what it queues: a long lease, or a process without workers.
    let queued = match backend.mongod {
        Some(_) => {
            let service = Service::start(&backend.place, &["--workers", "0"]).await;
            let queued = queue(&backend, &service.api).await;
            service.kill().await;
            Some(queued)
        }
        None => None,
    };
    assert!(
        rewrite(&backend, writer).await > 0,
        "there was a checkpoint"
    );

    let service = backend.serve().await;
    let api = &service.api;
    if let Some(queued) = queued {
        let done = api.job_in(&queued, "completed", DEADLINE).await;
        let (_, totals) = backend.orders("again.csv", SEED + 1, SHORT);
        counts(&done, &totals);
        assert_eq!(backend.count("orders_queued").await, totals.loaded);
    }
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let listed = api.get("/jobs").await.is(200).json();
    assert!(
        listed["items"]
            .as_array()
            .is_some_and(|jobs| !jobs.is_empty())
    );
    let receipt = api.get(&format!("/jobs/{job}/receipt")).await.is(200);
    assert!(receipt.json()["digest"].is_string());
    let ended = service.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_worked_on_on_mongodb() {
    what_another_version_wrote_is_worked_on(Backend::mongodb().await, Writer::Newer).await;
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_worked_on_on_the_embedded_store() {
    what_another_version_wrote_is_worked_on(Backend::embedded().await, Writer::Newer).await;
}

#[tokio::test]
async fn what_an_older_version_wrote_is_worked_on_on_mongodb() {
    what_another_version_wrote_is_worked_on(Backend::mongodb().await, Writer::Older).await;
}

#[tokio::test]
async fn what_an_older_version_wrote_is_worked_on_on_the_embedded_store() {
    what_another_version_wrote_is_worked_on(Backend::embedded().await, Writer::Older).await;
}

/// By the code of `deploy/upgrade-check`, which does it with two versions: here one is replaced by itself.
#[tokio::test]
async fn processes_that_are_replaced_one_by_one_under_load_lose_nothing() {
    let told = upgrade(&Upgrade {
        old: BINARY.into(),
        new: BINARY.into(),
        records: RECORDS_OF_UPGRADE,
        seed: SEED,
        pause: true,
    })
    .await;
    println!("{told:#?}");
    assert!(told.violations.is_empty(), "{:#?}", told.violations);
    assert_eq!((told.faults, told.steps.len()), (0, 4));
    assert_eq!(told.counted, told.expected);
}
