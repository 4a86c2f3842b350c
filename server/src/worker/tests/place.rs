//! A place to work in: the stores of a service, files with their jobs, and worker processes that can be killed.

use crate::config::Config;
use crate::files::NewFile;
use crate::files::sqlite::SqliteFiles;
use crate::id::Id;
use crate::job::SpecPin;
use crate::keys::sqlite::SqliteKeys;
use crate::objects::folder::FolderObjects;
use crate::objects::{Objects, Part, Upload};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::{Job, LoadPin, NewJob, SpecText, State};
use crate::rejects::sqlite::SqliteRejects;
use crate::service::Service;
use crate::specs::sqlite::SqliteSpecs;
use crate::stores::Stores;
use crate::targets::Targets;
use crate::tenant::Tenant;
use crate::tickets::sqlite::SqliteTickets;
use crate::worker::Workers;
use crate::{files, keys, queue, rejects, specs, tickets};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use pipeline::{Fatal, Source};
use sha2::{Digest, Sha256};
use stages::identity::{LoadIdentity, LoadName};
use stages::load::{Entry, Loads, Request};
use stages::plan::{Defaults, Plan};
use stages::sink::sqlite::Export;
use stages::source::{Origin, Pinned};
use stages::sqlite::Database;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// How long anything is waited for.
const DEADLINE: Duration = Duration::from_secs(120);
/// A short lease, in milliseconds: workers that die are missed soon.
pub const LEASE_MS: u64 = 1_500;

/// The stores of a service, and its targets.
pub struct Place {
    pub service: Service,
    pub faults: Arc<Faults>,
    folder: TempDir,
}

