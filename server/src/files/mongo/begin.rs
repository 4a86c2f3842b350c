//! (none) → uploading, in MongoDB.

use super::document::{FILES, UPLOADING, binary, literal};
use crate::files::NewFile;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn begin(statements: &Statements, file: &NewFile) -> Result<(), Fatal> {
    let mut set = doc! {
        "tenant": literal(file.tenant.key()),
        "state": UPLOADING,
        "name": literal(&file.original_name),
        "contentType": literal(&file.content_type),
        "key": literal(&file.key),
        "sizeBytes": 0_i64,
        "sha256": "",
        "contentGone": { "$literal": false },
        "createdAt": "$$NOW",
        "renewedAt": "$$NOW",
        "updatedAt": "$$NOW",
    };
    for (name, text) in [("bucket", &file.bucket), ("upload", &file.upload)] {
        if let Some(text) = text {
            set.insert(name, literal(text));
        }
    }
    // A file that is there has a tenant: the statement then inserts, and meets it.
    let command = doc! {
        "update": FILES,
        "updates": [{
            "q": { "_id": binary(file.id), "tenant": { "$exists": false } },
            "u": [{ "$set": set }],
            "upsert": true,
        }],
    };
    statements.write(command).await.map(drop)
}
