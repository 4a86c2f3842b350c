//! A job as clients see it: the JSON of `run --json`, and of the service's answers.

use pipeline::{Books, Breach, Busy, Cause, Fatal, Kind, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stages::plan::Plan;
use std::collections::BTreeMap;

/// A job, with camelCase names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// 24 hexadecimal digits.
    pub job_id: String,
    /// The uploaded file; none in `run`.
    pub file_id: Option<String>,
    /// What was loaded: a path or a URI.
    pub input: String,
    /// Where to.
    pub target: String,
    /// The spec that it is loaded with.
    pub spec: SpecPin,
    /// `completed`, `held`, `interrupted` (`run` only) or `failed`.
    pub state: &'static str,
    /// Whether this is the job that had loaded the same content before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
    /// Tries without progress.
    pub attempts: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// From 0 to 1, by bytes of the stored object.
    pub progress: f64,
    /// Bytes of the stored object that are done.
    pub bytes_read: u64,
    /// Its size, where it is known.
    pub bytes_total: Option<u64>,
    /// Records per second of this run.
    pub records_per_second: u64,
    /// The counters.
    pub stats: Stats,
    /// The rejects, by code and field.
    pub errors: Vec<ErrorKind>,
    /// Why it failed or is held.
    pub failure: Option<Failure>,
    /// The stage that bounded this run; none where all were idle, or nothing was done.
    pub bottleneck: Option<&'static str>,
    /// For which share of its time each stage was busy; none where nothing was done.
    pub busy: Option<BusyView>,
}

/// The exact text of a spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpecPin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The hash of its text, in hexadecimal digits.
    pub sha256: String,
}

impl From<&Plan> for SpecPin {
    fn from(plan: &Plan) -> Self {
        Self {
            name: plan.name.clone(),
            version: plan.version,
            sha256: plan.sha256.clone(),
        }
    }
}

/// The counters of a job.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    read: u64,
    loaded: u64,
    already_loaded: u64,
    rejected: u64,
    dropped: u64,
    /// Loaded records that a `reject` step of severity `warn` warned of, by the step's name. Left out where there are
    /// none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    warned: BTreeMap<String, u64>,
    skipped: u64,
}

impl From<&Books> for Stats {
    fn from(books: &Books) -> Self {
        let c = &books.counters;
        Self {
            read: c.read,
            loaded: c.loaded,
            already_loaded: c.already_loaded,
            rejected: c.rejected,
            dropped: c.dropped_total(),
            warned: c.warned.clone(),
            skipped: c.skipped,
        }
    }
}

/// For which share of the time each stage was busy, from 0 to 1. Stages work at the same time: the shares need not add
/// up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct BusyView {
    /// Waiting for the source: the disk, the bucket, the pipe; decompression included.
    #[schemars(range(min = 0, max = 1))]
    read: f64,
    /// Finding where records begin and end.
    #[schemars(range(min = 0, max = 1))]
    frame: f64,
    /// Parsing, typing, judging and encoding records, and waiting for a core to do that.
    #[schemars(range(min = 0, max = 1))]
    parse: f64,
    /// Waiting for the target.
    #[schemars(range(min = 0, max = 1))]
    write: f64,
    /// Waiting because the spec limits the rate.
    #[schemars(range(min = 0, max = 1))]
    rate: f64,
}

impl From<Busy> for BusyView {
    fn from(busy: Busy) -> Self {
        let share = |stage| f64::from(busy.of(stage)) / 1000.0;
        Self {
            read: share(Stage::Read),
            frame: share(Stage::Frame),
            parse: share(Stage::Parse),
            write: share(Stage::Write),
            rate: share(Stage::Rate),
        }
    }
}

/// The rejects with one code and field.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ErrorKind {
    code: String,
    field: Option<String>,
    count: u64,
    sample: ErrorSample,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ErrorSample {
    record: u64,
    line: u64,
    message: String,
    raw: String,
}

impl ErrorKind {
    /// The rejects of a kind, with at most so many characters of the sample's raw text.
    pub fn shortened(kind: &Kind, max_chars: usize) -> Self {
        let mut short = Self::from(kind);
        let raw = &mut short.sample.raw;
        if let Some((end, _)) = raw.char_indices().nth(max_chars) {
            raw.truncate(end);
            raw.shrink_to_fit();
        }
        short
    }
}

impl From<&Kind> for ErrorKind {
    fn from(kind: &Kind) -> Self {
        let sample = ErrorSample {
            record: kind.sample.at.ordinal + 1,
            line: kind.sample.at.line,
            message: kind.sample.message.clone(),
            raw: kind.sample.raw.clone(),
        };
        Self {
            code: kind.code.clone(),
            field: kind.field.clone(),
            count: kind.count,
            sample,
        }
    }
}

/// Why a job failed or is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// A stable word.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The errors underneath.
    #[serde(default)]
    pub causes: Vec<String>,
}

impl Failure {
    /// Why a job is held.
    pub fn of_breach(breach: &Breach) -> Self {
        Self::of_cause(&breach.cause, breach.message.clone())
    }

    /// Why a job is held, and where the limit is said.
    pub fn of_cause(cause: &Cause, message: String) -> Self {
        let hint = match cause {
            Cause::Errors => {
                "the limits stand in the spec's [errors]: max_ratio (0.01 where it says nothing) and max_records (50000)"
            }
            Cause::MinRecords => {
                "[errors] min_records = 0 in the spec lets an empty file pass (1 where it says nothing)"
            }
            Cause::UnknownColumns(_) => {
                "the spec says [columns] unknown = \"hold\": a field takes a column, `drop` leaves it out; so does going on all the same"
            }
            Cause::Control { .. } => {
                "[control] of the spec says what is compared; records that were refused or dropped are not in the sums"
            }
        };
        Self {
            code: cause.code().into_owned(),
            message,
            hint: Some(hint.to_owned()),
            causes: Vec::new(),
        }
    }
}

impl From<&Fatal> for Failure {
    fn from(fatal: &Fatal) -> Self {
        Self {
            code: fatal.code.to_owned(),
            message: fatal.message.clone(),
            hint: fatal.hint.clone(),
            causes: fatal.causes.clone(),
        }
    }
}
