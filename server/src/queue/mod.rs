//! The queue: jobs, who works on them, and how far they are.
//!
//! ```text
//!            submit                        claim                       finish
//!   (none) ─────────► queued ───────────────────────────► in_progress ────────► completed
//!                     ▲ ▲ ▲                                │ │ │ │ └─ fail ────► failed ◄─ claim, release
//!                     │ │ └──────────── release ───────────┘ │ │ │                 │       (out of attempts)
//!                     │ │                     claim ◄────────┘ │ └─ cancel ──┐     │
//!                     │ │              (its lease ran out)     │             ▼     │
//!                     │ └── approve ── held ◄──── hold ────────┘ ┌─────► cancelled │
//!                     │                 └────────── cancel ──────┘           │     │
//!                     └──────────────────────── retry ◄──────────────────────┴─────┘
//!          (queued ── cancel ──► cancelled)     completed, failed and cancelled absorb: only retry leaves the last two
//! ```
//!
//! Every transition is one atomic statement in a file of its own, named like its method here, filtered on the state
//! that it leaves; those of a worker match owner and fence number as well. Once acknowledged it survives a crash, and
//! when its answer is lost it can be sent again: it finds its own change. Time is the store's own: nothing here reads
//! a clock. What a job means is nothing to the queue.
//!
//! The transitions that end or hold a job make an event of its webhook due, in the same statement ([`callback`]).

pub mod callback;
pub mod callback_url;
mod record;
#[cfg(test)]
pub(crate) mod suite;

pub mod mongo;
pub mod sqlite;

pub use callback::{Callback, Delivery, Event, Sent, Skip, Taken, Told};
pub use callback_url::CallbackUrl;
pub use record::{
    Approval, Claim, Depth, Filter, Held, Job, Known, LoadPin, MAX_FILES, MAX_PRIORITY, Moved,
    NewJob, Progress, Receipt, SpecText, State, Turn,
};

use crate::id::Id;
use crate::job::Failure;
use crate::page::{Listed, Page};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal};

/// How long an `Idempotency-Key` is remembered, in milliseconds: 24 hours.
pub const IDEMPOTENCY_MS: u64 = 24 * 3_600_000;

/// The most jobs that [`Queue::news`] is asked about at once.
pub const MAX_NEWS: usize = 64;

/// A worker that asks for a job.
#[derive(Clone, Debug)]
pub struct Claimant {
    /// What people know it by: host and process.
    pub worker: String,
    /// A fresh random name for this claim. Asking again with the same one finds the same claim.
    pub owner: String,
    /// How long the job is its, without being renewed, in milliseconds.
    pub lease_ms: u64,
    /// Claims of expired leases without progress after which a job fails as `crash_loop` (`JOB_MAX_ATTEMPTS`).
    pub max_attempts: u32,
    /// Whether jobs whose lease ran out may be taken: not for one lease after an outage of the store, in which no
    /// worker could renew.
    pub take_expired: bool,
}

/// What a worker knows of its job beyond the checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Renewal {
    /// How far it is.
    pub progress: Progress,
    /// How long it is the worker's from now on, in milliseconds.
    pub lease_ms: u64,
}

/// How a job goes back to the queue.
#[derive(Clone, Debug)]
pub struct Release {
    /// From when it may be claimed again, in milliseconds from now.
    pub delay_ms: u64,
    /// Why; kept on the job, and its failure where attempts run out.
    pub failure: Option<Failure>,
    /// Whether this was an attempt: it is charged when there was no progress since the claim, and with progress
    /// attempts begin anew. Shutdowns and outages charge nothing.
    pub charge: bool,
    /// Attempts after which it fails instead (`JOB_MAX_ATTEMPTS`).
    pub max_attempts: u32,
}

/// What came of a change that a client asked for.
#[derive(Clone, Debug)]
pub enum Changed {
    /// It is done: the job as it is now.
    Done(Box<Job>),
    /// The job is in a state from which there is no such change: the job as it is.
    WrongState(Box<Job>),
    /// This tenant has no such job.
    Missing,
}

/// What became of remembering an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It was not known: the request's job is to have this id.
    New,
    /// The same request came before: its job has this id, and may not be there yet.
    Same(Id),
    /// Another request came under this key.
    Other,
}

