//! How many jobs wait, are worked on and are held, and for how long the oldest due one has waited: from indexes alone.

use super::MongoQueue;
use super::callbacks;
use super::document::JOBS;
use super::indexes::{LEASES, QUEUED};
use super::reply::integer;
use crate::queue::{Depth, State};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn count_depth(&self) -> Result<Depth, Fatal> {
        let (counts, _) = self.batch(count()).await?;
        let jobs = counts.iter().filter_map(|count| {
            let state = State::of_word(count.get_str("_id").ok()?)?;
            Some((state, integer(count.get("jobs")?)? as u64))
        });
        let oldest = self.first(oldest()).await?;
        let waited = oldest.and_then(|oldest| integer(oldest.get("waitedMs")?));
        let pending = self.first(callbacks::pending()).await?;
        let pending = pending.and_then(|pending| integer(pending.get("jobs")?));
        Ok(Depth {
            jobs: jobs.collect(),
            oldest_due_ms: waited.unwrap_or_default().try_into().unwrap_or_default(),
            pending_webhooks: pending.unwrap_or_default() as u64,
        })
    }
}

/// Jobs in each state that is no end.
pub(super) fn count() -> Document {
    let states = State::ALL.iter().filter(|state| !state.is_terminal());
    let words: Vec<_> = states.map(|state| state.word()).collect();
    doc! {
        "aggregate": JOBS,
        "pipeline": [
            { "$match": { "state": { "$in": words } } },
            { "$group": { "_id": "$state", "jobs": { "$sum": 1_i64 } } },
        ],
        "hint": LEASES,
        "cursor": {},
    }
}

/// How long the job has waited that is due longest.
pub(super) fn oldest() -> Document {
    doc! {
        "find": JOBS,
        "filter": { "state": State::Queued.word() },
        "projection": { "_id": 0, "waitedMs": { "$subtract": ["$$NOW", "$due"] } },
        "sort": { "due": 1 },
        "hint": QUEUED,
        "limit": 1,
        "singleBatch": true,
    }
}
