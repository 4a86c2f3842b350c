//! A job as clients see it.

use super::scalars::{StateWord, Time};
use crate::id::Id;
use crate::job::{BusyView, ErrorKind, Failure, SpecPin, Stats};
use crate::queue::{Callback, CallbackUrl, Delivery, Job, State};
use pipeline::{Busy, Stage};
use schemars::JsonSchema;
use serde::Serialize;

/// A job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Job")]
pub struct JobView {
    /// Its id.
    pub(crate) job_id: Id,
    /// The file that it reads.
    pub(crate) file_id: Option<Id>,
    /// Every file of the same content that it was asked for.
    pub(crate) file_ids: Vec<Id>,
    /// The job whose rejects its file sends again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_job_id: Option<Id>,
    /// The exact text that it is loaded with.
    pub(crate) spec: SpecPin,
    /// There when an approval named that version: it applies to the records behind this number, counted from 1 as in
    /// `/errors`. What was read before stays as it is, under the version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spec_after_record: Option<u64>,
    /// Where it is in its life.
    pub(crate) state: StateWord,
    /// From 0 to 9; of a tenant's jobs that are due, the highest goes first.
    pub(crate) priority: u8,
    /// Tries without progress.
    pub(crate) attempts: u32,
    pub(crate) created_at: Time,
    /// When it was last queued.
    pub(crate) queued_at: Time,
    /// When it was first claimed; a retry that starts over (`reset=true`) begins anew.
    pub(crate) started_at: Option<Time>,
    pub(crate) finished_at: Option<Time>,
    pub(crate) updated_at: Time,
    /// From 0 to 1, by bytes of the stored object.
    #[schemars(range(min = 0, max = 1))]
    pub(crate) progress: f64,
    /// Bytes of the stored object that are done.
    pub(crate) bytes_read: u64,
    /// Its size.
    pub(crate) bytes_total: Option<u64>,
    pub(crate) records_per_second: u64,
    /// The stage that bounds it: `read`, `frame`, `parse`, `write` or `rate`; none where all were idle so far.
    pub(crate) bottleneck: Option<&'static str>,
    /// For which share of its time each stage was busy, in the last claim that did something; none before.
    pub(crate) busy: Option<BusyView>,
    /// The counters, as of the last checkpoint that was saved, like `progress`, `bytesRead` and `busy`. Those of a cancelled
    /// job stay so: what was written behind it stays too, and is met again by a retry, as already loaded.
    pub(crate) stats: Stats,
    /// The rejects, one entry per code and field; bounded. Left out in lists, which it would make long.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ErrorKind>")]
    pub(crate) errors: Option<Vec<ErrorKind>>,
    /// Why it failed, is held, or was last put back.
    pub(crate) failure: Option<Failure>,
    /// The worker that has it, or had it last.
    pub(crate) worker_id: Option<String>,
    /// Until when it is the worker's.
    pub(crate) lock_until: Option<Time>,
    /// The webhook, where it has one.
    pub(crate) callback: Option<CallbackView>,
    /// There, and true, when its details were removed after their time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) expired: bool,
}

/// Whom a job tells of its ends and holds, and what came of the newest of them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Callback")]
pub struct CallbackView {
    /// Where to.
    url: CallbackUrl,
    /// `pending` also before there is anything to tell.
    state: Delivery,
    /// Tries of the newest message that have ended, since it became due or was last sent again by hand; `/jobs/{jobId}/deliveries`
    /// has all.
    attempts: u32,
    /// From when it is sent, or tried again.
    next_at: Option<Time>,
    delivered_at: Option<Time>,
}

impl From<&Callback> for CallbackView {
    fn from(callback: &Callback) -> Self {
        let newest = callback.newest();
        Self {
            url: callback.url.clone(),
            state: newest.map_or(Delivery::Pending, |event| event.delivery),
            attempts: newest.map_or(0, |event| event.attempts),
            next_at: newest.and_then(|event| event.next_ms).map(Time),
            delivered_at: newest.and_then(|event| event.delivered_ms).map(Time),
        }
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let books = job.checkpoint.as_ref().map(|checkpoint| &checkpoint.books);
        let errors = books.map(|books| books.summary.kinds());
        let running = job.state == State::InProgress;
        let (bytes_read, busy) = of_one_moment(&job);
        Self {
            job_id: job.id,
            file_id: job.file(),
            progress: progress(&job, bytes_read),
            stats: books.map(Stats::from).unwrap_or_default(),
            errors: Some(if job.expired {
                Vec::new()
            } else {
                errors.into_iter().flatten().map(ErrorKind::from).collect()
            }),
            failure: match (job.held, job.state) {
                (Some(held), State::Held) => Some(Failure::of_cause(&held.cause, held.message)),
                _ => job.failure,
            },
            file_ids: job.files,
            parent_job_id: job.parent,
            spec: job.spec.pin,
            spec_after_record: job.spec_from,
            state: StateWord(job.state),
            priority: job.priority,
            attempts: job.attempts,
            created_at: Time(job.created_ms),
            queued_at: Time(job.queued_ms),
            started_at: job.started_ms.map(Time),
            finished_at: job.finished_ms.map(Time),
            updated_at: Time(job.updated_ms),
            bytes_read,
            bytes_total: job.progress.bytes_total,
            records_per_second: job.progress.records_per_second,
            bottleneck: busy.and_then(|busy| busy.bottleneck()).map(Stage::name),
            busy: busy.map(BusyView::from),
            worker_id: job.worker,
            lock_until: job.lock_until_ms.filter(|_| running).map(Time),
            callback: job.callback.as_ref().map(CallbackView::from),
            expired: job.expired,
        }
    }
}

impl JobView {
    /// A job as lists show it.
    pub fn listed(job: Job) -> Self {
        Self {
            errors: None,
            ..Self::from(job)
        }
    }
}

/// How many bytes are done, and where the time went, at the moment of the counters: both are saved with them, and what a
/// worker tells besides is of another moment. The end is told at once.
fn of_one_moment(job: &Job) -> (u64, Option<Busy>) {
    let told = (job.progress.bytes_read, job.progress.busy);
    match &job.checkpoint {
        Some(saved) if job.state != State::Completed && saved.busy.is_some() => {
            (saved.bytes_read, saved.busy)
        }
        _ => told,
    }
}

fn progress(job: &Job, bytes_read: u64) -> f64 {
    match (job.state, job.progress.bytes_total) {
        (State::Completed, _) => 1.0,
        (_, Some(total)) if total > 0 => (bytes_read as f64 / total as f64).clamp(0.0, 1.0),
        _ => 0.0,
    }
}
