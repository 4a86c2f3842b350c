//! `any`: whether there is any live key.

use super::MongoKeys;
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoKeys {
    pub(super) async fn any_key(&self) -> Result<bool, Fatal> {
        let live = doc! { "$match": { "slot": { "$exists": true } } };
        Ok(!self.read(vec![live], 1).await?.is_empty())
    }
}
