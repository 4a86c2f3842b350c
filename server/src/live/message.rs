//! What is told of a job that somebody watches: the messages, and the job's text in them, made once for all who watch it.

use crate::http::{JobView, StateWord, Time};
use crate::id::Id;
use crate::job::{ErrorKind, Failure, Stats};
use crate::queue::{Job, State};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

/// The longest time left that is told, in seconds: a year.
const MAX_SECONDS_LEFT: f64 = 31_536_000.0;

/// A message about a job that is watched: the event and the data of `GET /jobs/{jobId}/events`, and a text of
/// `GET /ws/jobs/{jobId}`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "LiveMessage")]
pub enum Message {
    /// How far it is: first of all, then at most every 2 seconds while it changes.
    Progress(Progress),
    /// Rejects with a code and a field that were not seen before.
    Error(Reject),
    /// It waits for somebody's word.
    Held(Rest),
    /// Every record has its outcome. The last message.
    Completed(Rest),
    /// It failed. The last message.
    Failed(Rest),
    /// Somebody ended it. The last message.
    Cancelled(Rest),
}

/// How far a job is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LiveProgress")]
pub struct Progress {
    job_id: Id,
    state: StateWord,
    /// The counters, as of the last checkpoint that was saved.
    stats: Stats,
    /// From 0 to 1, by bytes of the stored object.
    #[schemars(range(min = 0, max = 1))]
    progress: f64,
    bytes_read: u64,
    bytes_total: Option<u64>,
    records_per_second: u64,
    /// How long it still takes if it goes on like this; null where that is not known.
    seconds_left: Option<u64>,
    updated_at: Time,
}

/// Rejects with one code and field, as in `errors` of the job when they were first seen.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LiveError")]
pub struct Reject {
    job_id: Id,
    #[serde(flatten)]
    kind: ErrorKind,
}

/// A job that has come to rest.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LiveRest")]
pub struct Rest {
    #[serde(flatten)]
    progress: Progress,
    /// Why it failed or is held.
    failure: Option<Failure>,
    /// The job, as `GET /jobs/{jobId}` answers it.
    job: Box<JobView>,
}

/// A message as text. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its type.
    pub event: &'static str,
    /// What it is known by. That of a last message is the same wherever and however often it is told.
    pub id: String,
    /// JSON on one line.
    pub json: Bytes,
}

/// A job as it was seen, in words for all who watch it.
#[derive(Debug)]
pub struct Seen {
    /// Where it is in its life.
    pub state: State,
    /// When it had changed last, in milliseconds since 1970.
    pub updated_ms: u64,
    /// How far it is; there while it has not ended.
    pub progress: Option<Text>,
    /// The kinds of its rejects, in the order of their first appearance.
    pub errors: Vec<Text>,
    /// What is said where it has come to rest.
    pub rest: Option<Text>,
}

impl Seen {
    /// A job in words.
    pub fn new(job: Job) -> Self {
        let (state, updated_ms) = (job.state, job.updated_ms);
        let seconds_left = seconds_left(&job);
        let ended_ms = job.finished_ms.unwrap_or_default();
        let mut view = JobView::from(job);
        let progress = |view: &JobView| Progress {
            job_id: view.job_id,
            state: view.state,
            stats: view.stats.clone(),
            progress: view.progress,
            bytes_read: view.bytes_read,
            bytes_total: view.bytes_total,
            records_per_second: view.records_per_second,
            seconds_left,
            updated_at: view.updated_at,
        };
        let moment = format!("{}-{updated_ms}", state.word());
        let told = Message::Progress(progress(&view));
        let told = (!state.is_terminal()).then(|| text(&told, "progress", moment.clone()));
        let job_id = view.job_id;
        let kinds = std::mem::take(&mut view.errors);
        let errors = kinds.iter().enumerate().map(|(number, kind)| {
            let kind = kind.clone();
            let message = Message::Error(Reject { job_id, kind });
            text(&message, "error", format!("{moment}-{number}"))
        });
        let errors = errors.collect();
        view.errors = kinds;
        let rest = Rest {
            progress: progress(&view),
            failure: view.failure.clone(),
            job: Box::new(view),
        };
        let message = match state {
            State::Queued | State::InProgress => None,
            State::Held => Some(Message::Held(rest)),
            State::Completed => Some(Message::Completed(rest)),
            State::Failed => Some(Message::Failed(rest)),
            State::Cancelled => Some(Message::Cancelled(rest)),
        };
        let id = match state.is_terminal() {
            // Not when it changed last: what becomes of an ended job later, its retention say, is no other end.
            true => format!("{}-{ended_ms}", state.word()),
            false => format!("{moment}-rest"),
        };
        Self {
            state,
            updated_ms,
            progress: told,
            errors,
            rest: message.map(|message| text(&message, state.word(), id)),
        }
    }

    /// What the last message is known by, where the job has ended.
    pub fn end(&self) -> Option<&str> {
        let last = self.rest.as_ref().filter(|_| self.state.is_terminal());
        last.map(|last| last.id.as_str())
    }
}

fn text(message: &Message, event: &'static str, id: String) -> Text {
    let json = serde_json::to_vec(message).unwrap_or_else(|error| {
        // Only a type whose maps have keys that are no strings comes here, and no message has one.
        tracing::error!(%error, "a message cannot be written as JSON");
        b"{}".to_vec()
    });
    Text {
        event,
        id,
        json: json.into(),
    }
}

/// What is left at the pace of the present claim: bytes by the records that were read for them.
fn seconds_left(job: &Job) -> Option<u64> {
    let progress = &job.progress;
    let left = progress.bytes_total?.checked_sub(progress.bytes_read)? as f64;
    let records = progress.furthest as f64;
    let bytes_per_second =
        progress.records_per_second as f64 * progress.bytes_read as f64 / records.max(1.0);
    let runs = job.state == State::InProgress && bytes_per_second > 0.0 && records > 0.0;
    runs.then(|| (left / bytes_per_second).ceil().min(MAX_SECONDS_LEFT) as u64)
}
