//! `put`: registers a version, by one insert that meets what is there.

use super::{MongoSpecs, SPECS, damaged, registered};
use crate::specs::{Owner, Put};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

impl MongoSpecs {
    pub(super) async fn put_version(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal> {
        if let Some(there) = self.get_version(owner, name, Some(version)).await? {
            return Ok(Put::of_known(there, sha256));
        }
        if self.count_of(owner).await? >= self.max_versions {
            return Ok(Put::Full);
        }
        let id = doc! { "tenant": owner.key(), "name": name, "version": i64::from(version) };
        // Only a document that is not there yet is matched: one that is makes the insert a duplicate.
        let command = doc! {
            "findAndModify": SPECS,
            "query": { "_id": id, "tenant": { "$eq": owner.key() }, "sha256": { "$exists": false } },
            "update": [{ "$set": {
                "tenant": { "$literal": owner.key() },
                "name": { "$literal": name },
                "version": i64::from(version),
                "sha256": { "$literal": sha256 },
                "text": { "$literal": text },
                "created": "$$NOW",
            } }],
            "upsert": true,
            "new": true,
        };
        match self.statements.write(command).await? {
            Done::Reply(reply) => {
                let made = reply.get_document("value");
                let made = made.map_err(|_| damaged("an insert gave no document"))?;
                Ok(Put::New(registered(made)?))
            }
            Done::Duplicate => match self.get_version(owner, name, Some(version)).await? {
                Some(there) => Ok(Put::of_known(there, sha256)),
                None => Err(damaged("a version is there and cannot be found")),
            },
        }
    }

    /// How many versions an owner has, counted up to the limit.
    async fn count_of(&self, owner: Owner<'_>) -> Result<u64, Fatal> {
        let stages = vec![
            doc! { "$match": { "tenant": { "$eq": owner.key() } } },
            doc! { "$limit": self.max_versions.max(1) as i64 },
            doc! { "$group": { "_id": 0_i64, "count": { "$sum": 1_i64 } } },
        ];
        let counted = self.read(stages, 1).await?;
        let count = counted
            .first()
            .map(|found: &Document| found.get_i64("count"));
        match count {
            None => Ok(0),
            Some(Ok(count)) => Ok(count.cast_unsigned()),
            Some(Err(_)) => Err(damaged("a count is no number")),
        }
    }
}
