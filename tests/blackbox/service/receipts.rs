//! A receipt against the file and the collection, by a script that shares no code with the program: `tests/receipt`.
//!
//! The worker is killed in the middle of both loads, an insert and an upsert, so what the receipts prove was written by
//! two processes. Then something is taken away or changed, and the script must say so.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Method;
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
use rusqlite::{Connection, params};
use testbed::api::{Api, bytes};
use testbed::events::{SPEC as EVENTS, events};
use testbed::fetched;
use testbed::files::write_file;
use testbed::orders::{HEADER, SLOW, orders};
use tokio::process::Command;

use super::backend::{Backend, DEADLINE, SEED, read};
use super::tenants::key;

/// Records of each file.
const RECORDS: u64 = 16_000;
/// The script.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/receipt");
/// What the spec of orders drops, as a regular expression over the cell.
const DROPS: [&str; 2] = ["--drop", r"Status=(?i)\s*test\s*"];

/// The key of the upsert, and the columns that it comes from.
const KEY: [&str; 4] = [
    "--key",
    "order_id=Order No",
    "--key",
    "quantity=Quantity:integer",
];

/// What the script said of one job.
struct Said {
    code: Option<i32>,
    text: String,
}

impl Said {
    fn equal(&self) {
        assert_eq!(self.code, Some(0), "{}", self.text);
        assert!(self.text.contains("All three are equal."), "{}", self.text);
    }

    /// The three differ, and the script names `why`.
    fn differs(&self, what: &str, why: &str) {
        assert_eq!(self.code, Some(1), "{what}: {}", self.text);
        assert!(self.text.contains(why), "{what}: {}", self.text);
    }
}

/// Runs the script over a job and its file.
async fn receipt(backend: &Backend, api: &Api, job: &str, file: &Path, more: &[&str]) -> Said {
    receipt_of(backend, None, api, job, file, more).await
}

/// The same of a tenant.
async fn receipt_of(
    backend: &Backend,
    tenant: Option<&str>,
    api: &Api,
    job: &str,
    file: &Path,
    more: &[&str],
) -> Said {
    let mut script = Command::new("python3");
    // -S leaves out what else is installed on the machine.
    script
        .args(["-S", SCRIPT, "--url", api.base(), "--job", job, "--alone"])
        .arg("--file")
        .arg(file)
        .args(more)
        .env(
            "SLUICEGATE_TEST_PYMONGO",
            fetched("SLUICEGATE_TEST_PYMONGO", "pymongo"),
        )
        .stdin(Stdio::null());
    match &backend.mongod {
        Some(mongod) => script.arg("--mongodb").arg(mongod.uri_for("shop")),
        None => script.arg("--store").arg(store(backend, tenant)),
    };
    let ended = script.output().await.unwrap();
    let out = [ended.stdout, ended.stderr].concat();
    Said {
        code: ended.status.code(),
        text: String::from_utf8_lossy(&out).into_owned(),
    }
}

fn store(backend: &Backend, tenant: Option<&str>) -> PathBuf {
    let tenant = tenant.map_or(String::new(), |tenant| format!("_{tenant}"));
    backend.place.path(&format!("data/documents{tenant}.db"))
}

fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// Gives the document `from` the `_id` `to`; without one it is removed.
async fn change(backend: &Backend, collection: &str, from: &[u8], to: Option<&[u8]>) {
    let Some(mongod) = &backend.mongod else {
        let database = Connection::open(store(backend, None)).unwrap();
        let changed = match to {
            Some(to) => {
                let update = format!("UPDATE {collection} SET id = ?2 WHERE id = ?1");
                database.execute(&update, params![from, to])
            }
            None => {
                let delete = format!("DELETE FROM {collection} WHERE id = ?1");
                database.execute(&delete, params![from])
            }
        };
        return assert_eq!(changed.unwrap(), 1);
    };
    let database = mongod.client().await.database("shop");
    let documents = database.collection::<Document>(collection);
    let found = documents.find_one_and_delete(doc! { "_id": binary(from) });
    let mut document = found.await.unwrap().unwrap();
    if let Some(to) = to {
        document.insert("_id", binary(to));
        documents.insert_one(document).await.unwrap();
    }
}

/// Removes a reject of any job.
async fn lose_a_reject(backend: &Backend) {
    match &backend.mongod {
        Some(mongod) => {
            let database = mongod.client().await.database("shop_state");
            let rejects = database.collection::<Document>("rejects");
            let lost = rejects.delete_one(doc! {}).await.unwrap();
            assert_eq!(lost.deleted_count, 1);
        }
        None => {
            let database = Connection::open(backend.place.path("data/service.db")).unwrap();
            let lose = "DELETE FROM rejects WHERE (job, run, ordinal) IN \
                        (SELECT job, run, ordinal FROM rejects LIMIT 1)";
            assert_eq!(database.execute(lose, []).unwrap(), 1);
        }
    }
}

