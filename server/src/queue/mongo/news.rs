//! What is new of jobs that somebody watches: one read by their ids, which returns nothing of those that are as they are
//! known.

use super::MongoQueue;
use super::document::{self, JOBS, binary};
use crate::queue::{Job, Known, MAX_NEWS, State};
use crate::tenant::Tenant;
use mongodb::bson::{Bson, DateTime, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn find_news(
        &self,
        tenant: &Tenant,
        known: &[Known],
    ) -> Result<Vec<Job>, Fatal> {
        let known = &known[..known.len().min(MAX_NEWS)];
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let (found, _) = self.batch(news(tenant, known)).await?;
        found.iter().map(document::read).collect()
    }
}

/// Jobs that are not as they are known.
pub(super) fn news(tenant: &Tenant, known: &[Known]) -> Document {
    let ids: Vec<Bson> = known
        .iter()
        .map(|known| binary(known.id.0).into())
        .collect();
    let wanted: Vec<Document> = known.iter().map(wanted).collect();
    doc! {
        "find": JOBS,
        "filter": { "_id": { "$in": ids }, "tenant": { "$eq": tenant.key() }, "$or": wanted },
        // Whatever the server thinks of the other indexes: these are the very documents.
        "hint": { "_id": 1 },
        "projection": { "spec.text": 0, "checkpoint.head": 0 },
        "limit": known.len() as i64,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    }
}

fn wanted(known: &Known) -> Document {
    let id = binary(known.id.0);
    if known.wants_any {
        let updated = DateTime::from_millis(known.updated_ms.try_into().unwrap_or(i64::MAX));
        let other = [
            doc! { "updatedAt": { "$ne": updated } },
            doc! { "state": { "$ne": known.state.word() } },
        ];
        return doc! { "_id": id, "$or": other };
    }
    let rests = State::RESTING
        .into_iter()
        .filter(|state| *state != known.state);
    let rests: Vec<&str> = rests.map(State::word).collect();
    doc! { "_id": id, "state": { "$in": rests } }
}
