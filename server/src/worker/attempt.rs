//! One attempt at a job: from its claim to the one transition that ends it.
//!
//! ```text
//!  claimed ─► run (on the pipeline's runtime) ─► ended ─► let go of the load ─► finish, hold, fail or release
//!     │         └─ all loaded: the note on its files, where their objects are to go        └─ clear, if finished
//!     └─ control renews beside the run; what it loses drops the run with all its tasks
//! ```
//!
//! Exactly one transition is asked for, and asked again until the store answers. Nothing of the attempt is left when
//! it is made: a run that was dropped has ended before.

use super::allowance::Allowance;
use super::control::{Control, Gauge, Lost};
use super::outages::backoff_ms;
use super::run::{Report, Run};
use super::{Shared, cleared};
use crate::job::Failure;
use crate::load::lease::Lease;
use crate::queue::{Claim, Held, Job, Progress, Receipt, Release, Renewal, State};
use pipeline::{Breach, Counters, End, Fatal, Holdings, Retry};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// How long batches in flight may take when the process is to end, in milliseconds.
const MAX_DRAIN_MS: u64 = 6_000;
/// How long a job waits that somebody else keeps from running, in milliseconds, and as long again by chance.
const MIN_AWAY_MS: u64 = 2_000;

/// How an attempt ended.
enum Ended {
    Completed(Holdings),
    Held(Breach),
    /// The process is to end.
    Stopped,
    Failed(Fatal),
    Lost(Lost),
}

impl Ended {
    /// Whether the job, or its load, was not this worker's to the end.
    fn is_lost(&self) -> bool {
        match self {
            Self::Lost(_) => true,
            Self::Failed(fatal) => fatal.code == "lease_lost",
            Self::Completed(_) | Self::Held(_) | Self::Stopped => false,
        }
    }

    /// Whether the job's own store said so, as it does when somebody has cancelled it.
    fn is_of_the_job(&self) -> bool {
        match self {
            Self::Lost(lost) => matches!(lost, Lost::Job),
            ended => ended.is_lost(),
        }
    }
}

/// How far an attempt came.
struct Came {
    progress: Progress,
    counters: Counters,
}

/// A job that this worker has.
pub(super) struct Attempt {
    shared: Arc<Shared>,
    job: Job,
    claim: Claim,
    load: Arc<OnceLock<Arc<Lease>>>,
}

impl Attempt {
    /// An attempt at `job` by its owner.
    pub(super) fn new(shared: Arc<Shared>, job: Job, claim: Claim) -> Self {
        Self {
            shared,
            job,
            claim,
            load: Arc::default(),
        }
    }

    /// Runs the job, whose claim was sent at `claimed`, and ends the attempt. `closing` is cancelled when the process
    /// is to end.
    pub(super) async fn run(self, claimed: Instant, closing: CancellationToken) {
        let Job {
            spec,
            attempts,
            checkpoint,
            ..
        } = &self.job;
        let from = checkpoint.as_ref().map_or(0, |c| c.books.end.ordinal);
        let (spec, version, fence) = (&spec.pin.name, spec.pin.version, self.claim.fence);
        tracing::info!(%spec, version, attempts, fence, from, "claimed");
        let (ended, came) = self.work(claimed, closing).await;
        let is_cancelled = ended.is_of_the_job() && self.state().await == State::Cancelled;
        let ended = match is_cancelled {
            true => Ended::Lost(Lost::Job),
            false => ended,
        };
        let lost = match &ended {
            Ended::Lost(lost) => Some(lost),
            _ => None,
        };
        if is_cancelled {
            let read = came.counters.read;
            tracing::info!(read, "the job was cancelled: its run was dropped");
            self.shared.service.metrics.lost_leases.inc();
        } else if ended.is_lost() {
            match &ended {
                Ended::Failed(fatal) => {
                    tracing::warn!(%fatal, "the job was lost: its run found out first");
                }
                _ => tracing::warn!(?lost, "the job was lost: its run was dropped"),
            }
            self.shared.service.metrics.lost_leases.inc();
        }
        let completed = matches!(ended, Ended::Completed(_));
        let let_go = self.let_go(completed, lost).await;
        let ended = match let_go {
            // Completed is said only of a load that was this worker's to the end.
            Some(lost) if completed => {
                tracing::warn!(?lost, "the load was lost before its end was noted");
                self.shared.service.metrics.lost_leases.inc();
                Ended::Lost(lost)
            }
            _ => ended,
        };
        let code = match &ended {
            Ended::Failed(fatal) => Some(fatal.code),
            _ => None,
        };
        if let Some(state) = self.end(ended, &came.progress).await {
            self.tell(state, code, &came, claimed);
            if state == State::Completed {
                cleared::clear(&self.shared, &self.job).await;
            }
        }
    }

