//! `versions`: every version of a spec, highest first.

use super::{MongoSpecs, registered};
use crate::specs::{Owner, Registered};
use mongodb::bson::doc;
use pipeline::Fatal;

/// Versions beyond the limit that puts at the same moment may have let in.
const MAX_EXTRA: u64 = 1_000;

impl MongoSpecs {
    pub(super) async fn versions_of(
        &self,
        owner: Owner<'_>,
        name: &str,
    ) -> Result<Vec<Registered>, Fatal> {
        let most = self.max_versions + MAX_EXTRA;
        let stages = vec![
            doc! { "$match": { "tenant": { "$eq": owner.key() }, "name": { "$eq": name } } },
            doc! { "$sort": { "version": -1 } },
            doc! { "$limit": most as i64 },
            doc! { "$project": { "_id": 0, "text": 0 } },
        ];
        let found = self.read(stages, most).await?;
        found.iter().map(registered).collect()
    }
}
