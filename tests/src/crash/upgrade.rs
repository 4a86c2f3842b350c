//! An upgrade under load: each process of one version is replaced by one of another, one by one, while files come in.
//!
//! First a worker, then an API, then the other worker, then the other API: so in between each version works on what the
//! other one has queued, and goes on with what the other one has begun.
//!
//! Promises: each process is asked to end (SIGTERM) with work under way, and must end with 0 in the time that it promises;
//! each file that was taken is one completed job without an attempt charged, whose documents, rejects and books are the
//! truth. It says how many jobs went over from one version to the other, and none is a violation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use tempfile::TempDir;
use tokio::sync::RwLock;
use tokio::time::Instant;

use super::crew::{Machine, Settings, machine};
use super::feed::{Address, CLIENTS, Feed, Sent};
use super::onlooker::Onlooker;
use super::state::{COLLECTION, Seen, id_of};
use super::tally::Checker;
use super::verdict::{Bounds, books, check_mongo, rejects};
use crate::eventually;
use crate::mongod::Mongod;
use crate::orders::{SLOW, SPEC};
use crate::process::Running;
use crate::s3::S3;
use crate::service::Service;

/// How long anything that is waited for may take: the longest is the queue, once no more comes in.
const LIMIT: Duration = Duration::from_secs(600);
/// Jobs that wait before the first worker starts, so that there is work for all from then on.
const LEAST_QUEUED: usize = 4;

/// What an upgrade is made of.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The program of the old version.
    pub old: PathBuf,
    /// That of the new one.
    pub new: PathBuf,
    /// The records of each file.
    pub records: u64,
    /// The seed of the first file; each later one has the next.
    pub seed: u64,
    /// Whether each batch is followed by a pause, for files of few records.
    pub pause: bool,
}

/// A process that was replaced.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it was.
    pub what: &'static str,
    /// From SIGTERM to its end.
    pub ended_in: Duration,
    /// Its exit code.
    pub code: Option<i32>,
}

/// What became of an upgrade.
#[derive(Clone, Debug, Default)]
pub struct Upgraded {
    /// The processes, in the order in which they were replaced.
    pub steps: Vec<Step>,
    /// Files that were taken, a job each.
    pub jobs: u64,
    /// Their records.
    pub records: u64,
    /// The documents that they must become.
    pub expected: u64,
    /// The documents that the target counts.
    pub counted: u64,
    /// Uploads that were sent again because nobody answered.
    pub sent_again: u64,
    /// Jobs that the old version began and the new one ended.
    pub handed_over: u64,
    /// Jobs that the new version queued and the old one worked on.
    pub old_on_new: u64,
    /// Jobs that the old version queued and the new one worked on from the start.
    pub new_on_old: u64,
    /// Records without a document, documents too many, and documents and rejects that differ from the truth.
    pub faults: u64,
    /// Everything that is not as it must be, in words.
    pub violations: Vec<String>,
}

/// Plays it, on a replica set of one node and an S3 server of its own.
///
/// # Panics
/// Where a process does not start or end, or the queue does not empty.
pub async fn upgrade(asked: &Upgrade) -> Upgraded {
    let mongod = Mongod::replica_set().await;
    let s3 = S3::start().await;
    let specs = tempfile::Builder::new()
        .prefix("sluicegate-specs-")
        .tempdir();
    let specs = specs.unwrap_or_else(|error| panic!("no folder for specs: {error}"));
    let spec = format!("{SPEC}{}", if asked.pause { SLOW } else { "" });
    let written = std::fs::write(specs.path().join("orders.toml"), spec);
    written.unwrap_or_else(|error| panic!("no spec: {error}"));
    let mut environment = s3.env();
    environment.push(("S3_BUCKET".to_owned(), s3.bucket().to_owned()));
    let old = Settings {
        name: "old".to_owned(),
        binary: asked.old.clone(),
        environment,
        mongodb_uri: Some(mongod.uri_for("shop")),
        limit_bytes: None,
    };
    let new = Settings {
        name: "new".to_owned(),
        binary: asked.new.clone(),
        ..old.clone()
    };
    let client = mongod.client().await;
    let state = client.database("shop_state");
    let mut scene = Scene {
        new,
        specs,
        services: Vec::new(),
        workers: Vec::new(),
        addresses: Arc::default(),
        sent: Arc::default(),
        onlooker: Onlooker::start(state.clone()),
        old_processes: BTreeSet::new(),
        records: asked.records,
        told: Upgraded::default(),
    };
    for _ in 0..2 {
        let service = scene.service(&old, false).await;
        scene.services.push(service);
    }
    let feed = Feed {
        addresses: scene.addresses.clone(),
        sent: scene.sent.clone(),
        is_over: Arc::new(AtomicBool::new(false)),
        begun: Arc::new(AtomicU64::new(0)),
        state,
        seed: asked.seed,
        records: asked.records,
    };
    let is_over = feed.is_over.clone();
    let clients = (0..CLIENTS).map(|_| tokio::spawn(feed.clone().run()));
    let clients: Vec<_> = clients.collect();
    scene
        .until("jobs wait", |jobs| jobs.len() >= LEAST_QUEUED)
        .await;
    for _ in 0..2 {
        let worker = scene.worker(&old);
        scene.old_processes.insert(worker.running.process());
        scene.workers.push(worker);
    }
    scene.replace_all().await;
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap_or_else(|error| panic!("{error}"));
    }
    scene.verify(client.database("shop")).await
}

