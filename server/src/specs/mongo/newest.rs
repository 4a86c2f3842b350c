//! `newest`: the highest version of each spec, by name.

use super::{MongoSpecs, registered};
use crate::specs::{Owner, Registered};
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoSpecs {
    pub(super) async fn newest_of(
        &self,
        owner: Owner<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal> {
        let after = after.unwrap_or_default();
        // Sorted as the index is, so that the first of each group is one step in it.
        let stages = vec![
            doc! { "$match": { "tenant": { "$eq": owner.key() }, "name": { "$gt": after } } },
            doc! { "$sort": { "tenant": 1, "name": 1, "version": -1 } },
            doc! { "$group": {
                "_id": "$name",
                "version": { "$first": "$version" },
                "sha256": { "$first": "$sha256" },
                "created": { "$first": "$created" },
            } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": i64::from(limit.max(1)) },
            doc! { "$set": { "name": "$_id" } },
        ];
        let found = self.read(stages, u64::from(limit)).await?;
        found.iter().take(limit as usize).map(registered).collect()
    }
}
