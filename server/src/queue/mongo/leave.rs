//! How a worker leaves its job: what finish, fail, hold and release share.
//!
//! Each is one update that matches state, owner and fence number, and writes into `left` who has left the job, and how:
//! a job that is met in the new state with this fence number and this `left` was left by the same statement, whose
//! answer was lost.

use super::MongoQueue;
use super::callbacks::came_to;
use super::document::{self, JOBS, binary, literal};
use crate::queue::{Claim, State};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    /// Sends `command`, made by [`leave`] with the same `how`: the job as it was left in one of `states`, or none
    /// where the lease is lost.
    pub(super) async fn left(
        &self,
        claim: &Claim,
        how: &str,
        states: &[State],
        command: Document,
    ) -> Result<Option<Document>, Fatal> {
        match self.change(command).await? {
            Some(job) => Ok(Some(job)),
            None => self.first(left(claim, how, states)).await,
        }
    }
}

/// The filter of the job that a worker has.
pub(super) fn held_by(claim: &Claim) -> Document {
    doc! {
        "_id": binary(claim.job.0),
        "tenant": { "$eq": claim.tenant.key() },
        "state": State::InProgress.word(),
        "owner": { "$eq": &claim.owner },
        "fence": claim.fence as i64,
    }
}

/// Ends a claim by these stages, which set the new state; `how` is the name of the transition.
pub(super) fn leave(claim: &Claim, how: &str, mut stages: Vec<Document>) -> Document {
    stages.push(doc! { "$set": {
        "left.by": literal(&claim.owner),
        "left.how": literal(how),
        "updatedAt": "$$NOW",
    } });
    stages.push(doc! { "$unset": ["owner", "lockUntil"] });
    stages.push(came_to());
    doc! {
        "findAndModify": JOBS,
        "query": held_by(claim),
        "update": stages,
        "fields": { "spec.text": 0, "checkpoint": 0, "callback.log": 0 },
        "new": true,
    }
}

/// The job, where this very claim has left it so.
pub(super) fn left(claim: &Claim, how: &str, states: &[State]) -> Document {
    let mut filter = document::one(&claim.tenant, claim.job);
    let words: Vec<_> = states.iter().map(|state| state.word()).collect();
    filter.insert("state", doc! { "$in": words });
    filter.insert("fence", claim.fence as i64);
    filter.insert("left.by", doc! { "$eq": &claim.owner });
    filter.insert("left.how", how);
    doc! {
        "find": JOBS,
        "filter": filter,
        "projection": { "spec.text": 0, "checkpoint": 0, "callback.log": 0 },
        "limit": 1,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    }
}
