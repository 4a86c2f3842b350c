//! The control of one job: renews its lease, says how far it is, hears that it was cancelled.
//!
//! One statement every two seconds, or every sixth of a short lease, does all three, and the load in `_loads` is renewed
//! beside it. It runs on the service's own runtime, where no parsing can hold it up. It never ends the run itself:
//! it returns why the run must end, and whoever runs it drops it.

use super::allowance::Allowance;
use super::outages::Outages;
use crate::load::lease::Lease;
use crate::metrics::Metrics;
use crate::queue::{self, Claim, Job, Queue, Renewal};
use pipeline::{Busy, Counters, Fatal};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// The longest time between two renewals, in milliseconds; it bounds how late a cancellation is heard.
const MAX_INTERVAL_MS: u64 = 2_000;

/// How often a job whose records all have their outcome may lose its worker while the sink is finished, without being
/// charged for it. Nothing of its input is read then, so it is no poison; something else may be, so there is an end.
pub(super) const MAX_CLOSINGS: u64 = 30;

/// After how long of that the store is told, in milliseconds: most jobs have ended by then, and need no more writes.
const LONG_CLOSING_MS: u64 = 200;

/// Why a run must end at once.
#[derive(Debug)]
pub(super) enum Lost {
    /// The job is not this worker's any more: it was cancelled, or another worker has it.
    Job,
    /// Another process has the load.
    Load,
    /// The store did not answer for too long.
    Unanswered,
}

/// What a job is controlled with.
pub(super) struct Control {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) claim: Claim,
    pub(super) lease_ms: u64,
    /// When the claim was sent.
    pub(super) claimed: Instant,
    pub(super) allowance: Allowance,
    pub(super) outages: Arc<Outages>,
    /// The load in `_loads`, from when it is taken.
    pub(super) load: Arc<OnceLock<Arc<Lease>>>,
    pub(super) gauge: Gauge,
}

impl Control {
    /// Renews until the job, the load or the store is lost. Never returns while all three are there.
    pub(super) async fn keep(&self) -> Lost {
        let interval = Duration::from_millis(MAX_INTERVAL_MS.min(self.lease_ms / 6).max(1));
        let mut next = self.claimed + interval;
        let mut closes = pin!(self.gauge.closes());
        let mut is_closing = false;
        loop {
            tokio::select! {
                biased;
                // Soon: it is the last progress that there is to tell.
                () = &mut closes, if !is_closing => is_closing = true,
                () = sleep_until(next) => {}
            }
            let sent = Instant::now();
            // One connection that has died unnoticed must not take the whole time: another try goes by another one.
            let limit =
                (sent + Duration::from_millis(self.lease_ms / 3)).min(self.allowance.until());
            match timeout_at(limit, self.renew()).await {
                Ok(Ok(None)) => self.allowance.renewed(sent),
                Ok(Ok(Some(lost))) => return lost,
                Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed"),
                Err(_) => self.outages.silent(),
            }
            if Instant::now() >= self.allowance.until() {
                return Lost::Unanswered;
            }
            next = (sent + interval)
                .max(Instant::now() + interval / 4)
                .min(self.allowance.until());
        }
    }

    async fn renew(&self) -> Result<Option<Lost>, Fatal> {
        let renewal = Renewal {
            progress: self.gauge.read(),
            lease_ms: self.lease_ms,
        };
        let job = self.queue.renew(&self.claim, &renewal);
        let load = async {
            match self.load.get() {
                Some(lease) => lease.renew().await,
                None => Ok(true),
            }
        };
        let (job, load) = tokio::join!(job, load);
        self.outages.note(&job);
        match (job, load) {
            // What the job's own store says comes first, whatever became of the load.
            (Ok(false), _) => Ok(Some(Lost::Job)),
            (_, Ok(false)) => Ok(Some(Lost::Load)),
            (Ok(true), Ok(true)) => Ok(None),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// How far a run is, for the queue.
pub(super) struct Gauge {
    /// What the job knew when it was claimed.
    before: queue::Progress,
    /// Records that were read before this claim.
    from: u64,
    claimed: Instant,
    run: watch::Receiver<pipeline::Progress>,
    metrics: Arc<Metrics>,
    /// Bytes of the object that are counted.
    counted_bytes: watch::Sender<u64>,
}

impl Gauge {
    /// Reads `run`, the progress of the run of `job`, whose claim was sent at `claimed`.
    pub(super) fn new(
        job: &Job,
        claimed: Instant,
        run: watch::Receiver<pipeline::Progress>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let end = job
            .checkpoint
            .as_ref()
            .map(|checkpoint| checkpoint.books.end);
        Self {
            before: job.progress.clone(),
            from: end.map_or(0, |end| end.ordinal),
            claimed,
            run,
            metrics,
            counted_bytes: watch::Sender::new(job.progress.bytes_read),
        }
    }

    /// How far it is now.
    pub(super) fn read(&self) -> queue::Progress {
        let told = self.run.borrow().clone();
        let ordinal = told.counters.read;
        let mut progress = self.at(ordinal, told.bytes_read, told.busy);
        // Once for each claim that comes so far: what was known of the job before it does not change.
        if told.is_closing && progress.furthest.saturating_sub(ordinal) < MAX_CLOSINGS {
            progress.furthest += 1;
        }
        progress
    }

    /// Waits until the run finishes its sink and takes its time for it; for ever where it ends before.
    async fn closes(&self) {
        let mut run = self.run.clone();
        if run.wait_for(|told| told.is_closing).await.is_err() {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(LONG_CLOSING_MS)).await;
    }

    /// What became of its records so far.
    pub(super) fn counters(&self) -> Counters {
        self.run.borrow().counters.clone()
    }

    /// How far it was, and where the time of its run went, where that has done anything.
    pub(super) fn at(&self, ordinal: u64, bytes_read: u64, busy: Option<Busy>) -> queue::Progress {
        let counted = *self.counted_bytes.borrow();
        if bytes_read > counted {
            self.metrics.read_bytes.inc_by(bytes_read - counted);
            self.counted_bytes.send_replace(bytes_read);
        }
        let before = &self.before;
        let seconds = self.claimed.elapsed().as_secs_f64().max(0.001);
        queue::Progress {
            furthest: before.furthest.max(ordinal),
            // A run that has not begun to read has not lost what the one before had read.
            bytes_read: match bytes_read {
                0 => before.bytes_read,
                read => read,
            },
            bytes_total: before.bytes_total,
            records_per_second: (ordinal.saturating_sub(self.from) as f64 / seconds) as u64,
            busy: busy.or(before.busy),
        }
    }
}
