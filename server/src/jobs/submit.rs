//! Submitting: a file and a spec become a job, or the job that has them already.
//!
//! ```text
//! remember the key ─► file ─► spec ─► judge ─► enter or take `_loads` ─► queue ─► let go of `_loads`
//!                                       ▲                 │ lost to another
//!                                       └──── wait ◄──────┘
//! ```
//!
//! One request makes at most one job, whatever happens: all its tries, and all requests under its `Idempotency-Key`, use
//! one id, and the queue takes an id once. What a crash leaves blocks nothing:
//!
//! - before `_loads` is entered: nothing, or a key that remembers an id. The request that is sent again goes on with it.
//! - behind `_loads`: an entry that is held for [`LEASE_MS`] and whose job is not in the queue. A request
//!   for the same waits that long and puts the job there, under the same id, so that the request that is sent again finds
//!   it; one with another text takes the load over, because nothing is acknowledged.
//! - behind the queue: the job is there, and the entry's lease runs out before a worker may take the load.
//!
//! A try that is only slow does not come to the queue once two thirds of its lease have passed. Should it be there all
//! the same when it learns that another job has the load, it cancels its own, and tells nobody of it. With `force=again` a crash may leave a
//! generation that is empty, and that the next one passes over.

use super::judge::{Situation, Verdict, in_progress, judge};
use super::{LEASE_MS, let_go, owner};
use crate::files::{File, Files};
use crate::id::{Entropy, Id};
use crate::queue::{
    CallbackUrl, Job, LoadPin, MAX_PRIORITY, NewJob, Queue, Remembered, SpecText, State,
};
use crate::service::Service;
use crate::tenant::Tenant;
use crate::webhook::accept;
use pipeline::{Fatal, Retry};
use stages::corrected::{DUPLICATE, SETTLED, UNKNOWN};
use stages::identity::{LoadIdentity, LoadName};
use stages::load::{Entry, Loads, Request};
use stages::plan::Plan;
use stages::spec::OnSuccess;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a request waits for another one that is entering the same load, in milliseconds.
pub const MAX_WAIT_MS: u64 = 5_000;
/// How often it looks meanwhile, in milliseconds.
const POLL_MS: u64 = 50;

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The file.
    pub file: Id,
    /// The spec, `orders` or `orders@3`; none: the one that matches the file's name.
    pub spec: Option<String>,
    /// 0 to [`MAX_PRIORITY`]; more is as much.
    pub priority: u8,
    /// Whether the content is to be loaded anew, whatever was loaded before (`force=again`).
    pub again: bool,
    /// The header `Idempotency-Key`.
    pub idempotency: Option<IdempotencyKey>,
    /// Where the job tells of its ends and holds; none: where the tenant's jobs do.
    pub callback: Option<CallbackUrl>,
}

/// A key under which a request can be sent again.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// What the client calls the request.
    pub key: String,
    /// A hash of all that the request asks for, in hexadecimal digits.
    pub request_sha256: String,
}

/// What a client gets.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The job.
    pub job: Job,
    /// Whether it was there before.
    pub existing: bool,
}

