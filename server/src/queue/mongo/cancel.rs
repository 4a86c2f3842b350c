//! cancel: queued, in_progress or held → cancelled, at once. Its worker finds that it has no owner any more.

use super::MongoQueue;
use super::changed::Change;
use super::document;
use crate::id::Id;
use crate::queue::{Changed, State};
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

/// The states that it leaves.
const FROM: [State; 3] = [State::Queued, State::InProgress, State::Held];

impl MongoQueue {
    pub(super) async fn cancel_job(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        let change = Change::new(tenant, id, &FROM);
        self.make(&change, cancel(&change)).await
    }

    pub(super) async fn withdraw_job(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        let change = Change::new(tenant, id, &FROM);
        self.make(&change, withdraw(&change)).await
    }
}

/// Cancels a job.
pub(super) fn cancel(change: &Change<'_>) -> Document {
    ends(change, doc! {})
}

/// Cancels a job that nobody was told of, without its webhook: a stage in front of that which makes an event due.
pub(super) fn withdraw(change: &Change<'_>) -> Document {
    let is_unknown = doc! { "$and": [
        { "$eq": [{ "$size": "$files" }, 1] },
        { "$eq": ["$callback.lastEvent", 0_i64] },
    ] };
    ends(
        change,
        doc! { "callback": { "$cond": [is_unknown, "$$REMOVE", "$callback"] } },
    )
}

fn ends(change: &Change<'_>, mut set: Document) -> Document {
    set.insert("state", State::Cancelled.word());
    document::ended(&mut set);
    change.command(doc! {}, set, &["owner", "lockUntil", "held"])
}
