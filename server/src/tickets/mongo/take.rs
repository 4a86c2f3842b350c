//! `take`: takes a ticket away, and says whose it was. What is no ticket costs no write: anybody may show one.

use super::{MongoTickets, TICKETS, binary, damaged, value};
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

impl MongoTickets {
    pub(super) async fn take_ticket(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal> {
        let query = doc! {
            "sha256": binary(&sha256),
            "$expr": { "$gt": ["$until", "$$NOW"] },
        };
        if !self.is_there(&query).await? {
            return Ok(None);
        }
        let command = doc! { "findAndModify": TICKETS, "query": query, "remove": true };
        // When the answer is lost, the statement that is sent again finds nothing: a ticket is good once at most.
        let Done::Reply(reply) = self.statements.write(command).await? else {
            return Ok(None);
        };
        let tenant = value(&reply).map(|taken| {
            let key = taken.get_str("tenant").ok();
            key.and_then(|key| Tenant::of_key(key).ok())
        });
        match tenant {
            None => Ok(None),
            Some(Some(tenant)) => Ok(Some(tenant)),
            Some(None) => Err(damaged("a ticket is of what is no tenant")),
        }
    }

    /// Whether there is such a ticket, which somebody may take before it is taken here.
    async fn is_there(&self, query: &Document) -> Result<bool, Fatal> {
        let command = doc! {
            "find": TICKETS,
            "filter": query,
            "projection": { "_id": 1 },
            "limit": 1,
            "singleBatch": true,
        };
        let Done::Reply(reply) = self.statements.run(command).await? else {
            return Err(damaged("a read was answered like a write"));
        };
        let cursor = reply.get_document("cursor").ok();
        let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
        let batch = batch.ok_or_else(|| damaged("a read gave no documents"))?;
        Ok(!batch.is_empty())
    }
}
