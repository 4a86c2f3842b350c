//! expire and forget: retention takes the details of jobs that ended long ago, and knows whose rejects are left.
//!
//! `keptSince` is set with the end of a job and taken away by a retry, and when the job's rejects are gone.

use super::MongoQueue;
use super::document::{self, JOBS, ms_ago};
use super::indexes::KEPT;
use crate::id::Id;
use crate::queue::Job;
use crate::tenant::Tenant;
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn expire_jobs(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal> {
        let mut ids = Vec::new();
        if limit > 0 {
            let (old, _) = self.batch(old(age_ms, limit)).await?;
            ids.extend(old.iter().filter_map(|job| job.get("_id").cloned()));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Whoever retries one of them at this moment is either before this statement, or finds it expired.
        self.matched(expire(&ids, age_ms)).await?;
        let (expired, _) = self.batch(expired(&ids)).await?;
        expired.iter().map(document::read).collect()
    }

    pub(super) async fn forget_job(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        self.matched(forget(tenant, id)).await.map(|_| ())
    }
}

/// Jobs that ended long ago, the oldest first.
pub(super) fn old(age_ms: u64, limit: u32) -> Document {
    doc! {
        "find": JOBS,
        "filter": ended_before(age_ms),
        "projection": { "_id": 1 },
        "sort": { "keptSince": 1 },
        "hint": KEPT,
        "limit": i64::from(limit),
        "batchSize": i64::from(limit),
        "singleBatch": true,
    }
}

/// Takes the details of these jobs, each in one change.
pub(super) fn expire(ids: &[Bson], age_ms: u64) -> Document {
    let mut query = ended_before(age_ms);
    query.insert("_id", doc! { "$in": ids });
    query.insert("expired", false);
    doc! {
        "update": JOBS,
        "updates": [{
            "q": query,
            "u": [
                { "$set": { "expired": { "$literal": true }, "updatedAt": "$$NOW" } },
                { "$unset": ["spec.text", "checkpoint.head", "checkpoint.summary", "failure.causes", "callback"] },
            ],
            "multi": true,
        }],
    }
}

/// Those of these jobs whose details are taken.
pub(super) fn expired(ids: &[Bson]) -> Document {
    doc! {
        "find": JOBS,
        "filter": { "_id": { "$in": ids }, "expired": true },
        "batchSize": ids.len() as i64,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    }
}

/// Notes that nothing of an expired job is left to remove.
pub(super) fn forget(tenant: &Tenant, id: Id) -> Document {
    let mut query = document::one(tenant, id);
    query.insert("expired", true);
    doc! {
        "update": JOBS,
        "updates": [{ "q": query, "u": [{ "$unset": ["keptSince"] }] }],
    }
}

fn ended_before(age_ms: u64) -> Document {
    doc! {
        "keptSince": { "$exists": true },
        "$expr": { "$lte": ["$keptSince", ms_ago(age_ms)] },
    }
}
