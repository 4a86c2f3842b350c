//! The store of API keys in MongoDB: one statement per change, acknowledged by a majority and journaled.
//!
//! A live key has a slot, a number below [`MAX_LIVE_KEYS`](super::MAX_LIVE_KEYS), and a unique index lets a tenant have
//! each slot once. A revoked key has none.

mod add;
mod any;
mod find;
mod knows;
mod list;
mod revoke;

use super::{Key, Keys};
use crate::id::Id;
use crate::tenant::Tenant;
use async_trait::async_trait;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::{Done, Statements};

/// The collection.
const KEYS: &str = "keys";

/// The store of API keys in a MongoDB.
pub struct MongoKeys {
    statements: Statements,
}

impl MongoKeys {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        let command = doc! {
            "createIndexes": KEYS,
            "indexes": [
                {
                    "key": { "tenant": 1, "slot": 1 },
                    "name": "tenant_slot",
                    "unique": true,
                    "partialFilterExpression": { "slot": { "$exists": true } },
                },
                { "key": { "sha256": 1 }, "name": "sha256", "unique": true },
                { "key": { "tenant": 1, "created": -1, "_id": -1 }, "name": "tenant_created" },
            ],
        };
        statements.write(command).await?;
        Ok(Self { statements })
    }

    /// Up to `limit` keys that an aggregation gives, as a majority knows them.
    async fn read(&self, mut stages: Vec<Document>, limit: u32) -> Result<Vec<Key>, Fatal> {
        stages.push(doc! { "$limit": i64::from(limit) });
        let command = doc! {
            "aggregate": KEYS,
            "pipeline": stages,
            // One more than there can be, so that the answer is whole and no cursor stays open.
            "cursor": { "batchSize": i64::from(limit) + 1 },
            "readConcern": { "level": "majority" },
        };
        let Done::Reply(reply) = self.statements.run(command).await? else {
            return Err(damaged("a read was answered like a write"));
        };
        let batch = reply.get_document("cursor").ok();
        let batch = batch.and_then(|cursor| cursor.get_array("firstBatch").ok());
        let documents = batch.into_iter().flatten().filter_map(Bson::as_document);
        documents.map(key).collect()
    }
}

#[async_trait]
impl Keys for MongoKeys {
    async fn add(&self, id: Id, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        self.add_key(id, tenant, sha256).await
    }

    async fn list(&self) -> Result<Vec<Key>, Fatal> {
        self.list_keys().await
    }

    async fn revoke(&self, id: Id) -> Result<bool, Fatal> {
        self.revoke_key(id).await
    }

    async fn find(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        self.find_key(sha256).await
    }

    async fn any(&self) -> Result<bool, Fatal> {
        self.any_key().await
    }

    async fn knows(&self, tenant: &Tenant) -> Result<bool, Fatal> {
        self.knows_tenant(tenant).await
    }
}

fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

fn key(document: &Document) -> Result<Key, Fatal> {
    let bytes = |name: &str| document.get_binary_generic(name).ok();
    let moment = |name: &str| {
        let at = document.get_datetime(name).ok()?;
        u64::try_from(at.timestamp_millis()).ok()
    };
    let read = || {
        Some(Key {
            id: Id(bytes("_id")?.as_slice().try_into().ok()?),
            tenant: Tenant::of_key(document.get_str("tenant").ok()?).ok()?,
            sha256: bytes("sha256")?.as_slice().try_into().ok()?,
            created_ms: moment("created")?,
            revoked_ms: moment("revoked"),
        })
    };
    read().ok_or_else(|| damaged("a document lacks fields"))
}

fn damaged(message: &str) -> Fatal {
    let message = format!("the collection `{KEYS}` cannot be read: {message}");
    Fatal::new("store_damaged", message)
}

#[cfg(test)]
mod tests;
