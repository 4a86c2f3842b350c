//! `get`: one version, or the highest.

use super::{MongoSpecs, registered};
use crate::specs::{Owner, Registered};
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoSpecs {
    pub(super) async fn get_version(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal> {
        let mut wanted = doc! { "tenant": { "$eq": owner.key() }, "name": { "$eq": name } };
        if let Some(version) = version {
            wanted.insert("version", i64::from(version));
        }
        let stages = vec![
            doc! { "$match": wanted },
            doc! { "$sort": { "version": -1 } },
            doc! { "$limit": 1 },
        ];
        let found = self.read(stages, 1).await?;
        found.first().map(registered).transpose()
    }
}