impl Place {
    /// Stores in SQLite and in a folder, without a server.
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schemas = [
            queue::sqlite::SCHEMA,
            files::sqlite::SCHEMA,
            rejects::sqlite::SCHEMA,
            specs::sqlite::SCHEMA,
            keys::sqlite::SCHEMA,
            tickets::sqlite::SCHEMA,
        ];
        let path = folder.path().join("service.db");
        let database = Database::open(&path, &schemas).await.unwrap();
        let faults = Faults::over(&folder).await;
        let stores = Stores {
            queue: Arc::new(SqliteQueue::new(database.clone())),
            files: Arc::new(SqliteFiles::new(database.clone())),
            rejects: Arc::new(SqliteRejects::new(database.clone())),
            specs: Arc::new(SqliteSpecs::new(database.clone())),
            keys: Arc::new(SqliteKeys::new(database.clone())),
            tickets: Arc::new(SqliteTickets::new(database)),
            objects: faults.clone(),
        };
        let targets = Targets::new(None, folder.path().to_owned());
        Self::of(stores, targets, faults, folder)
    }

    pub fn of(stores: Stores, targets: Targets, faults: Arc<Faults>, folder: TempDir) -> Self {
        let config = Config {
            workers: 2,
            specs_dir: folder.path().join("specs"),
            job_lease_ms: LEASE_MS,
            job_max_attempts: 2,
            ..Config::from_env().unwrap()
        };
        let service = Service::new(config, stores, targets);
        Self {
            service,
            faults,
            folder,
        }
    }

    /// So many jobs at once in a process.
    pub fn workers(mut self, workers: usize) -> Self {
        let config = Config {
            workers,
            ..Config::clone(&self.service.config)
        };
        self.service.config = Arc::new(config);
        self
    }

    /// Uploads a file and gives it to a job with this spec, as a client does.
    pub async fn submit(&self, spec: &str, name: &str, bytes: impl Into<Bytes>) -> Job {
        let new = self.new_job(spec, name, bytes).await;
        self.service.stores.queue.submit(&new).await.unwrap()
    }

    /// Uploads a file and enters its load for a job that is to be submitted.
    pub async fn new_job(&self, spec: &str, name: &str, bytes: impl Into<Bytes>) -> NewJob {
        let (tenant, bytes) = (Tenant::NONE, bytes.into());
        let Stores { files, objects, .. } = &self.service.stores;
        let (file, sha256) = (self.id(), hex::encode(Sha256::digest(&bytes)));
        let key = file.to_string();
        let new = NewFile {
            id: file,
            tenant: tenant.clone(),
            original_name: name.to_owned(),
            content_type: "text/plain".to_owned(),
            key: key.clone(),
            bucket: None,
            upload: None,
        };
        files.begin(&new).await.unwrap();
        let size_bytes = bytes.len() as u64;
        objects.put(&key, "text/plain", bytes).await.unwrap();
        let committed = files.commit(&tenant, file, size_bytes, &sha256, None).await;
        assert!(committed.unwrap().is_some());
        let plan = Plan::read(name, spec, salted()).unwrap();
        let job = self.id();
        let load = self.enter(&plan, &sha256, job).await;
        NewJob {
            id: job,
            tenant,
            file,
            spec: SpecText {
                pin: SpecPin::from(&plan),
                text: spec.to_owned(),
                is_operators: true,
            },
            load,
            priority: 0,
            bytes_total: Some(size_bytes),
            parent: None,
            callback: None,
        }
    }

    /// Enters the load of a job, and lets go of it.
    async fn enter(&self, plan: &Plan, sha256: &str, job: Id) -> LoadPin {
        let collection = plan.sink.target.collection.clone();
        let content = format!("sha256:{sha256}");
        let name = LoadName {
            tenant: None,
            content: &content,
            spec: &plan.name,
            collection: &collection,
        };
        let identity = LoadIdentity::new(name, 0);
        let request = Request {
            base: identity,
            spec: plan.name.clone(),
            version: plan.version,
            spec_sha256: plan.sha256.clone(),
            collection: collection.clone(),
            job: job.to_string(),
            owner: self.id().to_string(),
            lease_ms: LEASE_MS,
            numbered: plan.sink.target.mode.has_key(),
        };
        let loads = self
            .service
            .targets
            .loads(&Tenant::NONE, plan)
            .await
            .unwrap();
        let entry = loads.enter(&request, identity, 0).await.unwrap();
        let entry = entry.expect("the content is new");
        assert!(loads.close(&entry, false, false).await.unwrap());
        LoadPin {
            content,
            base: identity,
            identity,
            generation: 0,
            load_number: entry.load_number,
            collection,
        }
    }

    /// The entry of a job in `_loads`.
    pub async fn entry(&self, job: &Job) -> Entry {
        let loads = self.loads(job).await;
        let entry = loads.entry(job.load.identity).await.unwrap();
        entry.expect("it was entered at submit")
    }

    /// Takes a job's load as somebody else, as soon as nobody has it.
    pub async fn take_load(&self, job: &Job, lease_ms: u64) -> Entry {
        let loads = self.loads(job).await;
        let request = Request {
            base: job.load.base,
            spec: job.spec.pin.name.clone(),
            version: job.spec.pin.version,
            spec_sha256: job.spec.pin.sha256.clone(),
            collection: job.load.collection.clone(),
            job: self.id().to_string(),
            owner: self.id().to_string(),
            lease_ms,
            numbered: false,
        };
        let taken = Mutex::new(None);
        wait_for("the load", async || {
            // As if the lease of whoever has it had run out.
            let entry = self.entry(job).await;
            loads.close(&entry, false, false).await.unwrap();
            let now = loads.take(&request, &entry).await.unwrap();
            let is_taken = now.is_some();
            *taken.lock().unwrap() = now;
            is_taken
        })
        .await;
        taken.into_inner().unwrap().unwrap()
    }

    /// Lets go of a load that was taken so.
    pub async fn let_go(&self, job: &Job, entry: &Entry) {
        let closed = self.loads(job).await.close(entry, false, false).await;
        assert!(closed.unwrap());
    }

    async fn loads(&self, job: &Job) -> Arc<dyn Loads> {
        let plan = Plan::read("spec", &job.spec.text, salted()).unwrap();
        let loads = self.service.targets.loads(&job.tenant, &plan).await;
        loads.unwrap()
    }

    pub fn id(&self) -> Id {
        self.service.entropy.id()
    }

    /// A job as it is now.
    pub async fn job(&self, job: &Job) -> Job {
        let found = self.service.stores.queue.job(&job.tenant, job.id).await;
        found.unwrap().expect("the job is there")
    }

    /// Waits until a job is as `wanted`, and returns it.
    pub async fn until(&self, job: &Job, what: &str, wanted: impl Fn(&Job) -> bool) -> Job {
        let found = Mutex::new(None);
        wait_for(what, async || {
            let now = self.job(job).await;
            let is_wanted = wanted(&now);
            *found.lock().unwrap() = Some(now);
            is_wanted
        })
        .await;
        found.into_inner().unwrap().unwrap()
    }

    /// Waits until a job is in this state.
    pub async fn ended(&self, job: &Job, state: State) -> Job {
        let done = |job: &Job| job.state == state || job.state.is_terminal();
        let job = self.until(job, state.word(), done).await;
        assert_eq!(job.state, state, "{:?}", job.failure);
        job
    }

    /// Waits until more than `ordinal` records are behind the checkpoint of a job.
    pub async fn past(&self, job: &Job, ordinal: u64) -> Job {
        self.until(job, "progress", |job| end_of(job) > ordinal)
            .await
    }

    /// Leaves every turn of the embedded queue asleep for good, as a wake that was lost does.
    pub async fn put_turns_to_sleep(&self) {
        let path = self.folder.path().join("service.db");
        let store = Database::open(&path, &[]).await.unwrap();
        let sleep = "UPDATE turns SET is_waiting = 0, wake_ms = NULL";
        let asleep = store.write(|change| change.execute(sleep, [])).await;
        assert_eq!(asleep.unwrap(), 1);
    }

    /// The documents of a collection in the embedded store.
    pub fn documents(&self, collection: &str) -> Vec<String> {
        let path = self.folder.path().join("documents.db");
        let export = Export::open(&path, collection).unwrap();
        export.map(Result::unwrap).collect()
    }
}

