//! approve: held → queued, with what somebody accepted. The fence number says which hold was meant.

use super::MongoQueue;
use super::changed::Change;
use super::checkpoint::Texts;
use super::document::{json, literal};
use crate::id::Id;
use crate::queue::{Approval, Changed, State};
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn approve_job(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal> {
        let change = Change::new(tenant, id, &[State::Held]);
        let command = approve(&change, fence, approval)?;
        self.make(&change, command).await
    }
}

/// Queues a job that was held with this fence number.
pub(super) fn approve(
    change: &Change<'_>,
    fence: u64,
    approval: &Approval,
) -> Result<Document, Fatal> {
    let mut set = doc! {
        "state": State::Queued.word(),
        "queuedAt": "$$NOW",
        "due": "$$NOW",
        "accepted": literal(&json(&approval.accepted)?),
    };
    if let Some(checkpoint) = &approval.checkpoint {
        set.extend(Texts::of(checkpoint)?.set());
    }
    if let Some(most) = approval.max_rejects {
        set.insert("maxRejects", i64::try_from(most).unwrap_or(i64::MAX));
    }
    if let Some(spec) = &approval.spec {
        set.insert("spec.name", literal(&spec.pin.name));
        set.insert("spec.version", i64::from(spec.pin.version));
        set.insert("spec.sha256", literal(&spec.pin.sha256));
        set.insert("spec.text", literal(&spec.text));
        set.insert("spec.isOperators", doc! { "$literal": spec.is_operators });
        set.insert("specChanged", doc! { "$literal": true });
    }
    if let Some(from) = approval.spec_from() {
        set.insert("specFrom", from as i64);
    }
    Ok(change.command(doc! { "fence": fence as i64 }, set, &["held"]))
}
