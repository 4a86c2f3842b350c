//! uploading → uploading, renewed, in MongoDB.

use super::document::{FILES, UPLOADING, matched, one};
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn renew(statements: &Statements, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
    let command = doc! {
        "update": FILES,
        "updates": [{
            "q": one(tenant, id, UPLOADING),
            "u": [{ "$set": { "renewedAt": "$$NOW" } }],
        }],
    };
    Ok(matched(statements, command).await? == 1)
}
