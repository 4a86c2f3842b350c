//! One worker whose network to MongoDB is blocked for longer than its lease while another one is well: it fences itself,
//! the other one goes on, and what the network still holds of it changes nothing, however late it comes.

use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::Value;
use testbed::api::Api;
use testbed::eventually;
use testbed::orders::SLOW;
use testbed::process::Running;
use testbed::proxy::Cutter;
use testbed::service::Service;

use super::backend::{Backend, DEADLINE, SEED, counts, read};
use super::stalled::{changes, gets_on, profile};

/// Records that take seconds with the slow spec.
const LONG: u64 = 24_000;
/// Keys that take seconds in the same way.
const KEYS: u64 = 12_000;
/// Batches that a worker writes at once, at most.
const MAX_IN_FLIGHT: u64 = 4;

/// The first bytes of such a command to the collection `orders`, as OP_MSG carries them.
fn into_orders(command: &str) -> Vec<u8> {
    [b"\x02", command.as_bytes(), b"\0\x07\0\0\0orders\0"].concat()
}

/// An API, and a worker behind a network that can be blocked.
struct Blocked {
    backend: Backend,
    service: Service,
    documents: Database,
    network: Cutter,
    /// Never blocked.
    _s3: Cutter,
    worker: Running,
}

impl Blocked {
    async fn new(specs: &[(&str, String)]) -> Self {
        let backend = Backend::mongodb().await;
        for (name, text) in specs {
            backend.spec(name, text);
        }
        let service = Service::start(&backend.place, &["--workers", "0"]).await;
        let mongod = backend.mongod.as_ref().unwrap();
        let documents = mongod.client().await.database("shop");
        profile(&documents).await;
        let network = Cutter::start(mongod.port(0)).await;
        let s3 = Cutter::start(backend.s3.as_ref().unwrap().port()).await;
        let machine = backend.machine_behind("blocked", &network, &s3);
        let worker = machine.start(["worker"]);
        Self {
            backend,
            service,
            documents,
            network,
            _s3: s3,
            worker,
        }
    }

    fn api(&self) -> &Api {
        &self.service.api
    }

    /// Blocks the worker in the middle of a job of `records` records, with a batch under way by `command`, until another one
    /// has gone beyond it and it has fenced itself. Returns the other worker.
    async fn is_blocked_beyond_its_lease(&self, job: &str, records: u64, command: &str) -> Running {
        let seen = gets_on(self.api(), job, &self.worker, records / 8).await;
        self.network.freeze_at(&into_orders(command));
        eventually("a batch is under way", DEADLINE, async || {
            self.network.cuts() == 1
        })
        .await;
        let began = DateTime::from_millis(0);
        assert!(self.changes(began).await > 0);
        let other = self.backend.machine("other").start(["worker"]);
        gets_on(self.api(), job, &other, read(&seen)).await;
        // By itself: nobody can have told it anything.
        eventually("it fences itself", DEADLINE, async || {
            let told = self.worker.stderr();
            // Its control or its run has found out first; the end of the run is then what nobody answers.
            told.contains("the job was lost") || told.contains("a store does not answer")
        })
        .await;
        other
    }

    /// The server's time.
    async fn now(&self) -> DateTime {
        self.backend.mongod.as_ref().unwrap().now().await
    }

    /// How many commands of the blocked worker have reached the collection since then.
    async fn changes(&self, since: DateTime) -> u64 {
        changes(&self.documents, "blocked", since).await
    }

    /// Opens the network, and waits until the batch that it held of the worker has come.
    async fn is_opened(&self) {
        let opened = self.now().await;
        self.network.thaw();
        eventually("what was under way comes late", DEADLINE, async || {
            self.changes(opened).await > 0
        })
        .await;
    }

    /// Asserts that the worker lives and has lost nothing but its job: it runs the next one, and ends when it is told to.
    async fn lives_on(self) -> Backend {
        let (path, totals) = self.backend.orders("orders-2.csv", SEED + 1, 200);
        self.backend.orders_spec("next-orders", |text| text);
        let query = "?spec=next-orders&process=true";
        let next = self.api().upload_file(&path, query).await.is(202).json();
        let next = self
            .api()
            .job_in(next["jobId"].as_str().unwrap(), "completed", DEADLINE)
            .await;
        counts(&next, &totals);
        let ended = self.worker.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        self.backend
    }
}

#[tokio::test]
async fn a_worker_that_is_blocked_beyond_its_lease_writes_nothing_more() {
    let blocked = Blocked::new(&[]).await;
    let (backend, api) = (&blocked.backend, blocked.api());
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let other = blocked
        .is_blocked_beyond_its_lease(&job, LONG, "insert")
        .await;
    // Its connections have gone with what was under way, and it may make new ones.
    blocked.network.cut_all();
    let opened = blocked.now().await;
    blocked.network.thaw();
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let began = DateTime::from_millis(0);
    assert!(changes(&blocked.documents, "other", began).await > 0);
    other.kill().await;
    let documents = blocked.documents.clone();
    // The server lives as long as this does.
    let _backend = blocked.lives_on().await;
    assert_eq!(changes(&documents, "blocked", opened).await, 0);
}

