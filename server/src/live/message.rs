//! What is told of a job that somebody watches: the messages, and the job that they are made of.
//!
//! A job as it was seen is kept once for all who watch it, without what no message of it says. What is said where it has
//! come to rest is long, for the job is part of it: it is written once, and whoever is told shares its bytes. The other
//! messages are short, and written when a client takes them.

use crate::http::{JobView, StateWord, Time};
use crate::id::Id;
use crate::job::{ErrorKind, Failure, Stats};
use crate::queue::{Job, State};
use bytes::Bytes;
use pipeline::{Kind, Summary};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

/// The most kinds of rejects that a client is told one by one; the job of the last message has all.
pub const MAX_KINDS_TOLD: usize = 50;
/// The most characters of a sample's raw text in a message about a kind.
pub const MAX_RAW_CHARS: usize = 256;

/// The longest time left that is told, in seconds: a year.
const MAX_SECONDS_LEFT: f64 = 31_536_000.0;

/// A message about a job that is watched: the event and the data of `GET /jobs/{jobId}/events`, and a text of
/// `GET /ws/jobs/{jobId}`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(rename = "LiveMessage")]
pub enum Message<'a> {
    /// How far it is: first of all, then at most every 2 seconds while it changes.
    Progress(Progress),
    /// Rejects with a code and a field that were not seen before. At most 50 of these are told; where there are more at
    /// once, those with the most rejects.
    Error(Reject),
    /// It waits for somebody's word.
    Held(Rest<'a>),
    /// Every record has its outcome. The last message.
    Completed(Rest<'a>),
    /// It failed. The last message.
    Failed(Rest<'a>),
    /// Somebody ended it. The last message.
    Cancelled(Rest<'a>),
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

/// Rejects with one code and field, as in `errors` of the job when they were first seen; of the sample's `raw` at most 256
/// characters.
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
pub struct Rest<'a> {
    #[serde(flatten)]
    progress: Progress,
    /// Why it failed or is held.
    failure: Option<Failure>,
    /// The job, as `GET /jobs/{jobId}` answers it.
    job: &'a JobView,
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
    /// The same as an event of a stream: its `id`, `event` and `data`, and the line that ends it. The same bytes.
    pub framed: Bytes,
}

/// Which message of a job as it was seen.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// How far it is.
    Progress,
    /// One of its [`Seen::kinds`], by its place there.
    Kind(usize),
    /// What is said where it has come to rest.
    Rest,
}

/// A job as it was seen, for all who watch it.
#[derive(Debug)]
pub struct Seen {
    /// Where it is in its life.
    pub state: State,
    /// When it had changed last, in milliseconds since 1970.
    pub updated_ms: u64,
    ended_ms: u64,
    seconds_left: Option<u64>,
    /// Without its rejects.
    view: JobView,
    /// What is said where it has come to rest.
    rest: Option<Written>,
    /// The kinds of its rejects that have the most, [`MAX_KINDS_TOLD`] of them, in the order of their first appearance: the
    /// number of each among all, and what is told of it.
    pub kinds: Vec<(usize, ErrorKind)>,
}

impl Seen {
    /// A job as it was read.
    pub fn new(mut job: Job) -> Self {
        let (state, updated_ms) = (job.state, job.updated_ms);
        let ended_ms = job.finished_ms.unwrap_or_default();
        let seconds_left = seconds_left(&job);
        let saved = job.checkpoint.as_mut().filter(|_| !job.expired);
        let summary = saved.map(|saved| &mut saved.books.summary);
        let kinds = summary.map(|summary| {
            let kinds = largest(summary.kinds());
            if !state.is_resting() {
                // No message says them all.
                *summary = Summary::default();
            }
            kinds
        });
        let mut seen = Self {
            state,
            updated_ms,
            ended_ms,
            seconds_left,
            view: JobView::from(job),
            rest: None,
            kinds: kinds.unwrap_or_default(),
        };
        seen.rest = seen.rest();
        seen.view.errors = None;
        seen
    }

    /// A message. `None`: there is none such.
    pub fn text(self: &Arc<Self>, part: Part) -> Option<Text> {
        match part {
            Part::Progress => {
                let told = Message::Progress(self.progress());
                Some(written(&told, "progress", self.moment()).into())
            }
            Part::Kind(place) => {
                let (number, kind) = self.kinds.get(place)?;
                let told = Message::Error(Reject {
                    job_id: self.view.job_id,
                    kind: kind.clone(),
                });
                Some(written(&told, "error", format!("{}-{number}", self.moment())).into())
            }
            Part::Rest => {
                let Written {
                    event, id, json, ..
                } = self.rest.as_ref()?;
                let bytes = Bytes::from_owner(RestOf(self.clone()));
                Some(Text::new(event, id.clone(), json.clone(), bytes))
            }
        }
    }

    /// Whether the same is said of both where they have come to rest.
    pub fn rests_as(&self, other: &Self) -> bool {
        self.rest == other.rest
    }

    fn rest(&self) -> Option<Written> {
        let rest = || Rest {
            progress: self.progress(),
            failure: self.view.failure.clone(),
            job: &self.view,
        };
        let told = match self.state {
            State::Queued | State::InProgress => return None,
            State::Held => Message::Held(rest()),
            State::Completed => Message::Completed(rest()),
            State::Failed => Message::Failed(rest()),
            State::Cancelled => Message::Cancelled(rest()),
        };
        let id = self
            .end()
            .unwrap_or_else(|| format!("{}-rest", self.moment()));
        Some(written(&told, self.state.word(), id))
    }

    fn moment(&self) -> String {
        format!("{}-{}", self.state.word(), self.updated_ms)
    }

    /// What the last message is known by, where the job has ended.
    pub fn end(&self) -> Option<String> {
        // Not when it changed last: what becomes of an ended job later, its retention say, is no other end.
        let end = || format!("{}-{}", self.state.word(), self.ended_ms);
        self.state.is_terminal().then(end)
    }

    fn progress(&self) -> Progress {
        let view = &self.view;
        Progress {
            job_id: view.job_id,
            state: view.state,
            stats: view.stats.clone(),
            progress: view.progress,
            bytes_read: view.bytes_read,
            bytes_total: view.bytes_total,
            records_per_second: view.records_per_second,
            seconds_left: self.seconds_left,
            updated_at: view.updated_at,
        }
    }
}

/// The kinds with the most rejects, and the number of each among all.
fn largest(kinds: &[Kind]) -> Vec<(usize, ErrorKind)> {
    let mut all: Vec<(usize, &Kind)> = kinds.iter().enumerate().collect();
    // Of as many, the one that came first.
    all.sort_by_key(|(_, kind)| Reverse(kind.count));
    all.truncate(MAX_KINDS_TOLD);
    all.sort_unstable_by_key(|(number, _)| *number);
    let told = |(number, kind)| (number, ErrorKind::shortened(kind, MAX_RAW_CHARS));
    all.into_iter().map(told).collect()
}

/// A message that is written.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    event: &'static str,
    id: String,
    /// As an event of a stream. JSON on one line has no line end that would end a field.
    bytes: Box<[u8]>,
    /// Where its JSON stands.
    json: Range<usize>,
}

fn written(message: &Message<'_>, event: &'static str, id: String) -> Written {
    let mut bytes = format!("id: {id}\nevent: {event}\ndata: ").into_bytes();
    let begin = bytes.len();
    if let Err(error) = serde_json::to_writer(&mut bytes, message) {
        // Only a type whose maps have keys that are no strings comes here, and no message has one.
        tracing::error!(%error, "a message cannot be written as JSON");
        bytes.truncate(begin);
        bytes.extend_from_slice(b"{}");
    }
    let json = begin..bytes.len();
    bytes.extend_from_slice(b"\n\n");
    Written {
        event,
        id,
        bytes: bytes.into(),
        json,
    }
}

impl Text {
    fn new(event: &'static str, id: String, json: Range<usize>, framed: Bytes) -> Self {
        Self {
            event,
            id,
            json: framed.slice(json),
            framed,
        }
    }
}

impl From<Written> for Text {
    fn from(written: Written) -> Self {
        let bytes = Bytes::from(written.bytes);
        Self::new(written.event, written.id, written.json, bytes)
    }
}

/// The bytes of what is said where a job has come to rest: they are there for as long as somebody takes them.
struct RestOf(Arc<Seen>);

impl AsRef<[u8]> for RestOf {
    fn as_ref(&self) -> &[u8] {
        self.0.rest.as_ref().map_or(&[], |rest| &rest.bytes)
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
