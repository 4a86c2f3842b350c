//! uploaded → uploaded, its object to go, and back, in MongoDB. `toGo` is there only where it is so.

use super::document::{self, FILES, UPLOADED, binary, one, read};
use crate::files::File;
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn mark(statements: &Statements, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
    change(statements, tenant, id, doc! { "$set": { "toGo": true } }).await
}

pub(super) async fn unmark(statements: &Statements, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
    change(statements, tenant, id, doc! { "$unset": { "toGo": "" } }).await
}

async fn change(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    change: Document,
) -> Result<(), Fatal> {
    let command = doc! {
        "update": FILES,
        "updates": [{ "q": one(tenant, id, UPLOADED), "u": change }],
    };
    statements.write(command).await.map(drop)
}

pub(super) async fn list(
    statements: &Statements,
    after: Option<Id>,
    limit: u32,
) -> Result<Vec<File>, Fatal> {
    let found = read(statements, command(after, limit)).await?;
    found.iter().map(document::file).collect()
}

/// The first files that are to go behind an id.
pub(super) fn command(after: Option<Id>, limit: u32) -> Document {
    let mut filter = doc! { "toGo": true };
    if let Some(after) = after {
        filter.insert("_id", doc! { "$gt": binary(after) });
    }
    let limit = i64::from(limit.max(1));
    doc! {
        "find": FILES,
        "filter": filter,
        "sort": { "_id": 1 },
        "hint": "to_go",
        "limit": limit,
        "batchSize": limit,
        "singleBatch": true,
    }
}
