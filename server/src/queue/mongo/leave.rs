//! How a worker leaves its job: what finish, fail, hold and release share.
//!
//! Each is one update that matches state, owner and fence number, and writes its owner into `leftBy`: a job that is
//! met in the new state with this fence number and this `leftBy` was left by the same statement, whose answer was lost.

use super::MongoQueue;
use super::document::{self, JOBS, binary, literal};
use crate::queue::{Claim, State};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    /// Sends `command`, made by [`leave`]: the state in which the job is left, one of `states`, or none where the
    /// lease is lost.
    pub(super) async fn left(
        &self,
        claim: &Claim,
        states: &[State],
        command: Document,
    ) -> Result<Option<Document>, Fatal> {
        match self.change(command).await? {
            Some(job) => Ok(Some(job)),
            None => self.first(left(claim, states)).await,
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

/// Ends a claim by these stages, which set the new state.
pub(super) fn leave(claim: &Claim, mut stages: Vec<Document>) -> Document {
    stages.push(doc! { "$set": { "leftBy": literal(&claim.owner), "updatedAt": "$$NOW" } });
    stages.push(doc! { "$unset": ["owner", "lockUntil"] });
    doc! {
        "findAndModify": JOBS,
        "query": held_by(claim),
        "update": stages,
        "fields": { "spec.text": 0, "checkpoint": 0 },
        "new": true,
    }
}

/// The job, where this very claim has left it.
pub(super) fn left(claim: &Claim, states: &[State]) -> Document {
    let mut filter = document::one(&claim.tenant, claim.job);
    let words: Vec<_> = states.iter().map(|state| state.word()).collect();
    filter.insert("state", doc! { "$in": words });
    filter.insert("fence", claim.fence as i64);
    filter.insert("leftBy", doc! { "$eq": &claim.owner });
    doc! {
        "find": JOBS,
        "filter": filter,
        "projection": { "spec.text": 0, "checkpoint": 0 },
        "limit": 1,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    }
}
