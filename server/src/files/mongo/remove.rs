//! uploaded → (none), in MongoDB, unless a job that could still run lists the file.
//!
//! 1. Mark the file: from now on [`Files::file`](crate::files::Files::file) does not show it.
//! 2. Look for jobs that list it.
//! 3. None: delete it, if the mark still stands. One: take the mark away.
//!
//! Whoever gives the file to a job does so first and reads the file afterwards. Each side writes before it looks, and a
//! majority has what is written: so step 2 sees the job, or the other side sees the mark and cancels its job, or both.
//! Only a primary that was deposed and does not know it yet can miss that; the job then fails, because its file is gone.
//!
//! A mark is one of a kind: removals are numbered, and each deletes or takes away its own mark only. It runs out after
//! [`MAX_REMOVAL_MS`], by the server's time in both the delete and the reads, so that a process which died between the
//! steps hides no file for good.

use super::document::{
    FILES, JOBS, UPLOADED, binary, changed, integer, matched, ms_ago, one, read,
};
use crate::id::Id;
use crate::queue::State;
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// How long a file that is being removed is hidden, in milliseconds.
const MAX_REMOVAL_MS: u64 = 60_000;

pub(super) async fn remove(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<bool, Fatal> {
    let Some(removal) = mark(statements, tenant, id).await? else {
        return Ok(false);
    };
    if is_used(statements, tenant, id).await? {
        let unmark = doc! {
            "update": FILES,
            "updates": [{
                "q": marked(tenant, id, removal),
                "u": [{ "$unset": "removingAt" }],
            }],
        };
        statements.write(unmark).await?;
        return Ok(false);
    }
    delete(statements, tenant, id, removal).await
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

fn marked(tenant: &Tenant, id: Id, removal: u64) -> Document {
    let mut marked = one(tenant, id, UPLOADED);
    marked.insert("removals", removal.cast_signed());
    marked
}

/// Marks the file, and returns the number of this removal.
pub(super) async fn mark(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<Option<u64>, Fatal> {
    let number = doc! { "$add": [{ "$ifNull": ["$removals", 0_i64] }, 1_i64] };
    let command = doc! {
        "findAndModify": FILES,
        "query": one(tenant, id, UPLOADED),
        "update": [{ "$set": { "removals": number, "removingAt": "$$NOW" } }],
        "new": true,
    };
    let marked = changed(statements, command).await?;
    Ok(marked.and_then(|file| file.get("removals").and_then(integer)))
}

/// Whether a job that could still run lists the file.
async fn is_used(statements: &Statements, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
    let running = State::ALL.iter().filter(|state| !state.is_terminal());
    let running: Vec<_> = running.map(|state| state.word()).collect();
    let filter = doc! {
        "tenant": { "$eq": tenant.key() },
        "files": binary(id),
        "state": { "$in": running },
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
