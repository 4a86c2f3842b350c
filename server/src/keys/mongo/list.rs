//! `list`: all keys, by tenant, then newest first.

use super::MongoKeys;
use crate::keys::{Key, MAX_LISTED};
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoKeys {
    pub(super) async fn list_keys(&self) -> Result<Vec<Key>, Fatal> {
        let order = doc! { "$sort": { "tenant": 1, "created": -1, "_id": -1 } };
        self.read(vec![order], MAX_LISTED).await
    }
}
