//! Turns: whose jobs are looked at next, so that no tenant waits behind the many jobs of another.
//!
//! `turns` has one small document per tenant: `waiting`, whether it may have queued jobs; `wakeAt`, from when one may
//! be due; `servedAt`, which orders the tenants; `version`, which every wake raises. A claim takes the turn of the
//! tenant with the least `servedAt` and puts it behind all others, then looks for a job. Where there is none due, the
//! tenant goes to sleep, unless somebody has woken it since. Who queues a job wakes the tenant after it: whatever is
//! lost between the two, [`repair`](super::repair) finds.
//!
//! `servedAt` is no time but a count, greater than any other at that moment: clocks of two primaries may differ, and
//! two turns of one millisecond would have no order. A turn whose answer is lost is a turn that was passed.

use super::MongoQueue;
use super::document::JOBS;
use super::indexes::QUEUED_BY_DUE;
use super::reply::integer;
use crate::tenant::Tenant;
use mongodb::bson::{Bson, DateTime, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

/// The collection.
pub(super) const TURNS: &str = "turns";

/// A tenant whose turn was taken.
pub(super) struct Turn {
    /// Whose turn it is.
    pub(super) tenant: String,
    /// How often it had been woken then.
    pub(super) version: i64,
}

impl MongoQueue {
    /// Takes the turn of the waiting, awake tenant that was served longest ago.
    pub(super) async fn take_turn(&self) -> Result<Option<Turn>, Fatal> {
        // Looking costs less than a write that finds nothing, which is flushed like any other; it comes first, so
        // that the newest that is read then is no older than what was seen.
        while self.first(awake()).await?.is_some() {
            let newest = self.first(newest()).await?;
            let newest = newest.and_then(|turn| integer(turn.get("servedAt")?));
            if let Some(turn) = self.change(take(newest.unwrap_or_default())).await? {
                let tenant = turn.get_str("_id").unwrap_or_default().to_owned();
                let version = turn.get("version").and_then(integer).unwrap_or_default();
                return Ok(Some(Turn { tenant, version }));
            }
        }
        Ok(None)
    }

    /// Lets a tenant without due jobs sleep until its next one is due, unless it was woken since its turn was taken.
    pub(super) async fn rest(&self, turn: &Turn) -> Result<(), Fatal> {
        let earliest = self.first(earliest(&turn.tenant)).await?;
        let due = earliest.and_then(|job| job.get_datetime("due").ok().copied());
        self.matched(sleep(turn, due)).await.map(|_| ())
    }

    /// Says that a tenant has a job that is due at `due_ms`. Comes after the job.
    pub(super) async fn wake(&self, tenant: &Tenant, due_ms: u64) -> Result<(), Fatal> {
        let due = DateTime::from_millis(due_ms.try_into().unwrap_or(i64::MAX));
        let command = wake(tenant.key(), due);
        // Two that make the document at the same moment: one of them meets it.
        while let Done::Duplicate = self.statements.write(command.clone()).await? {}
        Ok(())
    }
}

/// Whether any tenant is awake.
pub(super) fn awake() -> Document {
    doc! {
        "find": TURNS,
        "filter": { "waiting": true, "$expr": { "$lte": ["$wakeAt", "$$NOW"] } },
        "projection": { "_id": 1 },
        "limit": 1,
        "singleBatch": true,
    }
}

/// The tenant that was served last.
pub(super) fn newest() -> Document {
    doc! {
        "find": TURNS,
        "projection": { "_id": 0, "servedAt": 1 },
        "sort": { "servedAt": -1 },
        "limit": 1,
        "singleBatch": true,
    }
}

/// Takes the first turn, and puts it behind `newest`.
pub(super) fn take(newest: i64) -> Document {
    doc! {
        "findAndModify": TURNS,
        // A turn that another claim takes at this very moment does not match any more: the next one is taken.
        "query": {
            "waiting": true,
            "servedAt": { "$lte": newest },
            "$expr": { "$lte": ["$wakeAt", "$$NOW"] },
        },
        "sort": { "servedAt": 1, "_id": 1 },
        "update": [{ "$set": { "servedAt": newest.saturating_add(1) } }],
        "new": true,
    }
}

/// The queued job of a tenant that is due first.
pub(super) fn earliest(tenant: &str) -> Document {
    doc! {
        "find": JOBS,
        "filter": { "tenant": { "$eq": tenant }, "state": "queued" },
        "projection": { "_id": 0, "due": 1 },
        "sort": { "due": 1 },
        "hint": QUEUED_BY_DUE,
        "limit": 1,
        "singleBatch": true,
    }
}

/// Puts a tenant to sleep until `due`, or until it is woken.
pub(super) fn sleep(turn: &Turn, due: Option<DateTime>) -> Document {
    let mut set = doc! { "waiting": { "$literal": due.is_some() } };
    set.extend(due.map(|due| ("wakeAt".to_owned(), Bson::DateTime(due))));
    doc! {
        "update": TURNS,
        "updates": [{
            "q": { "_id": { "$eq": &turn.tenant }, "version": turn.version },
            "u": [{ "$set": set }],
        }],
    }
}

/// Wakes a tenant at `due`, or when it is to wake already, whichever is first.
pub(super) fn wake(tenant: &str, due: DateTime) -> Document {
    let first = doc! { "$cond": ["$waiting", { "$min": ["$wakeAt", due] }, due] };
    doc! {
        "update": TURNS,
        "updates": [{
            "q": { "_id": { "$eq": tenant } },
            "u": [{ "$set": {
                "waiting": { "$literal": true },
                "wakeAt": first,
                "servedAt": { "$ifNull": ["$servedAt", 0_i64] },
                "version": { "$add": [{ "$ifNull": ["$version", 0_i64] }, 1_i64] },
            } }],
            "upsert": true,
        }],
    }
}