/// Submits a file.
///
/// # Errors
/// `idempotency_key_required`, `idempotency_key_reused`; `not_found`, `not_uploaded`, `content_gone`; what the catalogue
/// says of the spec; `load_in_progress`, `loaded_by_other_spec`; `bad_callback`, `webhooks_off`; outages.
pub async fn submit(service: &Service, tenant: &Tenant, asked: Asked) -> Result<Submitted, Fatal> {
    if asked.again && asked.idempotency.is_none() {
        return Err(Fatal::new(
            "idempotency_key_required",
            "force=again wants the header Idempotency-Key",
        )
        .hint("send a fresh key with each request, and the same one when you send it again: else it loads twice"));
    }
    let (queue, files) = (&*service.stores.queue, &*service.stores.files);
    let candidate =
        match remembered(queue, &*service.entropy, tenant, asked.idempotency.as_ref()).await? {
            Candidate::Free(id) => id,
            // An upload that is sent again brings a file of its own.
            Candidate::There(job) => {
                let goes = goes(service, &job).await;
                let attached = attached(queue, files, tenant, *job, asked.file, goes).await?;
                return with_callback(service, tenant, attached, asked.callback.as_deref()).await;
            }
        };
    if let Some(url) = &asked.callback {
        accept(&service.config, url)?;
    }
    let file = content(files, tenant, asked.file).await?;
    let chosen = match &asked.spec {
        Some(reference) => service.catalog.find(tenant, reference).await?,
        None => {
            let name = &file.new.original_name;
            service.catalog.matching(tenant, name).await?
        }
    };
    let callback = match asked.callback.clone() {
        Some(url) => Some(url),
        None => queue.default_callback(tenant).await?.map(CallbackUrl::from),
    };
    let loads = service.targets.loads(tenant, &chosen.plan).await?;
    let submission = Submission {
        queue,
        files,
        loads: &*loads,
        entropy: &*service.entropy,
        tenant,
        file: &file,
        plan: &chosen.plan,
        spec: &chosen.text,
        priority: asked.priority.min(MAX_PRIORITY),
        again: asked.again,
        candidate,
        parent: None,
        callback,
    };
    let submitted = submission.run().await?;
    let submitted = with_callback(service, tenant, submitted, asked.callback.as_deref()).await?;
    let Submitted { job, existing } = &submitted;
    let (spec, version) = (&job.spec.pin.name, job.spec.pin.version);
    tracing::info!(job_id = %job.id, file_id = %asked.file, spec, version, existing, "submitted");
    service.due.notify_one();
    if let Some(IdempotencyKey { key, .. }) = &asked.idempotency
        && submitted.job.id != candidate
    {
        queue.settle(tenant, key, submitted.job.id).await?;
    }
    Ok(submitted)
}

/// The job, with the webhook that was asked for where it was there without one and has not ended.
async fn with_callback(
    service: &Service,
    tenant: &Tenant,
    submitted: Submitted,
    asked: Option<&str>,
) -> Result<Submitted, Fatal> {
    let Submitted { job, existing } = submitted;
    let job = match asked {
        Some(url)
            if job.callback.is_none()
                && !job.state.is_terminal()
                && accept(&service.config, url).is_ok() =>
        {
            let queue = &service.stores.queue;
            queue
                .add_callback(tenant, job.id, url)
                .await?
                .unwrap_or(job)
        }
        _ => job,
    };
    Ok(Submitted { job, existing })
}

/// The id that a request's job is to have.
pub(super) enum Candidate {
    /// No job has it.
    Free(Id),
    /// The same request came before: this is its job.
    There(Box<Job>),
}

/// Remembers the request under its key, before anything of it is judged: sent again, it gets its job, whatever became of
/// file and spec since.
pub(super) async fn remembered(
    queue: &dyn Queue,
    entropy: &dyn Entropy,
    tenant: &Tenant,
    idempotency: Option<&IdempotencyKey>,
) -> Result<Candidate, Fatal> {
    let id = entropy.id();
    let Some(IdempotencyKey {
        key,
        request_sha256,
    }) = idempotency
    else {
        return Ok(Candidate::Free(id));
    };
    match queue.remember(tenant, key, request_sha256, id).await? {
        Remembered::New => Ok(Candidate::Free(id)),
        Remembered::Same(id) => Ok(match queue.job(tenant, id).await? {
            Some(job) => Candidate::There(Box::new(job)),
            None => Candidate::Free(id),
        }),
        Remembered::Other => Err(Fatal::new(
            "idempotency_key_reused",
            "another request came under this Idempotency-Key",
        )
        .hint("use a fresh key for each request")),
    }
}

/// The file, with its content.
pub(super) async fn content(files: &dyn Files, tenant: &Tenant, id: Id) -> Result<File, Fatal> {
    let Some(seen) = files.file(tenant, id).await? else {
        return Err(Fatal::new("not_found", "there is no such file"));
    };
    if !seen.file.is_uploaded {
        return Err(
            Fatal::new("not_uploaded", "the file is still being uploaded")
                .hint("process it when the upload has answered"),
        );
    }
    if seen.file.content_gone {
        return Err(Fatal::new(
            "content_gone",
            "the content of the file was deleted after it was loaded",
        )
        .hint("upload it again"));
    }
    Ok(seen.file)
}

/// Whether the spec of a job in the queue wants objects removed after success.
pub(super) async fn goes(service: &Service, job: &Job) -> bool {
    match service.catalog.plan_of(&job.tenant, &job.spec).await {
        Ok(plan) => plan.input.on_success == OnSuccess::Delete,
        // It has a spec that could be read once; what stays costs room only.
        Err(_) => false,
    }
}

