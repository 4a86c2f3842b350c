//! fail: in_progress → failed.

use super::MongoQueue;
use super::document::{self, json, literal};
use super::leave::leave;
use crate::job::Failure;
use crate::queue::{Claim, Progress, State};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn fail_job(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal> {
        let command = fail(claim, progress, failure)?;
        let left = self.left(claim, &[State::Failed], command).await?;
        Ok(left.is_some())
    }
}

/// Fails a job.
pub(super) fn fail(
    claim: &Claim,
    progress: &Progress,
    failure: &Failure,
) -> Result<Document, Fatal> {
    let mut set = document::progress(progress);
    set.insert("state", State::Failed.word());
    set.insert("failure", literal(&json(failure)?));
    document::ended(&mut set);
    Ok(leave(claim, vec![doc! { "$set": set }]))
}
