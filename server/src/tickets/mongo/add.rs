//! `add`: enters a ticket into a place of its tenant that is free, or whose ticket is too old.

use super::{MongoTickets, TICKETS, binary, damaged, value};
use crate::tenant::Tenant;
use crate::tickets::{LIFE_MS, MAX_LIVE};
use mongodb::bson::{Bson, DateTime, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

/// How often another place is looked for where somebody else was faster.
const MAX_TRIES: u32 = 64;

impl MongoTickets {
    pub(super) async fn add_ticket(
        &self,
        tenant: &Tenant,
        sha256: [u8; 32],
    ) -> Result<Option<u64>, Fatal> {
        for _ in 0..MAX_TRIES {
            let taken = self.taken_places(tenant).await?;
            let free: Vec<i64> = (0..MAX_LIVE.cast_signed())
                .filter(|place| !taken.contains(place))
                .collect();
            // Those who ask at the same time look for different places: the hash is as good as chance.
            let drawn = usize::from(u16::from_be_bytes([sha256[0], sha256[1]]));
            let Some(place) = free.get(drawn % free.len().max(1)) else {
                return Ok(None);
            };
            let Done::Reply(reply) = self.statements.write(enter(tenant, *place, sha256)).await?
            else {
                continue;
            };
            let entered = value(&reply).ok_or_else(|| damaged("an insert gave no document"))?;
            let own = entered.get_binary_generic("sha256").ok();
            if own.is_some_and(|own| own[..] == sha256[..]) {
                let until = entered.get_datetime("until").ok();
                let until = until.and_then(|until| until.timestamp_millis().try_into().ok());
                return until
                    .map(Some)
                    .ok_or_else(|| damaged("a ticket has no time"));
            }
        }
        Ok(None)
    }

    /// The places of a tenant whose tickets are still good.
    async fn taken_places(&self, tenant: &Tenant) -> Result<Vec<i64>, Fatal> {
        let command = doc! {
            "find": TICKETS,
            "filter": {
                "tenant": { "$eq": tenant.key() },
                "$expr": { "$gt": ["$until", "$$NOW"] },
            },
            "projection": { "place": 1, "_id": 0 },
            "limit": MAX_LIVE.cast_signed(),
            "batchSize": MAX_LIVE.cast_signed() + 1,
            "readConcern": { "level": "majority" },
        };
        let Done::Reply(reply) = self.statements.run(command).await? else {
            return Err(damaged("a read was answered like a write"));
        };
        let cursor = reply.get_document("cursor").ok();
        let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
        let places = batch.into_iter().flatten().filter_map(Bson::as_document);
        Ok(places
            .filter_map(|found| found.get_i64("place").ok())
            .collect())
    }
}

/// Takes a place where nobody has it any more; returns what is there. Sent again, it finds its own ticket.
fn enter(tenant: &Tenant, place: i64, sha256: [u8; 32]) -> Document {
    let ticket = doc! {
        "_id": "$_id",
        "tenant": { "$literal": tenant.key() },
        "place": { "$literal": place },
        "sha256": { "$literal": binary(&sha256) },
        "until": { "$add": ["$$NOW", LIFE_MS as i64] },
    };
    let never = DateTime::from_millis(0);
    let is_free = doc! { "$lte": [{ "$ifNull": ["$until", never] }, "$$NOW"] };
    doc! {
        "findAndModify": TICKETS,
        "query": { "_id": format!("{}/{place}", tenant.key()) },
        "update": [{ "$replaceWith": { "$cond": [is_free, ticket, "$$ROOT"] } }],
        "upsert": true,
        "new": true,
    }
}
