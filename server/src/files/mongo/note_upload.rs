//! uploading → uploading, its multipart upload known, in MongoDB.

use super::document::{FILES, UPLOADING, literal, matched, one};
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn note_upload(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    upload: &str,
) -> Result<bool, Fatal> {
    let command = doc! {
        "update": FILES,
        "updates": [{
            "q": one(tenant, id, UPLOADING),
            "u": [{ "$set": { "upload": literal(upload) } }],
        }],
    };
    Ok(matched(statements, command).await? == 1)
}