/// With a salt for whatever wants one: what is read so is only looked at.
fn salted() -> Defaults {
    Defaults {
        secret: Some(|_| Some("salt".to_owned())),
        ..Defaults::default()
    }
}

/// Where the checkpoint of a job ends.
pub fn end_of(job: &Job) -> u64 {
    let checkpoint = job.checkpoint.as_ref();
    checkpoint.map_or(0, |checkpoint| checkpoint.books.end.ordinal)
}

/// `loaded alreadyLoaded rejected dropped`, the first two together: how often something was tried shows in neither.
pub fn outcome(job: &Job) -> String {
    let counters = &job.checkpoint.as_ref().unwrap().books.counters;
    let loaded = counters.loaded + counters.already_loaded;
    let (rejected, dropped) = (counters.rejected, counters.dropped_total());
    format!("{loaded} {rejected} {dropped}")
}

/// Waits for a condition.
pub async fn wait_for(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    waited.unwrap_or_else(|_| panic!("waited too long for {what}"));
}

/// A spec for lines of JSON that writes a batch of ten records every 20 ms, with `more` in it.
pub fn slow_spec(collection: &str, more: &str) -> String {
    format!(
        "spec = 1\nname = \"s\"\nversion = 1\n{more}\n[format.jsonl]\n[fields]\nn = {{ type = \"integer\" }}\n\
         [sink.mongodb]\ncollection = \"{collection}\"\nbatch = {{ records = 10 }}\nrate = {{ pause = \"20ms\" }}\n"
    )
}

/// `count` records for it.
pub fn lines(count: u64) -> String {
    (0..count).map(|n| format!("{{\"n\": {n}}}\n")).collect()
}

/// A worker process: runtimes of its own, which end as if it was killed.
pub struct Process {
    service: Option<Runtime>,
    work: Option<Runtime>,
    workers: Option<Workers>,
}

impl Process {
    pub fn start(place: &Place, name: &str) -> Self {
        let runtime = || {
            let builder = &mut Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().build().unwrap()
        };
        let (service, work) = (runtime(), runtime());
        let workers = {
            let _here = service.enter();
            let parts = place.service.clone();
            Workers::start(parts, name.to_owned(), work.handle().clone())
        };
        Self {
            service: Some(service),
            work: Some(work),
            workers: Some(workers),
        }
    }

