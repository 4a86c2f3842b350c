//! Files of all tenants that nobody uploads any more, from MongoDB, those that were discarded and are not yet deleted
//! among them: longest idle first.

use super::document::{self, DISCARDED, FILES, UPLOADING, ms_ago, read};
use crate::files::File;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn abandoned(
    statements: &Statements,
    idle_ms: u64,
    limit: u32,
) -> Result<Vec<File>, Fatal> {
    let found = read(statements, list(idle_ms, limit.max(1))).await?;
    found.iter().map(document::file).collect()
}

pub(super) fn list(idle_ms: u64, limit: u32) -> Document {
    let idle = doc! {
        "state": { "$in": [UPLOADING, DISCARDED] },
        "$expr": { "$lte": ["$renewedAt", ms_ago(idle_ms)] },
    };
    doc! {
        "find": FILES,
        "filter": idle,
        "sort": { "renewedAt": 1 },
        "limit": i64::from(limit),
        "batchSize": i64::from(limit),
        "singleBatch": true,
    }
}