async fn a_receipt_is_what_file_and_collection_say(backend: Backend) {
    backend.orders_spec("orders-once", |text| format!("{text}{SLOW}"));
    backend.orders_spec("orders-keyed", |text| {
        format!("{text}mode = \"upsert\"\nkey = [\"order_id\", \"quantity\"]\n{SLOW}")
    });
    let (once, _) = backend.orders("once.csv", SEED, RECORDS);
    // Every key comes twice.
    let keyed = backend.place.path("keyed.csv");
    let half = || orders(SEED, RECORDS / 2);
    write_file(&keyed, HEADER, half().chain(half()));

    let service = backend.serve().await;
    let mut jobs = Vec::new();
    for (file, spec) in [(&once, "orders-once"), (&keyed, "orders-keyed")] {
        let query = format!("?spec={spec}&process=true");
        let submitted = service.api.upload_file(file, &query).await.is(202).json();
        jobs.push(submitted["jobId"].as_str().unwrap().to_owned());
    }
    for job in &jobs {
        let some = |job: &serde_json::Value| read(job) > RECORDS / 8;
        service.api.job_when(job, "begun", DEADLINE, some).await;
    }
    for job in &jobs {
        let job = service.api.job(job).await;
        assert_eq!(job["state"], "in_progress", "{job:#}");
    }
    service.kill().await;
    let service = backend.serve().await;
    let api = &service.api;
    for job in &jobs {
        api.job_in(job, "completed", DEADLINE).await;
    }

    let of_key = [&DROPS[..], &KEY].concat();
    receipt(&backend, api, &jobs[1], &keyed, &of_key)
        .await
        .equal();
    let ask = async |more: &[&str]| receipt(&backend, api, &jobs[0], &once, more).await;
    ask(&DROPS).await.equal();
    ask(&[]).await.equal();

    let ids = backend.ids("orders_once").await;
    let (first, last) = (ids.iter().min().unwrap(), ids.iter().max().unwrap());
    let mut beyond = last.clone();
    beyond[12..20].copy_from_slice(&RECORDS.to_be_bytes());
    let mut foreign = first.clone();
    foreign[0] ^= 1;
    for (what, other, why) in [
        ("another record's id", &beyond, "no record of the file has"),
        ("another load's id", &foreign, "not of this load"),
    ] {
        change(&backend, "orders_once", first, Some(other)).await;
        ask(&DROPS).await.differs(what, why);
        ask(&[]).await.differs(what, why);
        change(&backend, "orders_once", other, Some(first)).await;
        ask(&DROPS).await.equal();
    }
    let (another, _) = backend.orders("another.csv", SEED + 1, RECORDS);
    let said = receipt(&backend, api, &jobs[0], &another, &DROPS).await;
    said.differs("another file", "<-- not equal");
    change(&backend, "orders_once", last, None).await;
    let said = ask(&DROPS).await;
    said.differs("a document fewer", "Without any outcome: 1 records");
    ask(&[]).await.differs("a document fewer", "<-- not equal");
    let keys = backend.ids("orders_keyed").await;
    change(&backend, "orders_keyed", &keys[0], None).await;
    let said = receipt(&backend, api, &jobs[1], &keyed, &of_key).await;
    said.differs("a key fewer", "without a document of this load: 1 ");
    service.kill().await;
}

/// Its rejects are the only ones of the service, so that one of them is lost.
async fn a_receipt_with_a_lost_reject_is_found_out(backend: Backend) {
    let (file, _) = backend.orders("orders.csv", SEED, 2_000);
    let service = backend.serve().await;
    let query = "?spec=orders-e2e&process=true";
    let submitted = service.api.upload_file(&file, query).await.is(202).json();
    let job = submitted["jobId"].as_str().unwrap();
    service.api.job_in(job, "completed", DEADLINE).await;
    let ask = async |more: &[&str]| receipt(&backend, &service.api, job, &file, more).await;
    ask(&DROPS).await.equal();
    lose_a_reject(&backend).await;
    ask(&DROPS).await.differs("a reject fewer", "rejected");
    ask(&[]).await.differs("a reject fewer", "rejected");
    service.kill().await;
}