    /// Ends it in the order in which it would end by itself.
    pub async fn shutdown(mut self) {
        let workers = self.workers.take().unwrap();
        tokio::time::timeout(Duration::from_secs(10), workers.shutdown())
            .await
            .expect("a shutdown ends within 10 s");
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        for runtime in [self.service.take(), self.work.take()] {
            runtime.into_iter().for_each(Runtime::shutdown_background);
        }
    }
}

/// A store of objects that fails when it is told to.
pub struct Faults {
    objects: FolderObjects,
    /// What becomes of the next openings: they panic, where no error is said.
    next: Mutex<VecDeque<Option<Fatal>>>,
    /// Where the next object that is opened panics, in bytes.
    panics_at: Mutex<Option<u64>>,
    /// Whether the next removal fails, and whether one has failed.
    removal: Mutex<(bool, bool)>,
}

impl Faults {
    pub async fn over(folder: &TempDir) -> Arc<Self> {
        let objects = FolderObjects::open(folder.path().join("objects")).await;
        Arc::new(Self {
            objects: objects.unwrap(),
            next: Mutex::default(),
            panics_at: Mutex::default(),
            removal: Mutex::default(),
        })
    }

    /// The next removal finds the store away.
    pub fn fail_next_removal(&self) {
        self.removal.lock().unwrap().0 = true;
    }

    pub fn has_failed_to_remove(&self) -> bool {
        self.removal.lock().unwrap().1
    }

    /// The next opening fails so, or panics.
    pub fn next(&self, fault: Option<Fatal>) {
        self.next.lock().unwrap().push_back(fault);
    }

    /// The next object that is opened panics when it was read so far.
    pub fn panics_at(&self, bytes: u64) {
        *self.panics_at.lock().unwrap() = Some(bytes);
    }
}

/// An object that panics when it was read so far.
struct Panicking {
    object: Box<dyn Origin>,
    at: u64,
}

struct PanickingSource {
    source: Box<dyn Source>,
    at: u64,
}

#[async_trait]
impl Origin for Panicking {
    fn pinned(&self) -> &Pinned {
        self.object.pinned()
    }

    fn restartable(&self) -> bool {
        self.object.restartable()
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        let source = self.object.read_from(offset).await?;
        let at = self.at;
        Ok(Box::new(PanickingSource { source, at }))
    }
}

#[async_trait]
impl Source for PanickingSource {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let read = self.source.read(into).await?;
        assert!(self.source.bytes_read() < self.at, "a secret of the file");
        Ok(read)
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}

#[async_trait]
impl Objects for Faults {
    fn bucket(&self) -> Option<&str> {
        self.objects.bucket()
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        self.objects.put(key, content_type, bytes).await
    }

    async fn begin(&self, key: &str, content_type: &str) -> Result<Upload, Fatal> {
        self.objects.begin(key, content_type).await
    }

    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        self.objects.part(upload, number, bytes).await
    }

    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        self.objects.complete(upload, parts).await
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        self.objects.abort(upload).await
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        let fault = self.next.lock().unwrap().pop_front();
        match fault {
            None => {
                let object = self.objects.open(key).await?;
                let panics_at = self.panics_at.lock().unwrap().take();
                Ok(match panics_at {
                    Some(at) => Box::new(Panicking { object, at }),
                    None => object,
                })
            }
            Some(Some(fatal)) => Err(fatal),
            Some(None) => panic!("a fault that was asked for"),
        }
    }

    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        {
            let mut removal = self.removal.lock().unwrap();
            if std::mem::take(&mut removal.0) {
                removal.1 = true;
                return Err(Fatal::outage("objects_unavailable", "away"));
            }
        }
        self.objects.remove(key).await
    }

    async fn presign(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
    ) -> Result<Option<String>, Fatal> {
        self.objects.presign(key, file_name, valid).await
    }

    async fn ping(&self) -> Result<(), Fatal> {
        self.objects.ping().await
    }
}
