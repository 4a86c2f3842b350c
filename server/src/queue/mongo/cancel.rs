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
}

/// Cancels a job.
pub(super) fn cancel(change: &Change<'_>) -> Document {
    let mut set = doc! { "state": State::Cancelled.word() };
    document::ended(&mut set);
    change.command(doc! {}, set, &["owner", "lockUntil", "held"])
}
