//! `revoke`: ends a live key.

use super::{KEYS, MongoKeys, binary};
use crate::id::Id;
use mongodb::bson::doc;
use pipeline::Fatal;

impl MongoKeys {
    pub(super) async fn revoke_key(&self, id: Id) -> Result<bool, Fatal> {
        let live = doc! { "_id": binary(&id.0), "slot": { "$exists": true } };
        // Looked at first: when the answer to the update is lost, the next try finds nothing to change, and the key
        // was live all the same.
        if self
            .read(vec![doc! { "$match": live.clone() }], 1)
            .await?
            .is_empty()
        {
            return Ok(false);
        }
        let command = doc! {
            "update": KEYS,
            "updates": [{
                "q": live,
                "u": [{ "$set": { "revoked": "$$NOW" } }, { "$unset": "slot" }],
            }],
        };
        self.statements.write(command).await?;
        Ok(true)
    }
}
