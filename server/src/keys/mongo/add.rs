//! `add`: enters a key into the first slot of its tenant that is free.

use super::{KEYS, MongoKeys, binary, damaged, key};
use crate::id::Id;
use crate::keys::{Key, MAX_LIVE_KEYS};
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Done;

impl MongoKeys {
    pub(super) async fn add_key(
        &self,
        id: Id,
        tenant: &Tenant,
        sha256: [u8; 32],
    ) -> Result<Option<Key>, Fatal> {
        for slot in 0..MAX_LIVE_KEYS {
            // Only a document that is not there yet is matched: each try inserts, or meets an index.
            let command = doc! {
                "findAndModify": KEYS,
                "query": {
                    "_id": binary(&id.0),
                    "tenant": { "$eq": tenant.key() },
                    "sha256": { "$exists": false },
                },
                "update": [{ "$set": {
                    "tenant": { "$literal": tenant.key() },
                    "sha256": binary(&sha256),
                    "slot": slot as i64,
                    "created": "$$NOW",
                } }],
                "upsert": true,
                "new": true,
            };
            match self.statements.write(command).await? {
                Done::Reply(reply) => {
                    let made = reply.get_document("value");
                    let made = made.map_err(|_| damaged("an insert gave no document"))?;
                    return key(made).map(Some);
                }
                Done::Duplicate => {
                    // The answer to an earlier try of this very statement may have been lost.
                    if let Some(own) = self.find_key(sha256).await?.filter(|key| key.id == id) {
                        return Ok(Some(own));
                    }
                }
            }
        }
        Ok(None)
    }
}
