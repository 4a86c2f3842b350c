//! What cancel, retry and approve share: a client's change of a job.
//!
//! Each carries a fresh token that the job keeps: a job that is met in another state but with this token was changed
//! by the same statement, whose answer was lost.

use super::MongoQueue;
use super::callbacks::came_to;
use super::document::{self, JOBS};
use crate::id::Id;
use crate::queue::{Changed, State};
use crate::tenant::Tenant;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

/// Which job a client changes, and the states that it may leave.
pub(super) struct Change<'a> {
    /// Whose job it is.
    pub(super) tenant: &'a Tenant,
    /// The job.
    pub(super) id: Id,
    /// The states that it may leave.
    pub(super) from: &'a [State],
    /// Tells this change from all others.
    pub(super) token: ObjectId,
}

impl<'a> Change<'a> {
    /// A change of its own.
    pub(super) fn new(tenant: &'a Tenant, id: Id, from: &'a [State]) -> Self {
        Self {
            tenant,
            id,
            from,
            // The driver's own names are unique among all processes; nobody has to be kept from guessing one.
            token: ObjectId::new(),
        }
    }

    /// The statement that sets `set` and takes `unset` away, where `only` matches too.
    pub(super) fn command(&self, only: Document, mut set: Document, unset: &[&str]) -> Document {
        let mut query = document::one(self.tenant, self.id);
        let words: Vec<_> = self.from.iter().map(|state| state.word()).collect();
        query.insert("state", doc! { "$in": words });
        query.extend(only);
        set.insert("changedBy", self.token);
        set.insert("updatedAt", "$$NOW");
        doc! {
            "findAndModify": JOBS,
            "query": query,
            "update": [{ "$set": set }, { "$unset": unset }, { "$unset": ["left"] }, came_to()],
            "new": true,
        }
    }
}

impl MongoQueue {
    /// Sends a statement of `change`, and says what came of it. A job that is queued by it wakes its tenant.
    pub(super) async fn make(
        &self,
        change: &Change<'_>,
        command: Document,
    ) -> Result<Changed, Fatal> {
        let (document, matched) = match self.change(command).await? {
            Some(document) => (Some(document), true),
            None => (self.find_document(change.tenant, change.id).await?, false),
        };
        let Some(document) = document else {
            return Ok(Changed::Missing);
        };
        let job = Box::new(document::read(&document)?);
        if !matched && document.get_object_id("changedBy").ok() != Some(change.token) {
            return Ok(Changed::WrongState(job));
        }
        if job.state == State::Queued {
            self.wake(&job.tenant, job.due_ms).await?;
        }
        Ok(Changed::Done(job))
    }
}
