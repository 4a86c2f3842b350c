//! uploading → discarded, for those that nobody uploads any more, of all tenants, in MongoDB: longest idle first. Those
//! that were discarded before and are not yet deleted are given again.

use super::document::{self, DISCARDED, FILES, UPLOADING, ms_ago, read};
use crate::files::File;
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn abandoned(
    statements: &Statements,
    idle_ms: u64,
    limit: u32,
) -> Result<Vec<File>, Fatal> {
    let limit = limit.max(1);
    let mut idle = doc! {
        "state": UPLOADING,
        "$expr": { "$lte": ["$renewedAt", ms_ago(idle_ms)] },
    };
    let found = read(statements, list(idle.clone(), limit)).await?;
    if !found.is_empty() {
        let ids: Vec<_> = found.iter().filter_map(|file| file.get("_id")).collect();
        idle.insert(
            "_id",
            doc! { "$in": ids.into_iter().cloned().collect::<Vec<Bson>>() },
        );
        let take = doc! {
            "update": FILES,
            "updates": [{
                "q": idle,
                "u": [{ "$set": { "state": DISCARDED, "updatedAt": "$$NOW" } }],
                "multi": true,
            }],
        };
        statements.write(take).await?;
    }
    let taken = read(statements, list(doc! { "state": DISCARDED }, limit)).await?;
    taken.iter().map(document::file).collect()
}

pub(super) fn list(filter: Document, limit: u32) -> Document {
    doc! {
        "find": FILES,
        "filter": filter,
        "sort": { "renewedAt": 1 },
        "limit": i64::from(limit),
        "batchSize": i64::from(limit),
        "singleBatch": true,
    }
}
