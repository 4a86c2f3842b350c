//! Jobs above the real stores in SQLite and the embedded store of documents: every situation and its outcome. What
//! depends on the stores' own atomicity is checked on a MongoDB as well.
//!
//! A worker is what it does to the stores: it claims, takes the load, notes that it wrote, ends the job and lets go.

mod approvals;
mod callbacks;
mod cancels;
mod concurrent;
mod crashes;
mod mongo;
mod resubmits;
mod retention;
mod retries;
mod situations;

use super::*;
use crate::config::{Config, Secret};
use crate::files::NewFile;
use crate::load::lease;
use crate::queue::{Claim, Claimant, Held, Progress, Receipt, State};
use crate::service::Service;
use crate::specs::Owner;
use crate::webhook::SigningSecret;
use pipeline::{Books, Cause, Checkpoint, Position, Tally};
use sha2::{Digest as _, Sha256};
use stages::plan::{Defaults, Plan};
use stages::sink::Mode;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use testbed::mongod::Mongod;

/// A lease that no case outlives, in milliseconds.
const LONG_MS: u64 = 600_000;

/// A service over stores of its own.
struct Bench {
    service: Service,
    tenant: Tenant,
    _folder: Arc<TempDir>,
}

/// A job that a worker has.
struct Worked {
    job: Job,
    claim: Claim,
    entry: Entry,
    loads: Arc<dyn Loads>,
}

/// How a worker ends a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Completed,
    Failed,
    Held,
}

/// A spec of this name and version; `more` stands in its sink.
fn spec_text(name: &str, version: u32, more: &str) -> String {
    format!(
        "spec = 1\nname = \"{name}\"\nversion = {version}\n[format.jsonl]\n[fields]\na = {{}}\n[errors]\nmax_records = {version}\n\
         [sink.mongodb]\ncollection = \"orders\"\n{more}\n"
    )
}

/// 32 bytes that webhooks are signed with.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const UPSERT: &str = "mode = \"upsert\"\nkey = [\"a\"]";
const MERGE: &str = "mode = \"merge\"\nkey = [\"a\"]";

impl Bench {
    /// A service whose tenant has two versions of the spec `orders`.
    async fn new() -> Self {
        Self::with("").await
    }

    /// The same; `more` stands in the sink of the specs.
    async fn with(more: &str) -> Self {
        Self::without_specs().await.with_specs(more).await
    }

    async fn with_specs(self, more: &str) -> Self {
        for version in [1, 2] {
            self.register(&spec_text("orders", version, more)).await;
        }
        self
    }

    async fn without_specs() -> Self {
        Self::open(None).await
    }

    /// A service whose stores and documents are in a MongoDB.
    async fn in_mongodb(server: &Mongod, more: &str) -> Self {
        let bench = Self::open(Some(server.uri_for("jobs"))).await;
        bench.with_specs(more).await
    }

    async fn open(mongodb_uri: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let config = Config {
            data_dir,
            specs_dir: folder.path().join("specs"),
            mongodb_uri: mongodb_uri.map(Secret),
            s3_bucket: None,
            webhook_secret: SigningSecret::parse(SECRET),
            ..Config::from_env().unwrap()
        };
        let service = Service::open(config).await.unwrap();
        Self {
            service,
            tenant: Tenant::NONE,
            _folder: Arc::new(folder),
        }
    }

    /// Registers a spec for the tenant.
    async fn register(&self, text: &str) {
        let plan = Plan::read("spec", text, Defaults::default()).unwrap();
        let (specs, owner) = (&self.service.stores.specs, Owner::Tenant(&self.tenant));
        let put = specs.put(owner, &plan.name, plan.version, &plan.sha256, text);
        put.await.unwrap();
    }

    fn of_tenant(&self, tenant: &str) -> Self {
        Self {
            service: self.service.clone(),
            tenant: tenant.parse().unwrap(),
            _folder: self._folder.clone(),
        }
    }

    fn queue(&self) -> &dyn Queue {
        &*self.service.stores.queue
    }

    /// An uploaded file.
    async fn file(&self, content: &str) -> Id {
        let id = self.begun().await;
        let (size, sha256) = (content.len() as u64, hex::encode(Sha256::digest(content)));
        let files = &self.service.stores.files;
        let file = files
            .commit(&self.tenant, id, size, &sha256, None)
            .await
            .unwrap();
        file.expect("it was begun").new.id
    }

    /// A file that is uploading.
    async fn begun(&self) -> Id {
        let id = self.service.entropy.id();
        let file = NewFile {
            id,
            tenant: self.tenant.clone(),
            original_name: "orders-1.jsonl".into(),
            content_type: "application/x-ndjson".into(),
            key: id.to_string(),
            bucket: None,
            upload: None,
        };
        self.service.stores.files.begin(&file).await.unwrap();
        id
    }

    async fn submit(&self, file: Id, spec: &str) -> Result<Submitted, Fatal> {
        submit(&self.service, &self.tenant, asked(file, spec)).await
    }

    async fn again(&self, file: Id, spec: &str, key: &str) -> Result<Submitted, Fatal> {
        let asked = Asked {
            again: true,
            idempotency: Some(keyed(key)),
            ..asked(file, spec)
        };
        submit(&self.service, &self.tenant, asked).await
    }