    /// Runs the job beside its control.
    async fn work(&self, claimed: Instant, closing: CancellationToken) -> (Ended, Came) {
        let shared = &self.shared;
        let lease_ms = shared.service.config.job_lease_ms;
        let allowance = Allowance::new(claimed, lease_ms);
        let (progress, told) = watch::channel(pipeline::Progress::default());
        let run = Run {
            shared: shared.clone(),
            job: self.job.clone(),
            claim: self.claim.clone(),
            allowance: allowance.clone(),
            load: self.load.clone(),
            progress,
            stop: closing.clone(),
        };
        let control = Control {
            queue: shared.service.stores.queue.clone(),
            claim: self.claim.clone(),
            lease_ms,
            claimed,
            allowance,
            outages: shared.outages.clone(),
            load: self.load.clone(),
            gauge: Gauge::new(&self.job, claimed, told, shared.service.metrics.clone()),
        };
        let task = shared.work.spawn(run.run().in_current_span());
        let mut task = AbortOnDropHandle::new(task);
        let drained = async {
            closing.cancelled().await;
            sleep(Duration::from_millis(MAX_DRAIN_MS)).await;
        };
        let (ended, reported) = tokio::select! {
            biased;
            report = &mut task => match report {
                Ok(Report { end, known }) => {
                    let counters = known.books.counters;
                    let gauge = &control.gauge;
                    let progress = gauge.at(counters.read, known.bytes_read, known.busy);
                    (of(end), Some(Came { progress, counters }))
                }
                Err(_) => (Ended::Failed(panicked()), None),
            },
            lost = control.keep() => (Ended::Lost(lost), None),
            () = drained => (Ended::Stopped, None),
        };
        if reported.is_none() {
            // At once, and all of it, before anybody else may have the job.
            task.abort();
            let _ = task.await;
        }
        let came = reported.unwrap_or_else(|| Came {
            progress: control.gauge.read(),
            counters: control.gauge.counters(),
        });
        (ended, came)
    }

    /// Lets go of the load, and says whether it was lost.
    async fn let_go(&self, completed: bool, lost: Option<&Lost>) -> Option<Lost> {
        let lease = self.load.get()?;
        if matches!(lost, Some(Lost::Load)) {
            return None;
        }
        let closed = self.shared.answered(|| async {
            match lease.close(completed).await {
                Err(fatal) if fatal.code == "lease_lost" => Ok(false),
                closed => closed.map(|()| true),
            }
        });
        match closed.await {
            Some(true) => None,
            Some(false) => Some(Lost::Load),
            None => Some(Lost::Unanswered),
        }
    }

    /// Makes the one transition that ends the attempt, and says which it was; none where the job was lost.
    async fn end(&self, ended: Ended, progress: &Progress) -> Option<State> {
        let (queue, claim) = (&self.shared.service.stores.queue, &self.claim);
        let outages = &self.shared.outages;
        let was_lost = ended.is_lost();
        if !matches!(&ended, Ended::Failed(fatal) if fatal.retry == Retry::Outage) {
            outages.over();
        }
        let (state, made) = match ended {
            Ended::Completed(Holdings { documents, digest }) => {
                let receipt = Receipt {
                    revision: 1,
                    documents,
                    digest: digest.to_string(),
                };
                let made = self
                    .shared
                    .answered(|| queue.finish(claim, progress, &receipt));
                (State::Completed, made.await)
            }
            Ended::Held(Breach { cause, message }) => {
                let held = Held { cause, message };
                let made = self.shared.answered(|| queue.hold(claim, progress, &held));
                (State::Held, made.await)
            }
            Ended::Failed(fatal) if is_final(&fatal) => {
                let failure = Failure::from(&fatal);
                tracing::warn!(%fatal, causes = ?fatal.causes, "failed");
                let made = self
                    .shared
                    .answered(|| queue.fail(claim, progress, &failure));
                (State::Failed, made.await)
            }
            Ended::Failed(fatal) => {
                let made = self.release(self.again(&fatal)).await;
                // An attempt that is charged may have been the last.
                match (made, fatal.retry) {
                    (Some(true), Retry::Later) => (self.state().await, made),
                    _ => (State::Queued, made),
                }
            }
            Ended::Stopped => {
                // A release takes no progress along, and the next worker tells its own from where this one's ended.
                let renewal = Renewal {
                    progress: progress.clone(),
                    lease_ms: self.shared.service.config.job_lease_ms,
                };
                if let Err(fatal) = queue.renew(claim, &renewal).await {
                    tracing::warn!(%fatal, "the last progress could not be told");
                }
                (State::Queued, self.release(self.back(0)).await)
            }
            // There is nothing to give back.
            Ended::Lost(Lost::Job) => return None,
            Ended::Lost(_) => (State::Queued, self.release(self.back(self.away_ms())).await),
        };
        if made == Some(true) {
            return Some(state);
        }
        if made == Some(false) && self.state().await == State::Cancelled {
            tracing::info!("the job was cancelled before its attempt could end");
        } else {
            tracing::warn!(state = state.word(), "the end of the attempt came too late");
        }
        if made == Some(false) && !was_lost {
            self.shared.service.metrics.lost_leases.inc();
        }
        None
    }

