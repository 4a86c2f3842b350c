//! A job as a document: how its values are written into statements, and how it is read.
//!
//! Text of clients and files (summaries, heads, accepted causes, failures) is kept as JSON text or as it is, always
//! behind `$literal`, so that no name in it is ever interpreted.

use super::callback_document;
use super::checkpoint;
use super::reply::integer;
use crate::id::Id;
use crate::job::{Failure, SpecPin};
use crate::queue::{Job, LoadPin, Progress, SpecText, State, Turn};
use crate::tenant::Tenant;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use pipeline::{Busy, Fatal, Stage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stages::identity::LoadIdentity;

/// The collection.
pub(super) const JOBS: &str = "jobs";
/// The longest time that is added to or taken from now, in milliseconds: a hundred years, so that it is a date.
const MAX_TIME_MS: u64 = 100 * 365 * 86_400_000;

/// The filter of one job of a tenant.
pub(super) fn one(tenant: &Tenant, id: Id) -> Document {
    doc! { "_id": binary(id.0), "tenant": { "$eq": tenant.key() } }
}

/// An id as it is stored.
pub(super) fn binary(bytes: [u8; 12]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// Text that no expression interprets.
pub(super) fn literal(text: &str) -> Document {
    doc! { "$literal": text }
}

/// What takes a field away.
pub(super) fn removed() -> Bson {
    "$$REMOVE".into()
}

/// The time in `ms` milliseconds from now.
pub(super) fn in_ms(ms: u64) -> Document {
    doc! { "$add": ["$$NOW", ms.min(MAX_TIME_MS) as i64] }
}

/// The time `ms` milliseconds ago.
pub(super) fn ms_ago(ms: u64) -> Document {
    doc! { "$subtract": ["$$NOW", ms.min(MAX_TIME_MS) as i64] }
}

/// The times of a job's end. From `keptSince` on, retention counts.
pub(super) fn ended(set: &mut Document) {
    set.insert("finishedAt", "$$NOW");
    set.insert("keptSince", "$$NOW");
    set.insert("updatedAt", "$$NOW");
}

/// The fields of progress; the furthest ordinal never goes back, and a size that was known stays known.
pub(super) fn progress(progress: &Progress) -> Document {
    let total = match progress.bytes_total {
        Some(total) => Bson::Int64(total as i64),
        None => "$progress.bytesTotal".into(),
    };
    doc! {
        "progress.furthest": { "$max": ["$progress.furthest", progress.furthest as i64] },
        "progress.bytesRead": progress.bytes_read as i64,
        "progress.bytesTotal": total,
        "progress.recordsPerSecond": progress.records_per_second as i64,
        "progress.busy": busy(progress.busy),
    }
}

fn busy(busy: Option<Busy>) -> Bson {
    let Some(busy) = busy else {
        return removed();
    };
    let shares =
        Stage::ALL.map(|stage| (stage.name().to_owned(), Bson::Int64(busy.of(stage).into())));
    // Whole, whatever stands in its place.
    doc! { "$literal": Document::from_iter(shares) }.into()
}

fn read_busy(progress: &Fields<'_>) -> Option<Busy> {
    let shares = Fields(progress.0.get_document("busy").ok()?);
    let share = |stage: Stage| shares.number::<u16>(stage.name());
    Some(Busy {
        read: share(Stage::Read)?,
        frame: share(Stage::Frame)?,
        parse: share(Stage::Parse)?,
        write: share(Stage::Write)?,
        rate: share(Stage::Rate)?,
    })
}

/// A failure, whole, whatever stands in its place.
pub(super) fn failure(failure: &Failure) -> Bson {
    let mut document = doc! {
        "code": &failure.code,
        "message": &failure.message,
        "causes": &failure.causes,
    };
    document.extend(
        failure
            .hint
            .iter()
            .map(|hint| ("hint".to_owned(), hint.into())),
    );
    doc! { "$literal": document }.into()
}

/// A value as JSON text.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Fatal> {
    serde_json::to_string(value)
        .map_err(|error| Fatal::new("internal", "a part of a job is no JSON").because(&error))
}

/// Whose a job is.
pub(super) fn tenant(job: &Document) -> Result<Tenant, Fatal> {
    Fields(job).need("tenant", |job, name| Tenant::of_key(job.text(name)?).ok())
}

/// Reads a job. What a projection has left out is empty.
pub(super) fn read(document: &Document) -> Result<Job, Fatal> {
    let job = Fields(document);
    let spec = job.inside("spec")?;
    let load = job.inside("load")?;
    let files = document.get_array("files").ok();
    let files = files.into_iter().flatten().filter_map(twelve).map(Id);
    Ok(Job {
        id: Id(job.need("_id", Fields::id)?),
        tenant: tenant(document)?,
        files: files.collect(),
        spec: SpecText {
            pin: SpecPin {
                name: spec.need("name", Fields::string)?,
                version: spec.need("version", Fields::number)?,
                sha256: spec.need("sha256", Fields::string)?,
            },
            text: spec.string("text").unwrap_or_default(),
            is_operators: spec.flag("isOperators"),
        },
        load: LoadPin {
            content: load.need("content", Fields::string)?,
            base: LoadIdentity(load.need("base", Fields::id)?),
            identity: LoadIdentity(load.need("identity", Fields::id)?),
            generation: load.need("generation", Fields::number)?,
            load_number: load.need("loadNumber", Fields::number)?,
            collection: load.need("collection", Fields::string)?,
        },
        priority: job.need("priority", Fields::number)?,
        state: job.need("state", |job, name| State::of_word(job.text(name)?))?,
        attempts: job.need("attempts", Fields::number)?,
        run: job.need("run", Fields::number)?,
        fence: job.need("fence", Fields::number)?,
        owner: job.string("owner"),
        worker: job.string("worker"),
        lock_until_ms: job.time("lockUntil"),
        created_ms: job.need("createdAt", Fields::time)?,
        queued_ms: job.need("queuedAt", Fields::time)?,
        due_ms: job.need("due", Fields::time)?,
        started_ms: job.time("startedAt"),
        finished_ms: job.time("finishedAt"),
        updated_ms: job.need("updatedAt", Fields::time)?,
        checkpoint: checkpoint::read(document)?,
        progress: read_progress(&job.inside("progress")?)?,
        accepted: parsed(document, "accepted")?.unwrap_or_default(),
        max_rejects: job.number("maxRejects"),
        spec_changed: job.flag("specChanged"),
        spec_from: job.number("specFrom"),
        held: parsed(document, "held")?,
        failure: job.inside("failure").ok().map(read_failure).transpose()?,
        receipt: parsed(document, "receipt")?,
        expired: job.flag("expired"),
        parent: job.id("parent").map(Id),
        callback: callback_document::read(document)?,
        child: job.id("child").map(|child| Turn {
            job: Id(child),
            is_moved: job.flag("childMoved"),
        }),
    })
}

fn read_failure(failure: Fields<'_>) -> Result<Failure, Fatal> {
    let causes = failure.0.get_array("causes").ok();
    let causes = causes.into_iter().flatten().filter_map(Bson::as_str);
    Ok(Failure {
        code: failure.need("code", Fields::string)?,
        message: failure.need("message", Fields::string)?,
        hint: failure.string("hint"),
        causes: causes.map(str::to_owned).collect(),
    })
}

fn read_progress(progress: &Fields<'_>) -> Result<Progress, Fatal> {
    Ok(Progress {
        furthest: progress.need("furthest", Fields::number)?,
        bytes_read: progress.need("bytesRead", Fields::number)?,
        bytes_total: progress.number("bytesTotal"),
        records_per_second: progress.need("recordsPerSecond", Fields::number)?,
        busy: read_busy(progress),
    })
}

/// A field that is JSON text.
pub(super) fn parsed<T: DeserializeOwned>(
    document: &Document,
    name: &str,
) -> Result<Option<T>, Fatal> {
    let Some(text) = Fields(document).text(name) else {
        return Ok(None);
    };
    let value = serde_json::from_str(text);
    value
        .map(Some)
        .map_err(|error| broken(name).because(&error))
}

/// The fields of a document, by type.
struct Fields<'a>(&'a Document);

