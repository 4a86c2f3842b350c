//! The workers of one process: they claim jobs while there is room, and run each to its end.
//!
//! ```text
//!  pool ── claim ──► attempt ──► run, on the pipeline's own runtime
//!   one task          one task      └─ spec, load, input, flow
//!                     └─ control: renew, progress, cancellation
//! ```
//!
//! Everything but the run itself is on the service's runtime, so that no parsing holds up a renewal or an answer to a
//! client. A process has at most one attempt at a job. Whatever panics fails its job; the process lives.

mod allowance;
mod attempt;
pub mod cleared;
mod control;
mod corrected;
mod ledger;
pub mod left;
mod outages;
mod run;
mod uploaded;

#[cfg(test)]
mod tests;

use crate::id::Id;
use crate::queue::{CRASH_LOOP, Claimant, Job, Release, State};
use crate::service::Service;
use crate::stores::Stores;
use attempt::{Attempt, panicked};
use outages::{Outages, asking_ms};
use pipeline::{Fatal, Retry, SharedWrites};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// How long a shutdown takes at most, in milliseconds.
const MAX_SHUTDOWN_MS: u64 = 9_500;
/// The time between two looks at an empty queue, in milliseconds, and as long again by chance.
const IDLE_MS: u64 = 500;
/// How long the answer to a claim is waited for, in milliseconds, and not more than a third of the lease.
const MAX_CLAIM_MS: u64 = 5_000;
/// Batches that the jobs of a process write at once, together. A database takes no more of them in the same time, and
/// answers everybody else later.
const MAX_WRITES: usize = 4;
/// The time between two repairs of the queue.
const REPAIR_INTERVAL: Duration = Duration::from_secs(30);

/// The workers of this process.
pub struct Workers {
    closing: CancellationToken,
    pool: AbortOnDropHandle<()>,
    _repair: AbortOnDropHandle<()>,
}

/// What the parts of a process's workers share.
struct Shared {
    service: Service,
    /// Host and process.
    name: String,
    /// The pipeline's own runtime.
    work: Handle,
    outages: Arc<Outages>,
    /// Turns of writing, for all jobs together.
    writes: Arc<SharedWrites>,
}

impl Workers {
    /// Starts as many workers as the configuration says, on the runtime of the caller; what they load runs on `work`.
    /// `name` is what people know them by: host and process.
    pub fn start(service: Service, name: String, work: Handle) -> Self {
        let outages = Arc::new(Outages::new(service.config.job_lease_ms));
        let shared = Arc::new(Shared {
            service,
            name,
            work,
            outages,
            writes: Arc::new(SharedWrites::new(MAX_WRITES)),
        });
        let closing = CancellationToken::new();
        let pool = Pool {
            shared: shared.clone(),
            closing: closing.clone(),
            jobs: JoinSet::new(),
            running: HashMap::new(),
            owner: None,
        };
        Self {
            closing,
            pool: AbortOnDropHandle::new(tokio::spawn(pool.run())),
            _repair: AbortOnDropHandle::new(tokio::spawn(repair(shared))),
        }
    }

    /// Claims nothing more, commits the batches in flight, gives the jobs back and returns, within 10 s.
    pub async fn shutdown(self) {
        self.closing.cancel();
        let limit = Duration::from_millis(MAX_SHUTDOWN_MS);
        match timeout(limit, self.pool).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the workers panicked"),
            Err(_) => tracing::warn!("jobs did not end in time: their leases will run out"),
        }
    }
}

impl Shared {
    /// Asks a store until it answers. `None` when it refuses.
    async fn answered<T, F>(&self, mut ask: impl FnMut() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, Fatal>>,
    {
        let mut tries = 0;
        loop {
            let answer = ask().await;
            self.outages.note(&answer);
            let fatal = match answer {
                Ok(answer) => return Some(answer),
                Err(fatal) => fatal,
            };
            if fatal.retry == Retry::Never {
                tracing::error!(%fatal, causes = ?fatal.causes, "a store refuses the end of an attempt");
                return None;
            }
            tracing::warn!(%fatal, "a store does not answer");
            let wait_ms = asking_ms(tries, &self.service.entropy);
            sleep(Duration::from_millis(wait_ms)).await;
            tries += 1;
        }
    }
}

/// Claims jobs and keeps their attempts.
struct Pool {
    shared: Arc<Shared>,
    closing: CancellationToken,
    jobs: JoinSet<()>,
    running: HashMap<task::Id, Id>,
    /// The name of a claim whose answer is not known: asked for again, it finds what it took.
    owner: Option<(String, Instant)>,
}

impl Pool {
    async fn run(mut self) {
        let max_jobs = self.shared.service.config.workers;
        let slots = (max_jobs as u64).cast_signed();
        self.shared.service.metrics.worker_slots.set(slots);
        let mut failures = 0;
        while !self.closing.is_cancelled() && max_jobs > 0 {
            if self.jobs.len() >= max_jobs {
                self.wait(None).await;
                continue;
            }
            match self.claim().await {
                Ok(Some((job, claimed))) => {
                    failures = 0;
                    self.begin(job, claimed).await;
                }
                Ok(None) => {
                    failures = 0;
                    let chance_ms = self.shared.service.entropy.up_to(IDLE_MS);
                    self.wait(Some(IDLE_MS + chance_ms)).await;
                }
                Err(fatal) => {
                    tracing::warn!(%fatal, "no job can be claimed");
                    let wait_ms = asking_ms(failures, &self.shared.service.entropy);
                    failures += 1;
                    self.wait_out(wait_ms).await;
                }
            }
        }
        while let Some(ended) = self.jobs.join_next_with_id().await {
            self.ended(ended);
        }
    }