    /// Tells how the attempt ended; `code` is what it failed with.
    fn tell(&self, state: State, code: Option<&'static str>, came: &Came, claimed: Instant) {
        let Came { progress, counters } = came;
        let (message, is_end) = match state {
            State::Queued | State::InProgress => ("released", false),
            _ => ("ended", true),
        };
        tracing::info!(
            state = state.word(),
            read = counters.read,
            loaded = counters.loaded,
            already_loaded = counters.already_loaded,
            rejected = counters.rejected,
            dropped = counters.dropped_total(),
            bytes_read = progress.bytes_read,
            seconds = claimed.elapsed().as_secs_f64(),
            "{message}"
        );
        let metrics = &self.shared.service.metrics;
        match code {
            Some(code) if state == State::Failed => metrics.failed(code),
            _ if is_end => metrics.ended(state),
            _ => {}
        }
    }

    /// The state in which this attempt has left its job; queued where that cannot be known any more.
    async fn state(&self) -> State {
        let queue = &self.shared.service.stores.queue;
        match queue.job(&self.claim.tenant, self.claim.job).await {
            Ok(Some(job)) if job.fence == self.claim.fence => job.state,
            _ => State::Queued,
        }
    }

    async fn release(&self, release: Release) -> Option<bool> {
        let queue = &self.shared.service.stores.queue;
        let release = self
            .shared
            .answered(|| queue.release(&self.claim, &release));
        release.await
    }

    /// Back to the queue, without being charged for it.
    fn back(&self, delay_ms: u64) -> Release {
        Release {
            delay_ms,
            failure: None,
            charge: false,
            max_attempts: self.shared.service.config.job_max_attempts,
        }
    }

    /// Back to the queue for an error that may heal.
    fn again(&self, fatal: &Fatal) -> Release {
        tracing::warn!(%fatal, causes = ?fatal.causes, "the job goes back to the queue");
        let charge = fatal.retry == Retry::Later;
        let tries = match fatal.retry {
            Retry::Outage => self.shared.outages.released(),
            Retry::Later | Retry::Never => self.job.attempts,
        };
        let delay_ms = match fatal.code {
            "lease_lost" | "load_in_progress" => self.away_ms(),
            _ => backoff_ms(tries, &self.shared.service.entropy),
        };
        Release {
            failure: Some(Failure::from(fatal)),
            charge,
            ..self.back(delay_ms)
        }
    }

    fn away_ms(&self) -> u64 {
        MIN_AWAY_MS + self.shared.service.entropy.up_to(MIN_AWAY_MS)
    }
}

/// Whether trying again gives the same answer. A lost lease is no answer at all.
fn is_final(fatal: &Fatal) -> bool {
    fatal.retry == Retry::Never && fatal.code != "lease_lost"
}

fn of(end: Result<End, Fatal>) -> Ended {
    match end {
        Ok(End::Completed(holdings)) => Ended::Completed(holdings),
        Ok(End::Held(breach)) => Ended::Held(breach),
        Ok(End::Interrupted) => Ended::Stopped,
        Ok(End::Failed(fatal)) | Err(fatal) => Ended::Failed(waited_out(fatal)),
    }
}

/// A disk without room is an outage, wherever it was met: no job is to blame, and each goes on where it stood.
fn waited_out(fatal: Fatal) -> Fatal {
    match fatal.code {
        "target_full" => Fatal {
            retry: Retry::Outage,
            ..fatal
        }
        .hint("make room on that disk: the job goes on by itself"),
        _ => fatal,
    }
}

/// What a task that panicked means for its job. Where and why is in the log: the message may hold values of the input.
pub(super) fn panicked() -> Fatal {
    Fatal::new("panic", "a part of the program panicked")
}