/// JSON Lines, packed, of a tenant, and loaded twice: the second generation has other ids beside the first.
async fn a_receipt_names_tenant_and_generation(backend: Backend) {
    backend.spec("events", EVENTS);
    let key = key(&backend.place, "acme").await;
    let service = backend.serve().await;
    let api = service.api.with_key(&key);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for event in events(SEED, 2_000) {
        packed.write_all(&event.bytes).unwrap();
    }
    let packed = packed.finish().unwrap();
    let path = backend.place.write("events.jsonl.gz", &packed);
    let file = api
        .upload("events.jsonl.gz", "", packed)
        .await
        .is(201)
        .json();
    let process = format!(
        "/process/{}?spec=events-e2e",
        file["fileId"].as_str().unwrap()
    );
    let again = format!("{process}&force=again");
    let once = [("idempotency-key", "once")];
    let first = api.post(&process).await.is(202).json();
    let first = first["jobId"].as_str().unwrap();
    api.job_in(first, "completed", DEADLINE).await;
    let ask = async |job: &str| {
        let args = ["--jsonl", "--api-key", &key];
        receipt_of(&backend, Some("acme"), &api, job, &path, &args).await
    };
    ask(first).await.equal();
    let second = api.send(Method::POST, &again, &once, bytes("")).await;
    let second = second.unwrap().is(202).json();
    let second = second["jobId"].as_str().unwrap();
    api.job_in(second, "completed", DEADLINE).await;
    let shown = api
        .get(&format!("/jobs/{second}/receipt"))
        .await
        .is(200)
        .json();
    assert_eq!(shown["load"]["generation"], 1, "{shown:#}");
    assert_eq!(shown["load"]["tenant"], "acme", "{shown:#}");
    // Each is whole, and not alone any more.
    for job in [first, second] {
        let said = ask(job).await;
        said.differs("two loads", "not of this load");
        assert!(!said.text.contains("<--"), "{}", said.text);
    }
    service.kill().await;
}

/// The options of the line in the README that names this target, behind the target.
fn readme_options(target: &str) -> Vec<String> {
    let text = include_str!("../../../README.md");
    let line = text
        .lines()
        .find(|line| line.starts_with("tests/receipt --url") && line.contains(target))
        .unwrap_or_else(|| panic!("a line with {target} in the README"));
    assert!(line.contains("--file specs/orders/input.csv"), "{line}");
    let (_, behind) = line.split_once(target).unwrap();
    let words = behind.split_whitespace().skip(1);
    words.map(|word| word.replace('\'', "")).collect()
}

/// The file of the five lines in the README, with its comments and its quotes that are never closed.
async fn the_lines_of_the_readme_are_true(backend: Backend, target: &str) {
    backend.spec("orders", include_str!("../../../specs/orders.toml"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/orders/input.csv");
    let service = backend.serve().await;
    let query = "?spec=orders&process=true";
    let submitted = service.api.upload_file(&path, query).await.is(202).json();
    let job = submitted["jobId"].as_str().unwrap();
    service.api.job_in(job, "completed", DEADLINE).await;
    let options = readme_options(target);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    receipt(&backend, &service.api, job, &path, &options)
        .await
        .equal();
    service.kill().await;
}

#[tokio::test]
async fn the_lines_of_the_readme_are_true_on_the_embedded_store() {
    the_lines_of_the_readme_are_true(Backend::embedded().await, "--store").await;
}

#[tokio::test]
async fn the_lines_of_the_readme_are_true_on_mongodb() {
    the_lines_of_the_readme_are_true(Backend::mongodb().await, "--mongodb").await;
}

#[tokio::test]
async fn a_receipt_is_what_file_and_collection_say_on_the_embedded_store() {
    a_receipt_is_what_file_and_collection_say(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_receipt_is_what_file_and_collection_say_on_mongodb() {
    a_receipt_is_what_file_and_collection_say(Backend::mongodb().await).await;
}

#[tokio::test]
async fn a_receipt_with_a_lost_reject_is_found_out_on_the_embedded_store() {
    a_receipt_with_a_lost_reject_is_found_out(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_receipt_with_a_lost_reject_is_found_out_on_mongodb() {
    a_receipt_with_a_lost_reject_is_found_out(Backend::mongodb().await).await;
}

#[tokio::test]
async fn a_receipt_names_tenant_and_generation_on_the_embedded_store() {
    a_receipt_names_tenant_and_generation(Backend::embedded().await).await;
}

#[tokio::test]
async fn a_receipt_names_tenant_and_generation_on_mongodb() {
    a_receipt_names_tenant_and_generation(Backend::mongodb().await).await;
}