    /// Waits for room, for a job that is submitted here, for the end of the process, or for `most_ms` milliseconds.
    async fn wait(&mut self, most_ms: Option<u64>) {
        let is_idle = most_ms.is_some();
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            Some(ended) = self.jobs.join_next_with_id() => self.ended(ended),
            () = self.shared.service.due.notified(), if is_idle => {}
            () = sleep(Duration::from_millis(most_ms.unwrap_or_default())), if is_idle => {}
        }
    }

    /// Waits for `wait_ms` milliseconds, whatever is submitted, or for the end of the process.
    async fn wait_out(&mut self, wait_ms: u64) {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            () = sleep(Duration::from_millis(wait_ms)) => {}
        }
    }

    /// Asks for a job. The claim was sent when its name was first used.
    async fn claim(&mut self) -> Result<Option<(Job, Instant)>, Fatal> {
        let Shared {
            service,
            name,
            outages,
            ..
        } = &*self.shared;
        let (lease_ms, max_attempts) =
            (service.config.job_lease_ms, service.config.job_max_attempts);
        let fresh = || (service.entropy.id().to_string(), Instant::now());
        let (owner, sent) = self.owner.get_or_insert_with(fresh).clone();
        let claimant = Claimant {
            worker: name.clone(),
            owner,
            lease_ms,
            max_attempts,
            take_expired: outages.may_take_expired(),
        };
        let limit = Duration::from_millis(MAX_CLAIM_MS.min(lease_ms / 3));
        // The statement must not be sent again long after: by then it would take what has only just run out.
        let claimed = timeout(limit, service.stores.queue.claim(&claimant)).await;
        let claimed = claimed.unwrap_or_else(|_| {
            Err(Fatal::outage(
                "queue_unavailable",
                "the queue did not answer in time",
            ))
        });
        outages.note(&claimed);
        let job = claimed?;
        self.owner = None;
        Ok(job.map(|job| (job, sent)))
    }

    async fn begin(&mut self, job: Job, claimed: Instant) {
        if job.state == State::Failed {
            return self.given_up(&job);
        }
        let Some(claim) = job.claim() else {
            tracing::error!(job_id = %job.id, "a claimed job has no owner");
            return;
        };
        let is_here = self.running.values().any(|&id| id == job.id);
        if is_here || self.closing.is_cancelled() {
            // An attempt that has lost it is still ending here, or this process is: soon somebody can have it.
            let release = Release {
                delay_ms: if is_here { IDLE_MS } else { 0 },
                failure: None,
                charge: false,
                max_attempts: self.shared.service.config.job_max_attempts,
            };
            let released = self
                .shared
                .service
                .stores
                .queue
                .release(&claim, &release)
                .await;
            if let Err(fatal) = released {
                tracing::warn!(job_id = %job.id, %fatal, "a claim could not be given back");
            }
            return;
        }
        // It is there whatever is logged, so that no line lacks it.
        let span = tracing::error_span!("job", job_id = %job.id, tenant = job.tenant.name());
        let id = job.id;
        let attempt = supervise(self.shared.clone(), job, claimed, self.closing.clone());
        let task = self.jobs.spawn(attempt.instrument(span));
        self.running.insert(task.id(), id);
        self.count();
    }

    /// Tells of a job that the claim has failed: no worker lives to tell of it.
    fn given_up(&self, job: &Job) {
        let failure = job.failure.as_ref();
        let code = failure.map(|failure| failure.code.as_str());
        let (id, tenant, attempts) = (job.id, job.tenant.name(), job.attempts);
        tracing::warn!(job_id = %id, tenant, attempts, code, "ended: its workers keep dying");
        self.shared.service.metrics.failed(CRASH_LOOP);
    }

    fn ended(&mut self, ended: Result<(task::Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.running.remove(&id);
        self.count();
    }

    /// Says how many jobs this process works on.
    fn count(&self) {
        let running = self.running.len() as u64;
        let metrics = &self.shared.service.metrics;
        metrics.running_jobs.set(running.cast_signed());
    }
}

/// Runs an attempt, and fails its job where the attempt itself panics.
async fn supervise(shared: Arc<Shared>, job: Job, claimed: Instant, closing: CancellationToken) {
    let Some(claim) = job.claim() else { return };
    let progress = job.progress.clone();
    let attempt = Attempt::new(shared.clone(), job, claim.clone());
    let attempt = tokio::spawn(attempt.run(claimed, closing).in_current_span());
    if AbortOnDropHandle::new(attempt).await.is_err() {
        tracing::error!("the attempt panicked");
        let panic = panicked();
        let failure = (&panic).into();
        let Stores { queue, .. } = &shared.service.stores;
        let fail = shared.answered(|| queue.fail(&claim, &progress, &failure));
        if fail.await == Some(true) {
            shared.service.metrics.failed(panic.code);
        }
    }
}

/// Mends the queue, at start and from time to time.
async fn repair(shared: Arc<Shared>) {
    let mut ticks = interval(REPAIR_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match shared.service.stores.queue.repair().await {
            Ok(0) => {}
            Ok(tenants) => tracing::info!(tenants, "the queue was mended"),
            Err(fatal) => tracing::warn!(%fatal, "the queue could not be mended"),
        }
    }
}
