//! The indexes of the store, made when it opens: every statement goes through one of them.

use super::MongoQueue;
use super::document::JOBS;
use super::idempotency::IDEMPOTENCY;
use super::turn::TURNS;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

/// Queued jobs of a tenant in the order in which they are claimed.
pub(super) const QUEUED_BY_PRIORITY: &str = "queued_tenant_priority_due";
/// Queued jobs of a tenant by the time from which they may be claimed.
pub(super) const QUEUED_BY_DUE: &str = "queued_tenant_due";
/// Queued jobs of all tenants by the time from which they may be claimed.
pub(super) const QUEUED: &str = "queued_due";
/// Jobs by state; those that a worker has, by the end of their lease.
pub(super) const LEASES: &str = "state_lockUntil";
/// Who owns a job. It is unique, so that a claim that is sent again cannot take a second one.
pub(super) const OWNERS: &str = "owner";
/// Jobs whose webhook has something to send, by the time from which it may be. With whose they are and where they go, so
/// that those that are passed over are not read.
pub(super) const CALLBACKS_DUE: &str = "callback_due_tenant_place";
/// Ended jobs whose details retention has not taken yet.
pub(super) const KEPT: &str = "keptSince";

impl MongoQueue {
    /// Makes the indexes; those that are there already stay as they are.
    pub(super) async fn make_indexes(&self) -> Result<(), Fatal> {
        // The queue is small beside the jobs that ended: what orders it holds nothing else.
        let queued = doc! { "state": "queued" };
        let newest = |first: Document| {
            let mut key = first;
            key.insert("createdAt", -1);
            key.insert("_id", -1);
            key
        };
        let jobs = [
            doc! {
                "name": QUEUED_BY_PRIORITY,
                "key": { "tenant": 1, "priority": -1, "due": 1 },
                "partialFilterExpression": &queued,
            },
            doc! {
                "name": QUEUED_BY_DUE,
                "key": { "tenant": 1, "due": 1 },
                "partialFilterExpression": &queued,
            },
            doc! { "name": QUEUED, "key": { "due": 1 }, "partialFilterExpression": &queued },
            doc! { "name": LEASES, "key": { "state": 1, "lockUntil": 1 } },
            doc! { "name": OWNERS, "key": { "owner": 1 }, "unique": true, "sparse": true },
            doc! {
                "name": CALLBACKS_DUE,
                "key": { "callback.due": 1, "tenant": 1, "callback.place": 1 },
                "partialFilterExpression": { "callback.due": { "$exists": true } },
            },
            doc! { "name": KEPT, "key": { "keptSince": 1 }, "sparse": true },
            doc! { "name": "tenant_newest", "key": newest(doc! { "tenant": 1 }) },
            doc! { "name": "tenant_state_newest", "key": newest(doc! { "tenant": 1, "state": 1 }) },
            doc! { "name": "tenant_files_newest", "key": newest(doc! { "tenant": 1, "files": 1 }) },
            doc! {
                "name": "tenant_spec_newest",
                "key": newest(doc! { "tenant": 1, "spec.name": 1 }),
            },
        ];
        let turns = [
            doc! { "name": "waiting_servedAt", "key": { "waiting": 1, "servedAt": 1, "_id": 1 } },
            doc! { "name": "servedAt", "key": { "servedAt": -1 } },
        ];
        let idempotency = [doc! { "name": "at", "key": { "at": 1 } }];
        for (collection, indexes) in [
            (JOBS, jobs.as_slice()),
            (TURNS, turns.as_slice()),
            (IDEMPOTENCY, idempotency.as_slice()),
        ] {
            let command = doc! { "createIndexes": collection, "indexes": indexes };
            self.statements.write(command).await?;
        }
        Ok(())
    }
}