impl<'a> Fields<'a> {
    fn need<T>(&self, name: &str, get: impl Fn(&Self, &str) -> Option<T>) -> Result<T, Fatal> {
        get(self, name).ok_or_else(|| broken(name))
    }

    fn inside(&self, name: &str) -> Result<Fields<'a>, Fatal> {
        let inside = self.0.get_document(name);
        inside.map(Fields).map_err(|_| broken(name))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get_str(name).ok()
    }

    fn string(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(integer)?.try_into().ok()
    }

    fn time(&self, name: &str) -> Option<u64> {
        let time = self.0.get_datetime(name).ok()?;
        time.timestamp_millis().try_into().ok()
    }

    fn flag(&self, name: &str) -> bool {
        self.0.get_bool(name).unwrap_or_default()
    }

    fn id(&self, name: &str) -> Option<[u8; 12]> {
        self.0.get(name).and_then(twelve)
    }
}

fn twelve(value: &Bson) -> Option<[u8; 12]> {
    match value {
        Bson::Binary(binary) => binary.bytes.as_slice().try_into().ok(),
        _ => None,
    }
}

fn broken(name: &str) -> Fatal {
    let message = format!("a job in `{JOBS}` cannot be read: its `{name}` is missing or damaged");
    Fatal::new("internal", message)
}
