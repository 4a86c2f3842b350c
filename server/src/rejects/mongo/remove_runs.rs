//! Removing from MongoDB the rejects of earlier runs, a portion at a time: where the portion ends is read, and what
//! lies up to there is removed, so that sending it again removes nothing more.

use super::{REJECTS, broken, id, read};
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn remove_runs(
    statements: &Statements,
    tenant: &Tenant,
    job: Id,
    before: u32,
    limit: u32,
) -> Result<bool, Fatal> {
    let last = match before {
        0 => return Ok(false),
        u32::MAX => u32::MAX,
        before => before - 1,
    };
    let first = id(job, 0, 0);
    let earlier = doc! { "$gte": &first, "$lte": id(job, last, u64::MAX) };
    // The last one of the portion; where there are fewer, the last one of all.
    let ends = doc! {
        "aggregate": REJECTS,
        "pipeline": [
            { "$match": { "_id": earlier, "tenant": { "$eq": tenant.key() } } },
            { "$sort": { "_id": 1 } },
            { "$limit": i64::from(limit.max(1)) },
            { "$group": { "_id": null, "last": { "$last": "$_id" }, "count": { "$sum": 1_i64 } } },
        ],
        "cursor": {},
    };
    let Some(portion) = read(statements, ends).await?.into_iter().next() else {
        return Ok(false);
    };
    let unreadable = || broken("a portion has no end");
    let end = portion.get("last").ok_or_else(unreadable)?;
    let count = portion.get_i64("count").map_err(|_| unreadable())?;
    let filter = doc! {
        "_id": { "$gte": &first, "$lte": end },
        "tenant": { "$eq": tenant.key() },
    };
    let command = doc! { "delete": REJECTS, "deletes": [{ "q": filter, "limit": 0 }] };
    statements.write(command).await?;
    Ok(count >= i64::from(limit.max(1)))
}