    async fn job(&self, id: Id) -> Job {
        find(self.queue(), &self.tenant, id).await.unwrap()
    }

    async fn loads(&self, job: &Job) -> Arc<dyn Loads> {
        let plan = self
            .service
            .catalog
            .plan_of(&job.tenant, &job.spec)
            .await
            .unwrap();
        let loads = self.service.targets.loads(&job.tenant, &plan).await;
        loads.unwrap()
    }

    async fn entry(&self, job: &Job) -> Entry {
        let loads = self.loads(job).await;
        let entry = loads.entry(job.load.identity).await.unwrap();
        entry.expect("the job was given a load")
    }

    /// A worker claims the only job that is due, and takes its load without waiting for anybody.
    async fn work(&self) -> Worked {
        let claimant = Claimant {
            worker: "worker".into(),
            owner: self.service.entropy.id().to_string(),
            lease_ms: LONG_MS,
            max_attempts: 3,
            take_expired: false,
        };
        let job = self.queue().claim(&claimant).await.unwrap();
        let job = job.expect("a job is due");
        let claim = job.claim().unwrap();
        let loads = self.loads(&job).await;
        let plan = self
            .service
            .catalog
            .plan_of(&job.tenant, &job.spec)
            .await
            .unwrap();
        let mode = plan.sink.target.mode;
        let request = Request {
            owner: claim.owner.clone(),
            lease_ms: LONG_MS,
            ..request(&*self.service.entropy, &job, mode.has_key())
        };
        let place = (job.load.identity, job.load.generation);
        let taken = lease::take(&*loads, &request, place, mode == Mode::Merge);
        let (entry, _) = taken.await.unwrap();
        Worked {
            job,
            claim,
            entry,
            loads,
        }
    }

    /// The worker ends the job; `acknowledged`: the target has something of it.
    async fn end(&self, worked: &Worked, ends: Ends, acknowledged: bool) -> Job {
        let Worked {
            job,
            claim,
            entry,
            loads,
        } = worked;
        let (queue, progress) = (self.queue(), Progress::default());
        let is_completed = ends == Ends::Completed;
        let ended = match ends {
            Ends::Completed => {
                let receipt = Receipt::default();
                queue.finish(claim, &progress, &receipt).await
            }
            Ends::Failed => {
                let failure = crate::job::Failure::from(&Fatal::new("broken", "it broke"));
                queue.fail(claim, &progress, &failure).await
            }
            Ends::Held => {
                let held = Held {
                    cause: Cause::Errors,
                    message: "too many".into(),
                };
                let from = job.checkpoint.as_ref();
                let from = from.map_or(0, |checkpoint| checkpoint.books.end.ordinal);
                let next = checkpoint(from + 10, 4);
                assert!(queue.save(claim, from, &next).await.unwrap());
                queue.hold(claim, &progress, &held).await
            }
        };
        assert!(ended.unwrap());
        let closed = loads.close(entry, acknowledged || is_completed, is_completed);
        assert!(closed.await.unwrap());
        self.job(job.id).await
    }

    /// A worker claims the only job that is due, and ends it.
    async fn worked(&self, ends: Ends, acknowledged: bool) -> Job {
        let worked = self.work().await;
        self.end(&worked, ends, acknowledged).await
    }

    /// Sweeps whatever has ended, however young it is. Returns how many jobs that were.
    async fn sweep(&self) -> u64 {
        let rejects = &*self.service.stores.rejects;
        super::retention::sweep_stores(self.queue(), rejects, 0)
            .await
            .unwrap()
    }

    /// Waits until a job that has ended is old enough to be swept.
    async fn expire_one(&self) {
        let swept = async || self.sweep().await > 0;
        testbed::eventually("the job expires", Duration::from_secs(30), swept).await;
    }

    /// Checks that a worker could begin with the job at once.
    async fn is_ready(&self, job: &Job) {
        let entry = self.entry(job).await;
        assert_eq!(entry.job, job.id.to_string());
        assert_eq!(entry.spec_sha256, job.spec.pin.sha256);
        assert!(!entry.live, "nobody holds the load");
        assert_eq!(job.state, State::Queued);
        assert_eq!(job.load.load_number, entry.load_number);
    }
}

fn asked(file: Id, spec: &str) -> Asked {
    Asked {
        file,
        spec: Some(spec.into()),
        priority: 0,
        again: false,
        idempotency: None,
        callback: None,
    }
}

fn keyed(key: &str) -> IdempotencyKey {
    IdempotencyKey {
        key: key.into(),
        request_sha256: "aa".into(),
    }
}

/// A checkpoint behind so many records.
fn checkpoint(read: u64, rejected: u64) -> Checkpoint {
    let mut books = Books::open(Position::START, 0);
    books.end.ordinal = read;
    (books.counters.read, books.counters.rejected) = (read, rejected);
    books.counters.loaded = read - rejected;
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

fn code<T: std::fmt::Debug>(result: Result<T, Fatal>) -> &'static str {
    result.expect_err("it is refused").code
}
