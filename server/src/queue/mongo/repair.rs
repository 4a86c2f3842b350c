//! repair: wakes tenants with queued jobs whom no claim would look at in time, because a crash came between a job
//! and the wake behind it.

use super::MongoQueue;
use super::document::JOBS;
use super::indexes::QUEUED_BY_DUE;
use super::turn::TURNS;
use crate::tenant::Tenant;
use mongodb::bson::{DateTime, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn wake_forgotten_tenants(&self) -> Result<u64, Fatal> {
        let mut woken = 0;
        let mut last: Option<Tenant> = None;
        // One look per tenant, however many jobs each has.
        while let Some(job) = self.first(next_tenant(last.as_ref())).await? {
            let name = job.get_str("tenant").unwrap_or_default();
            let tenant = Tenant::of_key(name).map_err(|_| {
                Fatal::new("internal", format!("`{name}` in `{JOBS}` is no tenant"))
            })?;
            let due = job.get_datetime("due").copied().unwrap_or(DateTime::MIN);
            if self.first(wakes_by(&tenant, due)).await?.is_none() {
                let due_ms = due.timestamp_millis().try_into().unwrap_or_default();
                self.wake(&tenant, due_ms).await?;
                woken += 1;
            }
            last = Some(tenant);
        }
        Ok(woken)
    }
}

/// The first tenant behind `last` that has queued jobs, with the time from which one of them is due.
pub(super) fn next_tenant(last: Option<&Tenant>) -> Document {
    let mut filter = doc! { "state": "queued" };
    if let Some(last) = last {
        filter.insert("tenant", doc! { "$gt": last.key() });
    }
    doc! {
        "find": JOBS,
        "filter": filter,
        "projection": { "_id": 0, "tenant": 1, "due": 1 },
        "sort": { "tenant": 1, "due": 1 },
        "hint": QUEUED_BY_DUE,
        "limit": 1,
        "singleBatch": true,
    }
}

/// The turn of a tenant, where it wakes by `due`.
pub(super) fn wakes_by(tenant: &Tenant, due: DateTime) -> Document {
    doc! {
        "find": TURNS,
        "filter": {
            "_id": { "$eq": tenant.key() },
            "waiting": true,
            // Whoever is awake already need not be woken.
            "$expr": { "$or": [{ "$lte": ["$wakeAt", due] }, { "$lte": ["$wakeAt", "$$NOW"] }] },
        },
        "projection": { "_id": 1 },
        "limit": 1,
        "singleBatch": true,
    }
}