struct Api {
    service: Service,
    _machine: Machine,
}

struct Worker {
    running: Running,
    _machine: Machine,
}

struct Scene {
    new: Settings,
    specs: TempDir,
    services: Vec<Api>,
    workers: Vec<Worker>,
    addresses: Arc<RwLock<Vec<Address>>>,
    sent: Arc<RwLock<Vec<Sent>>>,
    onlooker: Onlooker,
    /// The workers of the old version, by their numbers.
    old_processes: BTreeSet<u32>,
    records: u64,
    told: Upgraded,
}

impl Scene {
    /// Starts an API, and lets files be sent there.
    async fn service(&self, settings: &Settings, is_new: bool) -> Api {
        let machine = machine(settings, &settings.name, Some(self.specs.path()));
        let service = Service::start(&machine.place, &["--workers", "0"]).await;
        let api = service.api.clone();
        self.addresses.write().await.push(Address { is_new, api });
        Api {
            service,
            _machine: machine,
        }
    }

    fn worker(&self, settings: &Settings) -> Worker {
        let machine = machine(settings, &settings.name, Some(self.specs.path()));
        Worker {
            running: machine.place.start(["worker"]),
            _machine: machine,
        }
    }

    async fn replace_all(&mut self) {
        self.replace_worker("a worker").await;
        self.works_on_what_others_queue(true).await;
        self.replace_service("an api").await;
        self.works_on_what_others_queue(false).await;
        self.replace_worker("the other worker").await;
        self.replace_service("the other api").await;
        let last = self.sent.read().await.len();
        eventually("files come in after it all", LIMIT, async || {
            self.sent.read().await.len() > last + 1
        })
        .await;
    }

    /// Replaces the worker that has run longest, in the middle of a job, and waits until the new one is in one.
    async fn replace_worker(&mut self, what: &'static str) {
        let worker = self.workers.remove(0);
        let process = worker.running.process();
        let half = self.records / 2;
        self.until("a job is begun", |jobs| {
            jobs.values()
                .any(|job| job.is_with(process) && (1..half).contains(&job.checkpoint))
        })
        .await;
        let began = Instant::now();
        let ended = worker.running.stop().await;
        self.step(what, began, ended.code, &ended.stderr);
        let worker = self.worker(&self.new);
        let process = worker.running.process();
        self.workers.push(worker);
        self.until("the new worker has loaded something", |jobs| {
            jobs.values()
                .any(|job| job.is_with(process) && job.checkpoint > 0)
        })
        .await;
    }

    /// Replaces the API that has run longest; until the new one listens, the other one takes what comes.
    async fn replace_service(&mut self, what: &'static str) {
        let old = self.services.remove(0);
        let began = Instant::now();
        let ended = old.service.stop().await;
        self.step(what, began, ended.code, &ended.stderr);
        self.addresses.write().await.remove(0);
        let service = self.service(&self.new, true).await;
        self.services.push(service);
    }

