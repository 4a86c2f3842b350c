//! retry: failed or cancelled → queued, from the checkpoint, or from the start as the next run.
//!
//! Refused, as in a wrong state: a job whose details retention has taken, which has nothing to go on from; and the
//! reset of one whose spec was changed by an approval, of which no version would be right from the start.

use super::MongoQueue;
use super::changed::Change;
use crate::id::Id;
use crate::queue::{Changed, State};
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

/// The states that it leaves.
const FROM: [State; 2] = [State::Failed, State::Cancelled];
/// What every retry takes away.
const ENDED: [&str; 3] = ["finishedAt", "keptSince", "failure"];
/// What is forgotten with a reset.
const OF_THE_RUN: [&str; 5] = [
    "checkpoint",
    "accepted",
    "maxRejects",
    "startedAt",
    "progress.busy",
];

impl MongoQueue {
    pub(super) async fn retry_job(
        &self,
        tenant: &Tenant,
        id: Id,
        reset: bool,
    ) -> Result<Changed, Fatal> {
        let change = Change::new(tenant, id, &FROM);
        self.make(&change, retry(&change, reset)).await
    }
}

/// Queues an ended job again.
pub(super) fn retry(change: &Change<'_>, reset: bool) -> Document {
    let mut set = doc! {
        "state": State::Queued.word(),
        "queuedAt": "$$NOW",
        "due": "$$NOW",
        "attempts": 0_i64,
    };
    let mut unset = ENDED.to_vec();
    let mut only = doc! { "expired": false };
    if reset {
        set.insert("run", doc! { "$add": ["$run", 1_i64] });
        set.insert("furthestAtClaim", 0_i64);
        set.insert("progress.furthest", 0_i64);
        set.insert("progress.bytesRead", 0_i64);
        set.insert("progress.recordsPerSecond", 0_i64);
        unset.extend(OF_THE_RUN);
        only.insert("specChanged", false);
    }
    change.command(only, set, &unset)
}
