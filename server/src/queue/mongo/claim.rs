//! claim: queued → in_progress, or from a worker whose lease ran out to another; or in_progress → failed, where
//! attempts have run out.
//!
//! The owner is unique among jobs: a claim that is sent again, because its answer was lost, cannot take a second job
//! but is told of the first. What is looked at is bounded by the number of tenants and priorities, never by the number
//! of jobs: a queued job is reached through its tenant's turn and the index in the order of claims, whose bounds leave
//! out jobs that are not due.

use super::MongoQueue;
use super::callbacks::came_to;
use super::document::{self, JOBS, in_ms, literal, removed};
use super::indexes::{LEASES, QUEUED_BY_PRIORITY};
use super::reply::value;
use crate::queue::{Claimant, Job, State, crash_loop};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

/// How many tenants without a due job one claim passes before it says that there is none.
const MAX_TURNS: u32 = 1_000;

impl MongoQueue {
    pub(super) async fn claim_next(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        if let Some(job) = self.own(claimant).await? {
            return Ok(Some(job));
        }
        if claimant.take_expired
            && let Some(job) = self.claim_expired(claimant).await?
        {
            return Ok(Some(job));
        }
        for _ in 0..MAX_TURNS {
            let Some(turn) = self.take_turn().await? else {
                return Ok(None);
            };
            let due = self.claim_with(claimant, claim_due(claimant, &turn.tenant));
            if let Some(job) = due.await? {
                return Ok(Some(job));
            }
            self.rest(&turn).await?;
        }
        Ok(None)
    }

    /// Takes a job whose lease has run out, or fails it where it is out of attempts.
    async fn claim_expired(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        // Looking costs less than a write that finds nothing, which is flushed like any other.
        match self.first(expired()).await? {
            Some(_) => self.claim_with(claimant, claim_expired(claimant)).await,
            None => Ok(None),
        }
    }

    async fn claim_with(
        &self,
        claimant: &Claimant,
        command: Document,
    ) -> Result<Option<Job>, Fatal> {
        let claimed = match self.statements.write(command).await? {
            Done::Reply(reply) => value(reply),
            Done::Duplicate => return self.claim_again(claimant).await,
        };
        match claimed {
            Some(job) => document::read(&job).map(Some),
            // Perhaps it was sent twice, and the first time took the only job there was.
            None => self.own(claimant).await,
        }
    }

    /// The claim that this owner has already, where looking finds one: that costs less than a write.
    async fn own(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        match self.first(owned(claimant)).await? {
            Some(_) => self.claim_again(claimant).await,
            None => Ok(None),
        }
    }

    /// The claim that this owner has already.
    async fn claim_again(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        let claimed = self.change(claim_again(claimant)).await?;
        claimed.as_ref().map(document::read).transpose()
    }
}

/// Whether this owner has a job already.
pub(super) fn owned(claimant: &Claimant) -> Document {
    doc! {
        "find": JOBS,
        "filter": { "owner": { "$eq": &claimant.owner } },
        "projection": { "_id": 1 },
        "limit": 1,
        "singleBatch": true,
    }
}

/// Finds the claim that this owner has already. Where more than a third of its lease has gone, it has a whole one
/// again: a worker writes for two thirds of a lease from when it asked last.
pub(super) fn claim_again(claimant: &Claimant) -> Document {
    let enough = doc! { "$gte": ["$lockUntil", in_ms(claimant.lease_ms / 3 * 2)] };
    doc! {
        "findAndModify": JOBS,
        "query": { "owner": { "$eq": &claimant.owner }, "state": State::InProgress.word() },
        "update": [{ "$set": {
            "lockUntil": { "$cond": [&enough, "$lockUntil", in_ms(claimant.lease_ms)] },
            "updatedAt": { "$cond": [&enough, "$updatedAt", "$$NOW"] },
        } }],
        "new": true,
    }
}

/// Whether any lease has run out.
pub(super) fn expired() -> Document {
    doc! {
        "find": JOBS,
        "filter": ran_out(),
        "projection": { "_id": 1 },
        "hint": LEASES,
        "limit": 1,
        "singleBatch": true,
    }
}

/// Takes the job whose lease ran out first, or fails it where attempts have run out.
pub(super) fn claim_expired(claimant: &Claimant) -> Document {
    let progressed = doc! { "$gt": ["$progress.furthest", "$furthestAtClaim"] };
    let charged = doc! { "$cond": [progressed, 0_i64, { "$add": ["$attempts", 1_i64] }] };
    let over = doc! { "$gte": ["$attempts", i64::from(claimant.max_attempts)] };
    let mut ended = doc! {
        "state": State::Failed.word(),
        "failure": document::failure(&crash_loop(claimant.max_attempts)),
    };
    document::ended(&mut ended);
    let either = doc! { "$cond": [over, ended, taken(claimant)] };
    let in_progress = doc! { "$eq": ["$state", State::InProgress.word()] };
    let kept = |name: &str| doc! { "$cond": [&in_progress, name, removed()] };
    doc! {
        "findAndModify": JOBS,
        "query": ran_out(),
        "sort": { "lockUntil": 1 },
        "hint": LEASES,
        "update": [
            { "$set": { "attempts": charged } },
            { "$replaceWith": { "$mergeObjects": ["$$ROOT", either] } },
            { "$set": { "owner": kept("$owner"), "lockUntil": kept("$lockUntil") } },
            came_to(),
        ],
        "new": true,
    }
}

/// Takes the due job of a tenant that comes first.
pub(super) fn claim_due(claimant: &Claimant, tenant: &str) -> Document {
    doc! {
        "findAndModify": JOBS,
        "query": {
            "tenant": { "$eq": tenant },
            "state": State::Queued.word(),
            "$expr": { "$lte": ["$due", "$$NOW"] },
        },
        "sort": { "priority": -1, "due": 1 },
        "hint": QUEUED_BY_PRIORITY,
        "update": [{ "$set": taken(claimant) }],
        "new": true,
    }
}

fn ran_out() -> Document {
    doc! {
        "state": State::InProgress.word(),
        "$expr": { "$lte": ["$lockUntil", "$$NOW"] },
    }
}

/// What a claim sets.
fn taken(claimant: &Claimant) -> Document {
    doc! {
        "state": State::InProgress.word(),
        "owner": literal(&claimant.owner),
        "worker": literal(&claimant.worker),
        "fence": { "$add": ["$fence", 1_i64] },
        "lockUntil": in_ms(claimant.lease_ms),
        "startedAt": { "$ifNull": ["$startedAt", "$$NOW"] },
        "furthestAtClaim": "$progress.furthest",
        "updatedAt": "$$NOW",
    }
}