    fn step(&mut self, what: &'static str, began: Instant, code: Option<i32>, log: &str) {
        if code != Some(0) {
            let violation = format!("{what} ended with {code:?}: {log}");
            self.told.violations.push(violation);
        }
        self.told.steps.push(Step {
            what,
            ended_in: began.elapsed(),
            code,
        });
    }

    /// Waits until a worker of one version has begun a job that an API of the other has queued, and nobody of that one has
    /// had it before.
    async fn works_on_what_others_queue(&self, is_new: bool) {
        eventually("work on what the other version queues", LIMIT, async || {
            let sent = self.sent.read().await;
            sent.iter().any(|sent| {
                let (old, new) = self.workers_of(&sent.job);
                let only = if is_new { new && !old } else { old && !new };
                only && sent.by_new != is_new
            })
        })
        .await;
    }

    /// Whether workers of the old version have had a job, and whether workers of the new one have.
    fn workers_of(&self, job: &str) -> (bool, bool) {
        let had = self.onlooker.look().had_by.remove(job);
        let had = had.unwrap_or_default();
        let is_old = |worker: &String| {
            let process = worker.rsplit(':').next().unwrap_or_default();
            process
                .parse()
                .is_ok_and(|process| self.old_processes.contains(&process))
        };
        (
            had.iter().any(is_old),
            had.iter().any(|worker| !is_old(worker)),
        )
    }

    async fn until(&self, what: &str, holds: impl Fn(&BTreeMap<String, Seen>) -> bool) {
        eventually(what, LIMIT, async || holds(&self.onlooker.look().jobs)).await;
    }

    /// Waits for the end of every job, and compares all that is left.
    async fn verify(mut self, documents: Database) -> Upgraded {
        let sent = std::mem::take(&mut *self.sent.write().await);
        self.until("every job has ended", |jobs| {
            jobs.len() >= sent.len() && jobs.values().all(Seen::has_ended)
        })
        .await;
        let jobs = self.onlooker.look().jobs;
        let mut told = std::mem::take(&mut self.told);
        if jobs.len() != sent.len() {
            let (files, jobs) = (sent.len(), jobs.len());
            told.violations
                .push(format!("{jobs} jobs of {files} files"));
        }
        let Some(service) = self.services.last() else {
            panic!("there is no service");
        };
        for sent in &sent {
            let seen = jobs.get(&sent.job).cloned().unwrap_or_default();
            if seen.state != "completed" || seen.attempts > 0 {
                let Sent { job, .. } = sent;
                told.violations.push(format!("job {job} is {seen:?}"));
            }
            let checker = Checker::new(sent.seed, seen.identity.clone(), 0..self.records);
            let bounds = Bounds {
                from: Some(id_of(&seen.identity, 0)),
                to: Some(id_of(&seen.identity, u64::MAX)),
            };
            let tally = check_mongo(documents.clone(), bounds, checker).await;
            let api = &service.service.api;
            let books = books(api, &sent.job, &sent.totals).await;
            let rejects = rejects(api, &sent.job, sent.seed, sent.totals.rejected).await;
            told.faults += tally.missing + tally.double + tally.wrong + rejects.wrong;
            for violations in [tally.examples, books.violations, rejects.violations] {
                told.violations.extend(violations);
            }
            let (old, new) = self.workers_of(&sent.job);
            told.jobs += 1;
            told.records += sent.totals.read;
            told.expected += sent.totals.loaded;
            told.sent_again += sent.in_vain;
            told.handed_over += u64::from(old && new);
            told.old_on_new += u64::from(old && sent.by_new);
            told.new_on_old += u64::from(new && !old && !sent.by_new);
        }
        let all = documents.collection::<Document>(COLLECTION);
        let counted = all.count_documents(doc! {}).await;
        told.counted = counted.unwrap_or_else(|error| panic!("documents: {error}"));
        if told.counted != told.expected {
            let (counted, expected) = (told.counted, told.expected);
            told.violations
                .push(format!("{counted} documents instead of {expected}"));
        }
        for (what, times) in [
            (
                "no job went over from the old version to the new one",
                told.handed_over,
            ),
            (
                "the old version worked on nothing that the new one queued",
                told.old_on_new,
            ),
            (
                "the new version worked on nothing that the old one queued",
                told.new_on_old,
            ),
        ] {
            if times == 0 {
                told.violations.push(what.to_owned());
            }
        }
        told
    }
}
