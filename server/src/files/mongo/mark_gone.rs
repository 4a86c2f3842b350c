//! uploaded → uploaded, its object gone, in MongoDB, unless a job in one of some states lists the file. The steps are those
//! of `remove`: a mark for which readers of the file wait, a look for jobs, and the change where the mark still stands.
//!
//! Where somebody else's mark has taken its place, that removal is waited for. It may give way to jobs that this one does
//! not care for: so the steps are made again, unless the file went.

use super::document::{FILES, UPLOADED, matched, one, read};
use super::file::file;
use super::remove::{MAX_ROUNDS, Marked, busy, is_being_removed, is_listed, mark, marked, unmark};
use crate::id::Id;
use crate::queue::State;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn mark_gone(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    unless: &[State],
) -> Result<bool, Fatal> {
    for _ in 0..MAX_ROUNDS {
        let Some(Marked { removal, is_gone }) = mark(statements, tenant, id).await? else {
            return Ok(false);
        };
        if is_gone || is_listed(statements, tenant, id, unless).await? {
            unmark(statements, tenant, id, removal).await?;
            return Ok(is_gone);
        }
        if note(statements, tenant, id, removal).await? {
            return Ok(true);
        }
        match file(statements, tenant, id).await? {
            Some(seen) if seen.file.content_gone => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
    }
    Err(busy())
}

/// Notes it where the mark of this removal still stands. `false`: another removal may decide it, or the mark ran out.
pub(super) async fn note(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    removal: u64,
) -> Result<bool, Fatal> {
    let mut filter = marked(tenant, id, removal);
    filter.insert("$expr", is_being_removed());
    let set = doc! {
        "contentGone": { "$literal": true },
        "updatedAt": "$$NOW",
        "removingAt": "$$REMOVE",
    };
    let command = doc! { "update": FILES, "updates": [{ "q": filter, "u": [{ "$set": set }] }] };
    if matched(statements, command).await? == 1 {
        return Ok(true);
    }
    // Noted before the answer was lost, or by somebody else.
    let mut gone = one(tenant, id, UPLOADED);
    gone.insert("contentGone", true);
    let command = doc! { "find": FILES, "filter": gone, "limit": 1, "singleBatch": true };
    Ok(!read(statements, command).await?.is_empty())
}
