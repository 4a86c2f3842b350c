//! uploaded → (none), in MongoDB, unless a job that could still run lists the file.
//!
//! 1. Mark the file: from now on [`Files::file`](crate::files::Files::file) waits until this is decided.
//! 2. Look for jobs that list it, unless its object is gone: that was judged in these steps before.
//! 3. None: delete it, if the mark still stands. One: take the mark away.
//!
//! Whoever gives the file to a job does so first and reads the file afterwards. Each side writes before it looks, and a
//! majority has what is written: so step 2 sees the job, or the other side sees the mark, waits, and cancels its job where
//! the file is gone. Only a primary that was deposed and does not know it yet can miss that; the job then fails, because its file is gone.
//!
//! A mark is one of a kind: removals are numbered, and each deletes or takes away its own mark only. One whose mark was
//! taken by another waits for that, and where the file is still there begins anew. It runs out after
//! [`MAX_REMOVAL_MS`], by the server's time in both the delete and the reads, so that a process which died between the
//! steps keeps no file for good.

use super::document::{
    FILES, JOBS, UPLOADED, binary, changed, integer, matched, ms_ago, one, read,
};
use super::file::file;
use crate::id::Id;
use crate::queue::State;
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// How long a file that is being removed is neither there nor gone, in milliseconds.
const MAX_REMOVAL_MS: u64 = 60_000;
/// How often a removal begins anew where others remove the file at the same time.
pub(super) const MAX_ROUNDS: u32 = 16;

pub(super) async fn remove(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<bool, Fatal> {
    for round in 0..MAX_ROUNDS {
        let Some(Marked { removal, is_gone }) = mark(statements, tenant, id).await? else {
            // What was there in the round before has gone.
            return Ok(round > 0);
        };
        if !is_gone && is_listed(statements, tenant, id, &State::RUNNABLE).await? {
            unmark(statements, tenant, id, removal).await?;
            return Ok(false);
        }
        if delete(statements, tenant, id, removal).await?
            || file(statements, tenant, id).await?.is_none()
        {
            return Ok(true);
        }
    }
    Err(busy())
}

/// What is said of a file that others keep removing.
pub(super) fn busy() -> Fatal {
    Fatal::outage("file_busy", "the file is being removed")
}

/// Takes the mark of this removal away.
pub(super) async fn unmark(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    removal: u64,
) -> Result<(), Fatal> {
    let unmark = doc! {
        "update": FILES,
        "updates": [{
            "q": marked(tenant, id, removal),
            "u": [{ "$unset": "removingAt" }],
        }],
    };
    statements.write(unmark).await.map(drop)
}

/// Deletes the file where the mark of this removal still stands. `false`: it is there, and stays.
pub(super) async fn delete(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    removal: u64,
) -> Result<bool, Fatal> {
    let mut filter = marked(tenant, id, removal);
    filter.insert("$expr", is_being_removed());
    let command = doc! { "delete": FILES, "deletes": [{ "q": filter, "limit": 1 }] };
    if matched(statements, command).await? == 1 {
        return Ok(true);
    }
    // Deleted before the answer was lost, or by somebody else who removes it too: it is gone.
    let command = doc! {
        "find": FILES,
        "filter": { "_id": binary(id), "tenant": { "$eq": tenant.key() } },
        "limit": 1,
        "singleBatch": true,
    };
    Ok(read(statements, command).await?.is_empty())
}

/// The filter of a file whose newest mark is that of this removal.
pub(super) fn marked(tenant: &Tenant, id: Id, removal: u64) -> Document {
    let mut marked = one(tenant, id, UPLOADED);
    marked.insert("removals", removal.cast_signed());
    marked
}

/// A file that was marked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// The number of this removal.
    pub removal: u64,
    /// Whether its object is gone.
    pub is_gone: bool,
}

/// Marks the file.
pub(super) async fn mark(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<Option<Marked>, Fatal> {
    let number = doc! { "$add": [{ "$ifNull": ["$removals", 0_i64] }, 1_i64] };
    let command = doc! {
        "findAndModify": FILES,
        "query": one(tenant, id, UPLOADED),
        "update": [{ "$set": { "removals": number, "removingAt": "$$NOW" } }],
        "new": true,
    };
    let marked = changed(statements, command).await?;
    Ok(marked.and_then(|file| {
        Some(Marked {
            removal: file.get("removals").and_then(integer)?,
            is_gone: file.get_bool("contentGone").unwrap_or_default(),
        })
    }))
}

/// Whether a job in one of these states lists the file.
pub(super) async fn is_listed(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    states: &[State],
) -> Result<bool, Fatal> {
    let states: Vec<_> = states.iter().map(|state| state.word()).collect();
    let filter = doc! {
        "tenant": { "$eq": tenant.key() },
        "files": binary(id),
        "state": { "$in": states },
    };
    let command = doc! {
        "find": JOBS,
        "filter": filter,
        "projection": { "_id": 1 },
        "limit": 1,
        "singleBatch": true,
    };
    Ok(!read(statements, command).await?.is_empty())
}

/// Whether a mark stands and has not run out.
pub(super) fn is_being_removed() -> Document {
    doc! { "$gt": [{ "$ifNull": ["$removingAt", null] }, ms_ago(MAX_REMOVAL_MS)] }
}
