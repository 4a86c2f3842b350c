//! A file as a document: how its values are written into statements, how it is read, and how its newest job is found.

use crate::files::{File, NewFile, Outcome, Seen};
use crate::id::Id;
use crate::queue::State;
use crate::tenant::Tenant;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::{Done, Statements};

/// The collection.
pub(super) const FILES: &str = "files";
/// The collection of the queue.
pub(super) const JOBS: &str = "jobs";

/// Its bytes are coming.
pub(super) const UPLOADING: &str = "uploading";
/// It is whole.
pub(super) const UPLOADED: &str = "uploaded";
/// It is lost to its upload, and being removed without ever having been whole.
pub(super) const DISCARDED: &str = "discarded";

/// The longest time that is taken from now, in milliseconds: a hundred years, so that it is a date.
const MAX_TIME_MS: u64 = 100 * 365 * 86_400_000;

/// The filter of one file of a tenant in a state.
pub(super) fn one(tenant: &Tenant, id: Id, state: &str) -> Document {
    doc! { "_id": binary(id), "tenant": { "$eq": tenant.key() }, "state": state }
}

/// An id as it is stored.
pub(super) fn binary(id: Id) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: id.0.to_vec(),
    }
}

/// Text that no expression interprets.
pub(super) fn literal(text: &str) -> Document {
    doc! { "$literal": text }
}

/// The time `ms` milliseconds ago.
pub(super) fn ms_ago(ms: u64) -> Document {
    doc! { "$subtract": ["$$NOW", ms.min(MAX_TIME_MS) as i64] }
}

/// The stage that puts into `newest` the newest job of each file, by creation, or none. The index of the queue on
/// tenant, files and creation serves it.
pub(super) fn newest_job(tenant: &Tenant) -> Document {
    doc! { "$lookup": {
        "from": JOBS,
        "localField": "_id",
        "foreignField": "files",
        "pipeline": [
            { "$match": { "tenant": { "$eq": tenant.key() } } },
            { "$sort": { "createdAt": -1, "_id": -1 } },
            { "$limit": 1 },
            { "$project": { "state": 1, "failure.message": 1, "finishedAt": 1 } },
        ],
        "as": "newest",
    } }
}

/// Sends a write, and says how many documents matched.
pub(super) async fn matched(statements: &Statements, command: Document) -> Result<u64, Fatal> {
    Ok(match statements.write(command).await? {
        Done::Reply(reply) => reply.get("n").and_then(integer).unwrap_or_default(),
        Done::Duplicate => 0,
    })
}

/// Sends a `findAndModify`: the document that it returns.
pub(super) async fn changed(
    statements: &Statements,
    command: Document,
) -> Result<Option<Document>, Fatal> {
    let Done::Reply(mut reply) = statements.write(command).await? else {
        return Ok(None);
    };
    Ok(match reply.remove("value") {
        Some(Bson::Document(document)) => Some(document),
        _ => None,
    })
}

/// Sends a read of what a majority has: its documents, which one answer holds.
pub(super) async fn read(
    statements: &Statements,
    mut command: Document,
) -> Result<Vec<Document>, Fatal> {
    command.insert("readConcern", doc! { "level": "majority" });
    let Done::Reply(mut reply) = statements.run(command).await? else {
        return Err(broken("an answer"));
    };
    let cursor = reply.get_document_mut("cursor");
    let batch = cursor.and_then(|cursor| cursor.get_array_mut("firstBatch"));
    let batch = batch.map_err(|error| broken("an answer").because(&error))?;
    let documents = batch.drain(..).filter_map(|document| match document {
        Bson::Document(document) => Some(document),
        _ => None,
    });
    Ok(documents.collect())
}

/// A number, whichever type the server gave it.
pub(super) fn integer(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(value) => u64::try_from(*value).ok(),
        Bson::Int64(value) => u64::try_from(*value).ok(),
        Bson::Double(value) => Some(*value as u64),
        _ => None,
    }
}

/// Reads a file with its newest job.
pub(super) fn seen(document: &Document) -> Result<Seen, Fatal> {
    let jobs = document.get_array("newest").ok();
    let job = jobs
        .and_then(|jobs| jobs.first())
        .and_then(Bson::as_document);
    Ok(Seen {
        file: file(document)?,
        newest: job.map(outcome).transpose()?,
    })
}

fn outcome(job: &Document) -> Result<Outcome, Fatal> {
    let word = job.get_str("state").ok();
    let state = word.and_then(State::of_word);
    let state = state.ok_or_else(|| broken("the state of a job"))?;
    // A job that was released keeps why, and has not failed.
    let failure = job.get("failure").filter(|_| state == State::Failed);
    let message = failure.map(|failure| {
        let message = failure
            .as_document()
            .map(|failure| failure.get_str("message"));
        let message = message.and_then(Result::ok).map(str::to_owned);
        message.ok_or_else(|| broken("the failure of a job"))
    });
    Ok(Outcome {
        state,
        failure: message.transpose()?,
        finished_ms: time(job, "finishedAt"),
    })
}

/// Reads a file.
pub(super) fn file(document: &Document) -> Result<File, Fatal> {
    let text = |name: &str| document.get_str(name).ok().map(str::to_owned);
    let id = |name: &str| {
        let id = document.get_binary_generic(name).ok()?;
        Some(Id(id.as_slice().try_into().ok()?))
    };
    let file = || {
        Some(File {
            new: NewFile {
                id: id("_id")?,
                tenant: Tenant::of_key(document.get_str("tenant").ok()?).ok()?,
                original_name: text("name")?,
                content_type: text("contentType")?,
                key: text("key")?,
                bucket: text("bucket"),
                upload: text("upload"),
            },
            is_uploaded: document.get_str("state").ok()? == UPLOADED,
            size_bytes: document.get("sizeBytes").and_then(integer)?,
            sha256: text("sha256")?,
            version: text("version"),
            created_ms: time(document, "createdAt")?,
            uploaded_ms: time(document, "uploadedAt"),
            updated_ms: time(document, "updatedAt")?,
            content_gone: document.get_bool("contentGone").ok()?,
            to_go_for: id("toGoFor"),
        })
    };
    file().ok_or_else(|| broken("a file"))
}

fn time(document: &Document, name: &str) -> Option<u64> {
    let time = document.get_datetime(name).ok()?;
    time.timestamp_millis().try_into().ok()
}

fn broken(what: &str) -> Fatal {
    let message = format!("`{FILES}` cannot be used: {what} is missing or damaged");
    Fatal::new("internal", message)
}
