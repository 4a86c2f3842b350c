//! A page of a tenant's files, newest first, from MongoDB.
//!
//! Without a status, or for files that are uploading, jobs are looked up for the page alone; any other status is known
//! only once the newest job is, so there the page is cut behind the look-up.

use super::document::{self, FILES, UPLOADED, UPLOADING, binary, integer, newest_job, read};
use crate::files::{Seen, Status};
use crate::page::{Cursor, From, Listed, MAX_ITEMS, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use mongodb::bson::{DateTime, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn files(
    statements: &Statements,
    tenant: &Tenant,
    status: Option<Status>,
    page: Page,
) -> Result<Listed<Seen>, Fatal> {
    let limit = page.limit.clamp(1, MAX_ITEMS);
    let total = match page.from {
        From::After(_) => None,
        From::Number(_) => {
            let counted = read(statements, count(tenant, status)).await?;
            let total = counted.first().and_then(|counted| counted.get("total"));
            Some(total.and_then(integer).unwrap_or_default())
        }
    };
    let found = read(statements, list(tenant, status, page.from, limit)).await?;
    let seen = found.iter().take(limit as usize).map(document::seen);
    let items = seen.collect::<Result<Vec<_>, _>>()?;
    // One more than is wanted tells whether there is a next page.
    let more = found.len() > limit as usize;
    let next = items.last().filter(|_| more).map(|last| Cursor {
        created_ms: last.file.created_ms,
        id: last.file.new.id,
    });
    Ok(Listed { items, total, next })
}

fn count(tenant: &Tenant, status: Option<Status>) -> Document {
    let mut stages = vec![doc! { "$match": kept(tenant, status) }];
    if let Some(outcome) = outcome(status) {
        stages.extend([newest_job(tenant), doc! { "$match": outcome }]);
    }
    stages.push(doc! { "$count": "total" });
    doc! { "aggregate": FILES, "pipeline": stages, "cursor": {} }
}

pub(super) fn list(tenant: &Tenant, status: Option<Status>, from: From, limit: u32) -> Document {
    let mut kept = kept(tenant, status);
    let skip = match from {
        From::Number(number) => i64::from(number.saturating_sub(1)) * i64::from(limit),
        From::After(Cursor { created_ms, id }) => {
            let created = DateTime::from_millis(created_ms.try_into().unwrap_or(i64::MAX));
            // The first condition is where the index begins; the second leaves out those of the same time.
            kept.insert("createdAt", doc! { "$lte": created });
            let before = doc! { "createdAt": { "$lt": created } };
            kept.insert("$or", [before, doc! { "_id": { "$lt": binary(id) } }]);
            0
        }
    };
    let mut stages = vec![
        doc! { "$match": kept },
        doc! { "$sort": { "createdAt": -1, "_id": -1 } },
    ];
    let cut = [
        doc! { "$skip": skip },
        doc! { "$limit": i64::from(limit) + 1 },
    ];
    match outcome(status) {
        None => {
            stages.extend(cut);
            stages.push(newest_job(tenant));
        }
        Some(outcome) => {
            stages.extend([newest_job(tenant), doc! { "$match": outcome }]);
            stages.extend(cut);
        }
    }
    doc! {
        "aggregate": FILES,
        "pipeline": stages,
        "cursor": { "batchSize": i64::from(limit) + 1 },
    }
}

/// What a status says of the file alone.
fn kept(tenant: &Tenant, status: Option<Status>) -> Document {
    let states: &[_] = match status {
        None => &[UPLOADING, UPLOADED],
        Some(Status::Uploading) => &[UPLOADING],
        Some(_) => &[UPLOADED],
    };
    doc! { "tenant": { "$eq": tenant.key() }, "state": { "$in": states } }
}

/// What a status says of the newest job, where it says anything.
fn outcome(status: Option<Status>) -> Option<Document> {
    match status? {
        Status::Uploading => None,
        Status::Uploaded => Some(doc! { "newest": { "$eq": [] } }),
        status => {
            let states = State::ALL.into_iter();
            let states = states.filter(|state| Status::of(true, Some(*state)) == status);
            let words: Vec<_> = states.map(State::word).collect();
            Some(doc! { "newest.state": { "$in": words } })
        }
    }
}
