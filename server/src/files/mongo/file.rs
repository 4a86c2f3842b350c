//! One file with its newest job, from MongoDB.

use super::document::{FILES, UPLOADED, UPLOADING, binary, newest_job, read, seen};
use super::remove::is_being_removed;
use crate::files::Seen;
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn file(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<Option<Seen>, Fatal> {
    let visible = doc! {
        "_id": binary(id),
        "tenant": { "$eq": tenant.key() },
        "state": { "$in": [UPLOADING, UPLOADED] },
        "$expr": { "$not": [is_being_removed()] },
    };
    let command = doc! {
        "aggregate": FILES,
        "pipeline": [{ "$match": visible }, newest_job(tenant)],
        "cursor": {},
    };
    let found = read(statements, command).await?;
    found.first().map(seen).transpose()
}
