//! uploading → (none), in MongoDB: marked first, so that a lost answer does not hide what was done.

use super::document::{DISCARDED, FILES, UPLOADING, matched, one};
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn discard(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<bool, Fatal> {
    let mut either = one(tenant, id, UPLOADING);
    either.insert("state", doc! { "$in": [UPLOADING, DISCARDED] });
    let mark = doc! {
        "update": FILES,
        "updates": [{
            "q": either,
            "u": [{ "$set": { "state": DISCARDED, "updatedAt": "$$NOW" } }],
        }],
    };
    if matched(statements, mark).await? == 0 {
        return Ok(false);
    }
    let delete = doc! {
        "delete": FILES,
        "deletes": [{ "q": one(tenant, id, DISCARDED), "limit": 1 }],
    };
    statements.write(delete).await?;
    Ok(true)
}
