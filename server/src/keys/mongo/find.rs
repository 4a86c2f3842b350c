//! `find`: the live key with a hash.

use super::{MongoKeys, binary};
use crate::keys::Key;
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoKeys {
    pub(super) async fn find_key(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        let wanted = doc! { "sha256": binary(&sha256), "slot": { "$exists": true } };
        let found = self.read(vec![doc! { "$match": wanted }], 1).await?;
        Ok(found.into_iter().next())
    }
}
