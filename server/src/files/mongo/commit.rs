//! uploading → uploaded, in MongoDB. A commit that was answered already is met by its size and hash.

use super::document::{self, FILES, UPLOADED, UPLOADING, changed, literal, one, read};
use crate::files::File;
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn commit(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
    size_bytes: u64,
    sha256: &str,
    version: Option<&str>,
) -> Result<Option<File>, Fatal> {
    let size_bytes = size_bytes.cast_signed();
    let command = doc! {
        "findAndModify": FILES,
        "query": one(tenant, id, UPLOADING),
        "update": [{ "$set": {
            "state": UPLOADED,
            "sizeBytes": size_bytes,
            "sha256": literal(sha256),
            "version": version.map(literal),
            "renewedAt": "$$REMOVE",
            "uploadedAt": "$$NOW",
            "updatedAt": "$$NOW",
        } }],
        "new": true,
    };
    if let Some(committed) = changed(statements, command).await? {
        return document::file(&committed).map(Some);
    }
    let mut same = one(tenant, id, UPLOADED);
    same.insert("sizeBytes", size_bytes);
    same.insert("sha256", doc! { "$eq": sha256 });
    let command = doc! { "find": FILES, "filter": same, "limit": 1, "singleBatch": true };
    let found = read(statements, command).await?;
    found.first().map(document::file).transpose()
}