/// The job that there is, which lists `file` as well; `goes`: its spec wants the object removed after success.
pub(super) async fn attached(
    queue: &dyn Queue,
    files: &dyn Files,
    tenant: &Tenant,
    mut job: Job,
    file: Id,
    goes: bool,
) -> Result<Submitted, Fatal> {
    let is_new = !job.files.contains(&file);
    if is_new && goes {
        // First: the job may be completed already, and nobody looks at its files then but for this note.
        files.mark_to_go(tenant, &[file], job.id).await?;
    }
    if is_new {
        if queue.attach(tenant, job.id, file).await? {
            job.files.push(file);
            content(files, tenant, file).await?;
        } else if goes {
            files.went(tenant, file).await?;
        }
    }
    Ok(Submitted {
        job,
        existing: true,
    })
}

/// Whether a job that has sent rejects again was completed with records that are rejects of its parent still: the target
/// may take them by now, so the same file is worth another try.
fn has_bad_still(job: &Job) -> bool {
    let checkpoint = job.checkpoint.as_ref();
    let checkpoint = checkpoint.filter(|_| job.state == State::Completed);
    let kinds = checkpoint.map_or(&[][..], |checkpoint| checkpoint.books.summary.kinds());
    kinds
        .iter()
        .any(|kind| ![UNKNOWN, SETTLED, DUPLICATE].contains(&&*kind.code))
}

/// A request whose file and spec are known.
pub(super) struct Submission<'a> {
    pub queue: &'a dyn Queue,
    pub files: &'a dyn Files,
    pub loads: &'a dyn Loads,
    pub entropy: &'a dyn Entropy,
    pub tenant: &'a Tenant,
    pub file: &'a File,
    pub plan: &'a Plan,
    pub spec: &'a SpecText,
    pub priority: u8,
    pub again: bool,
    pub candidate: Id,
    /// The job whose rejects the file sends again.
    pub parent: Option<Id>,
    /// Where the job tells of its ends and holds.
    pub callback: Option<CallbackUrl>,
}

