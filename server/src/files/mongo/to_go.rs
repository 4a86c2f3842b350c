//! uploaded → uploaded, its object to go, and back, in MongoDB. `toGo` is there only where it is so, and `toGoFor`
//! with it.

use super::document::{self, FILES, UPLOADED, binary, one, read};
use crate::files::File;
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn mark(
    statements: &Statements,
    tenant: &Tenant,
    ids: &[Id],
    job: Id,
) -> Result<(), Fatal> {
    let ids: Vec<_> = ids.iter().map(|id| binary(*id)).collect();
    let set = doc! { "$set": { "toGo": true, "toGoFor": binary(job) } };
    let filter = doc! {
        "_id": { "$in": ids },
        "tenant": { "$eq": tenant.key() },
        "state": UPLOADED,
    };
    let command = doc! {
        "update": FILES,
        "updates": [{ "q": filter, "u": set, "multi": true }],
    };
    statements.write(command).await.map(drop)
}

pub(super) async fn unmark(statements: &Statements, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
    let unset = doc! { "$unset": { "toGo": "", "toGoFor": "" } };
    let command = doc! {
        "update": FILES,
        "updates": [{ "q": one(tenant, id, UPLOADED), "u": unset }],
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
