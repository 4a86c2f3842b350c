//! A page of a tenant's jobs, newest first, without heads of checkpoints, kinds of rejects, texts of specs and logs of
//! webhooks.

use super::MongoQueue;
use super::document::{self, JOBS, binary};
use super::reply::integer;
use crate::page::{Cursor, From, Listed, MAX_ITEMS, Page};
use crate::queue::{Filter, Job};
use crate::tenant::Tenant;
use mongodb::bson::{DateTime, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn list_jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal> {
        let limit = page.limit.clamp(1, MAX_ITEMS) as usize;
        let (mut after, mut skip, total) = match page.from {
            From::After(cursor) => (Some(cursor), 0, None),
            From::Number(number) => {
                let counted = self.first(count(tenant, filter)).await?;
                let total = counted.and_then(|counted| integer(counted.get("total")?));
                let before = u64::from(number.saturating_sub(1)) * limit as u64;
                (None, before, Some(total.unwrap_or_default() as u64))
            }
        };
        let mut items = Vec::with_capacity(limit + 1);
        loop {
            // One more than is wanted tells whether there is a next page.
            let room = limit + 1 - items.len();
            let (found, more) = self.batch(list(tenant, filter, after, skip, room)).await?;
            for document in &found {
                let mut job = document::read(document)?;
                if let Some(checkpoint) = &mut job.checkpoint {
                    // They stand in one text with the books, which lists show.
                    checkpoint.carried.clear();
                }
                items.push(job);
            }
            // An answer of the server holds 16 MB; what is left is asked for behind the last one.
            if !more || found.is_empty() || items.len() > limit {
                break;
            }
            (after, skip) = (items.last().map(place), 0);
        }
        let next = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| next).map(place);
        Ok(Listed { items, total, next })
    }
}

fn place(job: &Job) -> Cursor {
    Cursor {
        created_ms: job.created_ms,
        id: job.id,
    }
}

/// Jobs behind a place, without what a list does not show.
pub(super) fn list(
    tenant: &Tenant,
    filter: &Filter,
    after: Option<Cursor>,
    skip: u64,
    limit: usize,
) -> Document {
    let mut query = matching(tenant, filter);
    if let Some(Cursor { created_ms, id }) = after {
        let created = DateTime::from_millis(created_ms.try_into().unwrap_or(i64::MAX));
        // The first condition is what the index begins at; the second only leaves out those of the same time.
        query.insert("createdAt", doc! { "$lte": created });
        query.insert(
            "$or",
            [
                doc! { "createdAt": { "$lt": created } },
                doc! { "_id": { "$lt": binary(id.0) } },
            ],
        );
    }
    doc! {
        "find": JOBS,
        "filter": query,
        "sort": { "createdAt": -1, "_id": -1 },
        "projection": { "spec.text": 0, "checkpoint.head": 0, "checkpoint.summary": 0, "callback.log": 0 },
        "skip": i64::try_from(skip).unwrap_or(i64::MAX),
        "limit": limit as i64,
        "batchSize": limit as i64,
        "readConcern": { "level": "majority" },
    }
}

/// How many jobs there are.
pub(super) fn count(tenant: &Tenant, filter: &Filter) -> Document {
    doc! {
        "aggregate": JOBS,
        "pipeline": [{ "$match": matching(tenant, filter) }, { "$count": "total" }],
        "cursor": {},
        "readConcern": { "level": "majority" },
    }
}

fn matching(tenant: &Tenant, filter: &Filter) -> Document {
    let mut query = doc! { "tenant": { "$eq": tenant.key() } };
    if !filter.states.is_empty() {
        let words: Vec<_> = filter.states.iter().map(|state| state.word()).collect();
        query.insert("state", doc! { "$in": words });
    }
    if let Some(file) = filter.file {
        query.insert("files", binary(file.0));
    }
    if let Some(spec) = &filter.spec {
        query.insert("spec.name", doc! { "$eq": spec });
    }
    if let Some(version) = filter.version {
        query.insert("spec.version", doc! { "$eq": i64::from(version) });
    }
    query
}