impl Submission<'_> {
    /// Judges the request, and does what it may, until there is a job.
    pub async fn run(&self) -> Result<Submitted, Fatal> {
        let deadline = Instant::now() + Duration::from_millis(MAX_WAIT_MS);
        loop {
            let waits = match self.judged().await? {
                Verdict::Existing(job) => {
                    let (queue, files) = (self.queue, self.files);
                    let (file, goes) = (
                        self.file.new.id,
                        self.plan.input.on_success == OnSuccess::Delete,
                    );
                    return attached(queue, files, self.tenant, *job, file, goes).await;
                }
                Verdict::Wait(entry) => Some(entry),
                verdict => {
                    let sent = Instant::now();
                    let entered = self.entered(verdict).await?;
                    if let Some(entry) = &entered
                        && let Some(job) = self.queued(entry, sent).await?
                    {
                        let existing = false;
                        return Ok(Submitted { job, existing });
                    }
                    entered
                }
            };
            if Instant::now() >= deadline {
                return Err(match waits {
                    Some(entry) => in_progress(&entry),
                    None => Fatal::transient(
                        "load_in_progress",
                        "other requests keep changing the same load",
                    ),
                });
            }
            if waits.is_some() {
                sleep(Duration::from_millis(POLL_MS)).await;
            }
        }
    }

    /// Reads what counts, `_loads` before the queue: a job is entered there first.
    pub async fn judged(&self) -> Result<Verdict, Fatal> {
        let newest = self.loads.newest(self.identity(0)).await?;
        let (mut job, mut can_be_retried, mut newer) = (None, true, false);
        if let Some(entry) = &newest {
            if let Ok(id) = entry.job.parse() {
                job = self.queue.job(self.tenant, id).await?;
            }
            if let Some(job) = &job {
                can_be_retried = self.can_be_retried(job).await?;
            }
            newer = self.numbered() && self.loads.newer_exists(entry).await?;
        }
        let tries_again = self.parent.is_some() && job.as_ref().is_some_and(has_bad_still);
        judge(Situation {
            spec_sha256: &self.plan.sha256,
            candidate: self.candidate,
            again: self.again || tries_again,
            numbered: self.numbered(),
            newest,
            job,
            can_be_retried,
            newer,
        })
    }

    async fn can_be_retried(&self, job: &Job) -> Result<bool, Fatal> {
        let (true, false, Some(file)) = (
            matches!(job.state, State::Failed | State::Cancelled),
            job.expired,
            job.file(),
        ) else {
            return Ok(false);
        };
        let seen = self.files.file(self.tenant, file).await?;
        Ok(seen.is_some_and(|seen| !seen.file.content_gone))
    }

    /// Enters or takes what the verdict says. `None` when somebody else was first.
    pub async fn entered(&self, verdict: Verdict) -> Result<Option<Entry>, Fatal> {
        match verdict {
            Verdict::Enter(generation, id) => {
                let identity = self.identity(generation);
                self.loads
                    .enter(&self.request(id), identity, generation)
                    .await
            }
            Verdict::Take(entry, id) => self.loads.take(&self.request(id), &entry).await,
            Verdict::Existing(_) | Verdict::Wait(_) => Ok(None),
        }
    }

    /// Puts the job of an entry into the queue, which a statement holds that was sent at `sent`, and lets go of the entry.
    /// `None` when the load is not this request's: it came too late, or its id was there, with another file or another
    /// text of the spec.
    pub async fn queued(&self, entry: &Entry, sent: Instant) -> Result<Option<Job>, Fatal> {
        if sent.elapsed() >= Duration::from_millis(LEASE_MS * 2 / 3) {
            return Ok(None);
        }
        let id = entry.job.parse().unwrap_or(self.candidate);
        let new = NewJob {
            id,
            tenant: self.tenant.clone(),
            file: self.file.new.id,
            spec: self.spec.clone(),
            parent: self.parent,
            callback: self.callback.clone(),
            load: LoadPin {
                content: self.content(),
                base: entry.base,
                identity: entry.identity,
                generation: entry.generation,
                load_number: entry.load_number,
                collection: entry.collection.clone(),
            },
            priority: self.priority,
            bytes_total: Some(self.file.size_bytes),
        };
        let job = self.queue.submit(&new).await?;
        let pin = &job.spec.pin;
        let is_same = pin.sha256 == entry.spec_sha256;
        if !is_same {
            self.loads.repin(entry, pin.version, &pin.sha256).await?;
        }
        let is_ours = is_same && job.file() == Some(new.file);
        // Removing a file marks it before it looks for jobs, and reading it waits until that is decided: one of the two
        // sees the other. Where it is not decided in time (`file_busy`), the job stays and the request is sent again.
        let gone = content(self.files, self.tenant, new.file).await.err();
        let is_gone = gone.as_ref().is_some_and(|gone| gone.retry == Retry::Never);
        let is_lost = !let_go(self.loads, entry).await && self.is_lost(entry).await?;
        if is_ours && (is_gone || is_lost) {
            // No client was given its id: whoever asked is answered by the job that has the load, or by the error.
            self.queue.withdraw(self.tenant, id).await?;
        }
        match gone {
            Some(gone) => Err(gone),
            None => Ok((is_ours && !is_lost).then_some(job)),
        }
    }

    /// Whether another job has the load by now.
    async fn is_lost(&self, entry: &Entry) -> Result<bool, Fatal> {
        let now = self.loads.entry(entry.identity).await?;
        Ok(now.is_some_and(|now| now.job != entry.job))
    }

    /// What makes the content itself.
    fn content(&self) -> String {
        match self.parent {
            None => format!("sha256:{}", self.file.sha256),
            Some(parent) => format!("resubmit:{parent}:sha256:{}", self.file.sha256),
        }
    }

    fn identity(&self, generation: u32) -> LoadIdentity {
        let name = LoadName {
            tenant: self.tenant.name(),
            content: &self.content(),
            spec: &self.plan.name,
            collection: &self.plan.sink.target.collection,
        };
        LoadIdentity::new(name, generation)
    }

    /// Rejects that are sent again come under the number of the load that they belong to.
    fn numbered(&self) -> bool {
        self.plan.sink.target.mode.has_key() && self.parent.is_none()
    }

    fn request(&self, job: Id) -> Request {
        Request {
            base: self.identity(0),
            spec: self.plan.name.clone(),
            version: self.plan.version,
            spec_sha256: self.plan.sha256.clone(),
            collection: self.plan.sink.target.collection.clone(),
            job: job.to_string(),
            owner: owner(self.entropy),
            lease_ms: LEASE_MS,
            numbered: self.numbered(),
        }
    }
}
