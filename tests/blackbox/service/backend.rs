//! Where a service keeps what it remembers, and what a test finds there.

use std::time::Duration;

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde_json::Value;
use testbed::api::Api;
use testbed::files::write_file;
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, SLOW, SPEC, orders};
use testbed::process::{Running, Sluicegate};
use testbed::proxy::Cutter;
use testbed::s3::S3;
use testbed::service::Service;
use testbed::truth::Totals;

use crate::found::Documents;
use crate::job::place;

/// For whatever a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// The seed of what is generated.
pub const SEED: u64 = 31;
/// The lease of these services, so that a test does not wait long for a dead worker's.
pub const LEASE_SECONDS: &str = "3";

/// A place to run the service in, with the servers that it uses.
pub struct Backend {
    /// Where the service runs.
    pub place: Sluicegate,
    /// None: the embedded store.
    pub mongod: Option<Mongod>,
    /// None: a folder.
    pub s3: Option<S3>,
}

impl Backend {
    /// SQLite and a folder.
    pub async fn embedded() -> Self {
        Self::of(None, None)
    }

    /// A standalone MongoDB and S3.
    pub async fn mongodb() -> Self {
        Self::of(Some(Mongod::standalone().await), Some(S3::start().await))
    }

    /// A replica set of so many nodes, and S3.
    pub async fn replica_set(nodes: usize) -> Self {
        let mongod = Mongod::replica_set_of(nodes).await;
        Self::of(Some(mongod), Some(S3::start().await))
    }

    /// SQLite and S3.
    pub async fn embedded_with_s3() -> Self {
        Self::of(None, Some(S3::start().await))
    }

    fn of(mongod: Option<Mongod>, s3: Option<S3>) -> Self {
        let mut place = place().env("JOB_LEASE_SECONDS", LEASE_SECONDS);
        if let Some(mongod) = &mongod {
            place = place.env("MONGODB_URI", mongod.uri_for("shop"));
        }
        if let Some(s3) = &s3 {
            place = place.envs(s3.env()).env("S3_BUCKET", s3.bucket());
        }
        let backend = Self { place, mongod, s3 };
        std::fs::create_dir(backend.place.path("specs")).unwrap();
        backend.spec("orders", SPEC);
        let slow = SPEC.replace("\"orders-e2e\"", "\"orders-slow\"");
        backend.spec("orders-slow", &format!("{slow}{SLOW}"));
        // In a short file a few bad records are many.
        let any = SPEC.replace("\"orders-e2e\"", "\"orders-any\"");
        backend.spec(
            "orders-any",
            &any.replace("max_ratio = 0.1", "max_ratio = 1.0"),
        );
        backend
    }

    /// Puts a spec into the folder of the operator's.
    pub fn spec(&self, name: &str, text: &str) {
        self.place.write(&format!("specs/{name}.toml"), text);
    }

    /// Puts a spec of orders into the operator's folder: `change` is done to the text of one with this name and a
    /// collection of that name.
    pub fn orders_spec(&self, name: &str, change: impl Fn(String) -> String) {
        let text = SPEC
            .replace("\"orders-e2e\"", &format!("\"{name}\""))
            .replace("\"orders\"", &format!("\"{}\"", name.replace('-', "_")));
        self.spec(name, &change(text));
    }

    /// Another machine: a folder of its own, the same servers and specs. MongoDB knows its connections by `name`.
    pub fn machine(&self, name: &str) -> Sluicegate {
        let mongod = self.mongod.as_ref().unwrap();
        let s3 = self.s3.as_ref().unwrap();
        place()
            .env("JOB_LEASE_SECONDS", LEASE_SECONDS)
            .env(
                "MONGODB_URI",
                format!("{}&appName={name}", mongod.uri_for("shop")),
            )
            .envs(s3.env())
            .env("S3_BUCKET", s3.bucket())
            .env("SPECS_DIR", self.place.path("specs"))
    }

    /// Another machine, which reaches MongoDB by way of `mongod` and S3 by way of `s3`: proxies before them. One node of a
    /// replica set is all of it for this machine.
    pub fn machine_behind(&self, name: &str, mongod: &Cutter, s3: &Cutter) -> Sluicegate {
        let servers = self.s3.as_ref().unwrap().env_at(s3.port());
        self.machine(name)
            .env("MONGODB_URI", uri_of(mongod, name))
            .envs(servers)
    }

    /// Starts `serve` with API and workers.
    pub async fn serve(&self) -> Service {
        Service::start(&self.place, &[]).await
    }

    /// Generates `records` orders from `seed` into a file of this name.
    pub fn orders(&self, name: &str, seed: u64, records: u64) -> (std::path::PathBuf, Totals) {
        let path = self.place.path(name);
        let totals = write_file(&path, HEADER, orders(seed, records));
        (path, totals)
    }

