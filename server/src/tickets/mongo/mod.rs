//! The store of tickets in MongoDB: one statement per change, acknowledged by a majority and journaled.
//!
//! A ticket has one of its tenant's places, numbers below [`MAX_LIVE`](super::MAX_LIVE), and its `_id` is the tenant and the
//! place: so a tenant has each place once, whoever asks at the same time. The server removes old ones by a TTL index, some
//! time after they were good; until then their places are taken over.

mod add;
mod take;

use super::Tickets;
use crate::tenant::Tenant;
use async_trait::async_trait;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// The collection.
const TICKETS: &str = "tickets";

/// The store of tickets in a MongoDB.
pub struct MongoTickets {
    statements: Statements,
}

impl MongoTickets {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        let command = doc! {
            "createIndexes": TICKETS,
            "indexes": [
                { "key": { "sha256": 1 }, "name": "sha256" },
                { "key": { "tenant": 1, "until": 1 }, "name": "tenant_until" },
                { "key": { "until": 1 }, "name": "until", "expireAfterSeconds": 0 },
            ],
        };
        statements.write(command).await?;
        Ok(Self { statements })
    }
}

#[async_trait]
impl Tickets for MongoTickets {
    async fn add(&self, tenant: &Tenant, sha256: [u8; 32]) -> Result<Option<u64>, Fatal> {
        self.add_ticket(tenant, sha256).await
    }

    async fn take(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal> {
        self.take_ticket(sha256).await
    }
}

fn binary(bytes: &[u8]) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: bytes.to_vec(),
    }
}

/// The document of a `findAndModify`.
fn value(reply: &Document) -> Option<&Document> {
    reply.get_document("value").ok()
}

fn damaged(message: &str) -> Fatal {
    let message = format!("the collection `{TICKETS}` cannot be read: {message}");
    Fatal::new("store_damaged", message)
}

#[cfg(test)]
mod tests;
