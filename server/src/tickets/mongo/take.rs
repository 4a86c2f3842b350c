//! `take`: takes a ticket away, and says whose it was.

use super::{MongoTickets, TICKETS, binary, damaged, value};
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Done;

impl MongoTickets {
    pub(super) async fn take_ticket(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal> {
        let command = doc! {
            "findAndModify": TICKETS,
            "query": {
                "sha256": binary(&sha256),
                "$expr": { "$gt": ["$until", "$$NOW"] },
            },
            "remove": true,
        };
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
}