#[tokio::test]
async fn inserts_that_come_when_their_job_is_completed_change_nothing() {
    let blocked = Blocked::new(&[]).await;
    let (backend, api) = (&blocked.backend, blocked.api());
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    let other = blocked
        .is_blocked_beyond_its_lease(&job, LONG, "insert")
        .await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let remembered = remembered(api, &job).await;
    other.kill().await;
    let opened = blocked.now().await;
    blocked.is_opened().await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    assert_eq!(self::remembered(api, &job).await, remembered);
    let late = blocked.changes(opened).await;
    assert!((1..=MAX_IN_FLIGHT).contains(&late), "{late}");
    blocked.lives_on().await;
}

/// What is remembered of a job: itself, its receipt and its rejects.
async fn remembered(api: &Api, job: &str) -> (Value, Value, String) {
    let get = async |path: &str| api.get(&format!("/jobs/{job}{path}")).await.is(200);
    let rejects = get("/errors?format=jsonl").await.text();
    (get("").await.json(), get("/receipt").await.json(), rejects)
}

/// A spec of keys and values that loads in `mode`.
fn keyed(name: &str, mode: &str, flow: &str) -> (String, String) {
    let text = format!(
        "spec = 1\nname = \"{name}\"\nversion = 1\n[format.csv]\n[fields]\n\
         k = {{ type = \"integer\", required = true }}\nv = {{ type = \"string\" }}\n\
         [sink.mongodb]\ncollection = \"orders\"\nmode = \"{mode}\"\nkey = [\"k\"]\n{flow}"
    );
    (name.to_owned(), text)
}

/// Has all keys loaded with this value.
async fn begin_keyed(blocked: &Blocked, spec: &str, value: &str) -> String {
    let rows: String = (0..KEYS).map(|key| format!("{key},{value}\n")).collect();
    let name = format!("{value}.csv");
    let path = blocked.backend.place.write(&name, format!("k,v\n{rows}"));
    let query = format!("?spec={spec}&process=true");
    let submitted = blocked.api().upload_file(&path, &query).await;
    let submitted = submitted.is(202).json();
    submitted["jobId"].as_str().unwrap().to_owned()
}

/// A load with a key is blocked, taken over and completed; a newer one replaces all it has done; then the rest of the first
/// one's network comes.
async fn what_comes_late_is_older(mode: &str, command: &str) {
    let specs = [keyed("newest", "upsert", ""), keyed("slowly", mode, SLOW)];
    let specs = specs.each_ref().map(|(name, text)| (&**name, text.clone()));
    let blocked = Blocked::new(&specs).await;
    let api = blocked.api();
    let completed = async |job: &str| {
        let done = api.job_in(job, "completed", DEADLINE).await;
        assert_eq!(done["attempts"], 0, "{done:#}");
        let count = |name: &str| done["stats"][name].as_u64().unwrap();
        assert_eq!(count("read"), KEYS, "{done:#}");
        assert_eq!(count("loaded") + count("alreadyLoaded"), KEYS, "{done:#}");
    };
    completed(&begin_keyed(&blocked, "newest", "before").await).await;
    let job = begin_keyed(&blocked, "slowly", "late").await;
    let other = blocked
        .is_blocked_beyond_its_lease(&job, KEYS, command)
        .await;
    completed(&job).await;
    completed(&begin_keyed(&blocked, "newest", "now").await).await;
    other.kill().await;
    blocked.is_opened().await;
    let documents = blocked.documents.clone();
    // The server lives as long as this does.
    let _backend = blocked.lives_on().await;
    let orders = documents.collection::<Document>("orders");
    let found = orders.find(doc! {});
    let found: Vec<Document> = found
        .sort(doc! { "k": 1 })
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(found.len() as u64, KEYS);
    for (key, document) in (0..).zip(found) {
        assert_eq!(document.get_i64("k").unwrap(), key, "each once");
        assert_eq!(document.get_str("v").unwrap(), "now", "key {key}");
    }
}

#[tokio::test]
async fn upserts_that_come_behind_a_newer_load_change_nothing() {
    what_comes_late_is_older("upsert", "update").await;
}

#[tokio::test]
async fn merges_that_come_behind_a_newer_load_change_nothing() {
    what_comes_late_is_older("merge", "update").await;
}

#[tokio::test]
async fn deletes_that_come_behind_a_newer_load_remove_nothing() {
    what_comes_late_is_older("delete", "delete").await;
}