    /// Uploads `records` orders of `seed` and asks for them to be loaded with `spec`: the job's id.
    pub async fn begin(&self, api: &Api, spec: &str, seed: u64, records: u64) -> String {
        let (path, _) = self.orders("orders-1.csv", seed, records);
        let query = format!("?spec={spec}&process=true");
        let submitted = api.upload_file(&path, &query).await.is(202).json();
        submitted["jobId"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a job that [`Self::begin`] began, and asserts that it left what an undisturbed one leaves.
    pub async fn ends_as_if_nothing_had_happened(
        &self,
        api: &Api,
        job: &str,
        seed: u64,
        records: u64,
    ) {
        let (_, totals) = self.orders("again.csv", seed, records);
        let done = api.job_in(job, "completed", DEADLINE).await;
        counts(&done, &totals);
        assert_eq!(done["attempts"], 0, "progress charges no attempt: {done:#}");
        self.documents("orders").await.equal(orders(seed, records));
        let rejects = api
            .get(&format!("/jobs/{job}/errors?limit=1"))
            .await
            .is(200)
            .json();
        assert_eq!(rejects["total"], totals.rejected);
    }

    /// The documents of a collection.
    pub async fn documents(&self, collection: &str) -> Documents {
        match &self.mongod {
            Some(mongod) => Documents::of_mongodb(&mongod.client().await, "shop", collection).await,
            None => Documents::of_store(&self.place, collection).await,
        }
    }

    /// How many documents a collection has.
    pub async fn count(&self, collection: &str) -> u64 {
        match &self.mongod {
            Some(mongod) => {
                let database = mongod.client().await.database("shop");
                let documents = database.collection::<Document>(collection);
                documents.count_documents(doc! {}).await.unwrap()
            }
            None => self.ids(collection).await.len() as u64,
        }
    }

    /// The `_id` of every document of a collection, as bytes.
    pub async fn ids(&self, collection: &str) -> Vec<Vec<u8>> {
        match &self.mongod {
            Some(mongod) => {
                let database = mongod.client().await.database("shop");
                let documents = database.collection::<Document>(collection);
                let found = documents
                    .find(doc! {})
                    .projection(doc! { "_id": 1 })
                    .await
                    .unwrap();
                let found: Vec<Document> = found.try_collect().await.unwrap();
                let id = |document: &Document| document.get_binary_generic("_id").unwrap().clone();
                found.iter().map(id).collect()
            }
            None => {
                let ended = self.place.run(["export", collection]).await;
                let id = |line: &str| {
                    let document: Value = serde_json::from_str(line).unwrap();
                    hex::decode(document["_id"].as_str().unwrap()).unwrap()
                };
                ended.stdout.lines().map(id).collect()
            }
        }
    }

    /// The bytes of an object, by its key; none where it is not there.
    pub async fn object(&self, key: &str) -> Option<Vec<u8>> {
        match &self.s3 {
            Some(s3) => {
                let got = s3
                    .client()
                    .get_object()
                    .bucket(s3.bucket())
                    .key(key)
                    .send()
                    .await;
                Some(got.ok()?.body.collect().await.unwrap().to_vec())
            }
            None => std::fs::read(self.place.path("data/objects").join(key)).ok(),
        }
    }
}

/// The connection string of a MongoDB behind a proxy. It is direct, because a replica set names its members, and the proxy
/// is none of them.
pub fn uri_of(proxy: &Cutter, app_name: &str) -> String {
    let port = proxy.port();
    format!("mongodb://127.0.0.1:{port}/shop?directConnection=true&appName={app_name}")
}

/// How many records of a job are read, as far as its worker has told.
pub fn read(job: &Value) -> u64 {
    job["stats"]["read"].as_u64().unwrap()
}

/// Whether a process has a job now.
pub fn has(process: &Running, job: &Value) -> bool {
    let worker = job["workerId"].as_str().unwrap_or_default();
    job["state"] == "in_progress" && worker.ends_with(&format!(":{}", process.process()))
}

/// Asserts that a job's counters are those of what was generated, loaded and already loaded as one.
pub fn counts(job: &Value, totals: &Totals) {
    let count = |name: &str| job["stats"][name].as_u64().unwrap();
    assert_eq!(count("read"), totals.read, "{job:#}");
    assert_eq!(
        count("loaded") + count("alreadyLoaded"),
        totals.loaded,
        "{job:#}"
    );
    assert_eq!(count("rejected"), totals.rejected, "{job:#}");
    assert_eq!(count("dropped"), totals.dropped, "{job:#}");
}