/// What became of asking for a message again.
#[derive(Clone, Debug)]
pub enum Resent {
    /// It is due: the job as it is now.
    Due(Box<Job>),
    /// There is no such try, or it is not remembered any more.
    NoSuchTry,
    /// This tenant has no such job.
    Missing,
}

/// The code of a job that nobody gets any further with.
pub(crate) const CRASH_LOOP: &str = "crash_loop";

/// Why a job fails that nobody gets any further with, after `max_attempts` tries.
pub(crate) fn crash_loop(max_attempts: u32) -> Failure {
    Failure {
        code: CRASH_LOOP.to_owned(),
        message: format!("{max_attempts} attempts in a row ended without getting any further"),
        hint: Some("see what the workers logged, then retry it".to_owned()),
        causes: Vec::new(),
    }
}

/// A store of jobs. `false` from a worker's transition says that the lease is lost: the job is somebody else's, was
/// cancelled, or has ended; the worker stops at once.
///
/// # Errors
/// Every method fails with an outage (`Retry::Outage`) when the store cannot be reached.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Enters a job, `queued` and due now. A job with this id that is there already is returned as it is.
    async fn submit(&self, job: &NewJob) -> Result<Job, Fatal>;

    /// Takes the next job: one whose lease has run out, or else the due job of the tenant that was served longest ago,
    /// of these the one with the highest priority, of these the one that is due longest. Sets owner, lease and fence
    /// + 1, and `furthest` at the claim; a lease that ran out without progress is charged. Where attempts run out, the job
    /// fails instead (`crash_loop`) and is returned so, `failed` and without an owner: whoever claims tells of it, and
    /// asks again. Costs the same however many jobs wait.
    async fn claim(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal>;

    /// Lengthens the lease and notes progress; `furthest` never goes back.
    async fn renew(&self, claim: &Claim, renewal: &Renewal) -> Result<bool, Fatal>;

    /// Saves a checkpoint in the place of the one that ended at ordinal `previous` (0: none yet, or one at the start).
    /// Our own one that is there already, because an answer was lost, is `true`.
    async fn save(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal>;

    /// in_progress → completed, with its receipt. The checkpoint was saved before.
    async fn finish(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal>;

    /// in_progress → failed.
    async fn fail(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal>;

    /// in_progress → held. The checkpoint was saved before, and nothing lies beyond it.
    async fn hold(&self, claim: &Claim, progress: &Progress, held: &Held) -> Result<bool, Fatal>;

    /// in_progress → queued, or failed where attempts run out.
    async fn release(&self, claim: &Claim, release: &Release) -> Result<bool, Fatal>;

    /// queued, in_progress or held → cancelled, at once; clears the owner.
    async fn cancel(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal>;

    /// The same, for a job that nobody was told of: where one file only is listed on it and its webhook has had no event,
    /// the webhook goes in the same statement, and nothing is told. Where another request has found the job, it is told.
    async fn withdraw(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal>;

    /// failed or cancelled → queued, from its checkpoint, with attempts 0. With `reset`, checkpoint, progress and
    /// what was accepted are forgotten and `run` is one more.
    async fn retry(&self, tenant: &Tenant, id: Id, reset: bool) -> Result<Changed, Fatal>;

    /// held → queued, with what was accepted. Wrong state, when the job is not held with this fence number any more.
    async fn approve(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal>;

    /// Gives the turn at sending the rejects of a completed job again to `child`, where `before` had it, or `child` itself.
    /// `false`: somebody else has it, or the job is not completed or has expired.
    async fn begin_resubmit(
        &self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> Result<bool, Fatal>;

    /// completed → completed: books and receipt of a job once what `child` has loaded is moved, in one statement, and once.
    /// `true` also where it was done before; `false`: the turn is not this child's any more.
    async fn move_resubmitted(
        &self,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> Result<bool, Fatal>;

    /// Mends what a crash between two statements left: tenants with queued jobs whom no claim would look at, and
    /// idempotency keys that are too old. Called at start and on a timer. Returns how many tenants it woke.
    async fn repair(&self) -> Result<u64, Fatal>;

    /// The job, as a majority knows it.
    async fn job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal>;

    /// Those of a tenant's jobs that are not as they are known, as a majority knows them, without heads of checkpoints and texts of specs; of at
    /// most [`MAX_NEWS`]. What did not fit into one answer comes when it is asked for again. It is asked several times a
    /// second, so it costs little where there is nothing new.
    async fn news(&self, tenant: &Tenant, known: &[Known]) -> Result<Vec<Job>, Fatal> {
        let mut news = Vec::new();
        for known in known.iter().take(MAX_NEWS) {
            let job = self.job(tenant, known.id).await?;
            news.extend(job.filter(|job| known.wants(job.state, job.updated_ms)));
        }
        Ok(news)
    }

    /// Up to `limit` jobs in progress, of all tenants, where one process at a time works on the store: whoever has just
    /// become that process finds what the one before has left. Nothing where several share the work.
    async fn left_running(&self, limit: u32) -> Result<Vec<Job>, Fatal> {
        let _ = limit;
        Ok(Vec::new())
    }

    /// A page of a tenant's jobs, newest first, without the log of a webhook, the text of the spec, and what is long in a
    /// checkpoint: its head, the records that it carries, and its summary. What is left of a job has a few KiB.
    async fn jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal>;

    /// The newest job of a file.
    async fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Result<Option<Job>, Fatal>;

    /// Lists one more file of the same content on a job, behind those that it has; once. `false`: no such job, or it
    /// has [`MAX_FILES`] already.
    async fn attach(&self, tenant: &Tenant, id: Id, file: Id) -> Result<bool, Fatal>;

    /// Remembers an idempotency key of a tenant for [`IDEMPOTENCY_MS`], with a hash of its request and the id that the
    /// request's job is to have.
    async fn remember(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal>;

    /// Says which job answered the request of a key, where it is another than was thought.
    async fn settle(&self, tenant: &Tenant, key: &str, job: Id) -> Result<(), Fatal>;

    /// Jobs in each state, of all tenants, and for how long the oldest due one has waited: for metrics.
    async fn depth(&self) -> Result<Depth, Fatal>;

    /// Takes from up to `limit` jobs that ended more than `age_ms` ago all but what `/jobs/{id}` and the receipt still
    /// answer (`expired`), and returns them, so that their rejects can be removed. Called again with jobs that were
    /// returned and not [`Self::forget`]-marked, returns them again.
    async fn expire(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal>;

    /// Notes that the rejects of an expired job are removed: [`Self::expire`] does not return it again.
    async fn forget(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal>;

    /// Takes the webhook that is due longest, of all tenants, for `lease_ms`; `owner` is a fresh random name. The job is
    /// returned whole; [`Callback::next`] is the event that is to be sent. Asking again with the same owner may take
    /// another one: what an answer that was lost took is due again when the lease runs out. Those of `skip` are passed
    /// over, without a write. One that cannot be read is told in the log, and looked at again after
    /// [`callback::UNREADABLE_MS`]: it holds up no other.
    async fn claim_delivery(
        &self,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Result<Option<Job>, Fatal>;

    /// Notes what came of event `n` of a webhook, and gives it back. `false`: the lease ran out, and somebody else has
    /// it or had it.
    async fn note_delivery(
        &self,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> Result<bool, Fatal>;

    /// Makes the event of try `n` of a job's webhook due again, from its first try on, as the same message.
    async fn resend_delivery(&self, tenant: &Tenant, id: Id, n: u64) -> Result<Resent, Fatal>;

    /// Takes webhooks from senders that are dead, where one process at a time works on the store, and whoever calls has
    /// just become it. Returns how many. Nothing where several share the work: there, leases run out.
    async fn give_back_deliveries(&self) -> Result<u64, Fatal> {
        Ok(0)
    }

    /// Gives a job a webhook that has none and has not ended, in one statement. The job, with what it has now.
    async fn add_callback(&self, tenant: &Tenant, id: Id, url: &str) -> Result<Option<Job>, Fatal>;

    /// Where a tenant's jobs tell of their ends when they are submitted without a webhook of their own.
    async fn default_callback(&self, tenant: &Tenant) -> Result<Option<String>, Fatal>;

    /// Says where, or with none that nowhere. Jobs that are there keep what they have.
    async fn set_default_callback(&self, tenant: &Tenant, url: Option<&str>) -> Result<(), Fatal>;

    /// Answers quickly, or fails: for `/healthz`.
    async fn ping(&self) -> Result<(), Fatal>;
}
