//! Idempotency keys: which job a request was given, for a day.

use super::MongoQueue;
use super::document::{binary, literal, ms_ago};
use super::reply::value;
use crate::id::Id;
use crate::queue::{IDEMPOTENCY_MS, Remembered};
use crate::tenant::Tenant;
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

/// The collection.
pub(super) const IDEMPOTENCY: &str = "idempotency";

impl MongoQueue {
    pub(super) async fn remember_key(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal> {
        let command = remember(tenant, key, request_sha256, job);
        // Two that make the entry at the same moment: one of them meets it.
        let entry = loop {
            if let Done::Reply(reply) = self.statements.write(command.clone()).await? {
                break value(reply).unwrap_or_default();
            }
        };
        let given = match entry.get("job") {
            Some(Bson::Binary(given)) => given.bytes.as_slice().try_into().map(Id).ok(),
            _ => None,
        };
        let given = given.ok_or_else(|| {
            Fatal::new(
                "internal",
                format!("an entry in `{IDEMPOTENCY}` is damaged"),
            )
        })?;
        Ok(match entry.get_str("request") {
            // The id is this request's own: nobody else has it.
            Ok(request) if request == request_sha256 && given == job => Remembered::New,
            Ok(request) if request == request_sha256 => Remembered::Same(given),
            _ => Remembered::Other,
        })
    }

    pub(super) async fn settle_key(
        &self,
        tenant: &Tenant,
        key: &str,
        job: Id,
    ) -> Result<(), Fatal> {
        self.matched(settle(tenant, key, job)).await.map(|_| ())
    }

    /// Forgets keys that are older than a day.
    pub(super) async fn forget_old_keys(&self) -> Result<(), Fatal> {
        self.matched(forget_old()).await.map(|_| ())
    }
}

/// Makes an entry, or leaves one as it is that is younger than a day.
pub(super) fn remember(tenant: &Tenant, key: &str, request_sha256: &str, job: Id) -> Document {
    let fresh = doc! {
        "_id": literal(&name(tenant, key)),
        "tenant": literal(tenant.key()),
        "request": literal(request_sha256),
        "job": binary(job.0),
        "at": "$$NOW",
    };
    doc! {
        "findAndModify": IDEMPOTENCY,
        "query": { "_id": { "$eq": name(tenant, key) } },
        "update": [{ "$replaceWith": {
            "$cond": [{ "$gt": ["$at", ms_ago(IDEMPOTENCY_MS)] }, "$$ROOT", fresh],
        } }],
        "upsert": true,
        "new": true,
    }
}

/// Names another job in an entry.
pub(super) fn settle(tenant: &Tenant, key: &str, job: Id) -> Document {
    doc! {
        "update": IDEMPOTENCY,
        "updates": [{
            "q": { "_id": { "$eq": name(tenant, key) } },
            "u": [{ "$set": { "job": binary(job.0) } }],
        }],
    }
}

/// Removes entries that are older than a day.
pub(super) fn forget_old() -> Document {
    doc! {
        "delete": IDEMPOTENCY,
        "deletes": [{
            "q": { "$expr": { "$lte": ["$at", ms_ago(IDEMPOTENCY_MS)] } },
            "limit": 0,
        }],
    }
}

/// No tenant has a colon in its name, so that two tenants never share an entry.
fn name(tenant: &Tenant, key: &str) -> String {
    format!("{tenant}:{key}")
}
