//! A job as a row: read whole, or as lists show it.
//!
//! Lists leave out the text of the spec and what is long in the checkpoint: a page has 200 jobs, and each may have 200 kinds
//! of rejects with a sample of a KiB, records that are carried, and a head. Who watches a job is told its kinds of rejects.

use crate::id::Id;
use crate::job::SpecPin;
use crate::queue::{Job, LoadPin, Progress, SpecText, State, Turn};
use crate::tenant::Tenant;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stages::identity::LoadIdentity;

/// Every column of a job but the long ones.
const SHORT: &str = "tenant, id, state, priority, attempts, run, fence, owner, worker, lock_until_ms, created_ms, \
    queued_ms, due_ms, started_ms, finished_ms, updated_ms, furthest, bytes_read, bytes_total, records_per_second, \
    busy, max_rejects, spec_changed, spec_from, is_expired, spec_name, spec_version, spec_sha256, spec_is_operators, \
    content, base, identity, generation, load_number, collection, receipt, accepted, held, failure, \
    parent, child, child_moved, files";

/// Bytes of an id.
const ID_BYTES: usize = 12;

/// The columns of [`read`], whole.
pub(super) fn whole() -> String {
    format!("{SHORT}, callback, checkpoint, spec_text")
}

/// The columns of [`read`], as lists show them.
pub(super) fn listed() -> String {
    let checkpoint = "json_set(json_remove(checkpoint, '$.carried'), '$.head', '', '$.books.summary', json('[]'))";
    short(checkpoint)
}

/// The columns of [`read`], as those who watch a job are told of it.
pub(super) fn watched() -> String {
    short("json_set(json_remove(checkpoint, '$.carried'), '$.head', '')")
}

fn short(checkpoint: &str) -> String {
    format!(
        "{SHORT}, json_remove(callback, '$.log') AS callback, {checkpoint} AS checkpoint, '' AS spec_text"
    )
}

/// The job of a tenant.
pub(super) fn job(
    connection: &Connection,
    tenant: &Tenant,
    id: Id,
) -> rusqlite::Result<Option<Job>> {
    let columns = whole();
    connection
        .prepare_cached(&format!(
            "SELECT {columns} FROM jobs WHERE tenant = ?1 AND id = ?2"
        ))?
        .query_row(params![tenant.key(), id.0], read)
        .optional()
}

/// Reads a row with the columns of [`whole`], [`listed`] or [`watched`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Job> {
    let count = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
    let maybe = |name: &str| {
        let number = row.get::<_, Option<i64>>(name);
        number.map(|number| number.map(i64::cast_unsigned))
    };
    Ok(Job {
        id: Id(row.get("id")?),
        tenant: tenant(row)?,
        files: files(&row.get::<_, Vec<u8>>("files")?),
        spec: SpecText {
            pin: SpecPin {
                name: row.get("spec_name")?,
                version: row.get("spec_version")?,
                sha256: row.get("spec_sha256")?,
            },
            text: row.get("spec_text")?,
            is_operators: row.get("spec_is_operators")?,
        },
        load: LoadPin {
            content: row.get("content")?,
            base: LoadIdentity(row.get("base")?),
            identity: LoadIdentity(row.get("identity")?),
            generation: row.get("generation")?,
            load_number: count("load_number")?,
            collection: row.get("collection")?,
        },
        priority: row.get("priority")?,
        state: state(row)?,
        attempts: row.get("attempts")?,
        run: row.get("run")?,
        fence: count("fence")?,
        owner: row.get("owner")?,
        worker: row.get("worker")?,
        lock_until_ms: maybe("lock_until_ms")?,
        created_ms: count("created_ms")?,
        queued_ms: count("queued_ms")?,
        due_ms: count("due_ms")?,
        started_ms: maybe("started_ms")?,
        finished_ms: maybe("finished_ms")?,
        updated_ms: count("updated_ms")?,
        checkpoint: parsed(row, "checkpoint")?,
        progress: Progress {
            furthest: count("furthest")?,
            bytes_read: count("bytes_read")?,
            bytes_total: maybe("bytes_total")?,
            records_per_second: count("records_per_second")?,
            busy: parsed(row, "busy")?,
        },
        accepted: parsed(row, "accepted")?.unwrap_or_default(),
        max_rejects: maybe("max_rejects")?,
        spec_changed: row.get("spec_changed")?,
        spec_from: row
            .get::<_, Option<i64>>("spec_from")?
            .map(i64::cast_unsigned),
        held: parsed(row, "held")?,
        failure: parsed(row, "failure")?,
        receipt: parsed(row, "receipt")?,
        expired: row.get("is_expired")?,
        parent: row.get::<_, Option<_>>("parent")?.map(Id),
        child: turn(row)?,
        callback: parsed(row, "callback")?,
    })
}

fn turn(row: &Row<'_>) -> rusqlite::Result<Option<Turn>> {
    let child = row.get::<_, Option<_>>("child")?.map(Id);
    let is_moved = row.get("child_moved")?;
    Ok(child.map(|job| Turn { job, is_moved }))
}

/// The tenant of a row.
pub(super) fn tenant(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    tenant_of(&row.get::<_, String>("tenant")?)
}

/// The tenant with this key.
pub(super) fn tenant_of(key: &str) -> rusqlite::Result<Tenant> {
    Tenant::of_key(key).map_err(|_| unreadable("tenant", format!("{key:?} is no tenant").into()))
}

/// The state of a row.
pub(super) fn state(row: &Row<'_>) -> rusqlite::Result<State> {
    let word: String = row.get("state")?;
    State::of_word(&word)
        .ok_or_else(|| unreadable("state", format!("{word:?} is no state of a job").into()))
}

/// The files of a job, from their ids behind each other.
pub(super) fn files(bytes: &[u8]) -> Vec<Id> {
    let ids = bytes.chunks_exact(ID_BYTES);
    ids.filter_map(|id| id.try_into().ok().map(Id)).collect()
}

/// What is stored as JSON.
pub(super) fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A column of JSON.
pub(super) fn parsed<T: DeserializeOwned>(
    row: &Row<'_>,
    name: &str,
) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get::<_, Option<String>>(name)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| unreadable(name, error.into()))
}

fn unreadable(
    column: &str,
    why: Box<dyn std::error::Error + Send + Sync + 'static>,
) -> rusqlite::Error {
    let why = format!("{column}: {why}").into();
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why)
}
