//! fail: in_progress → failed.

use super::MongoQueue;
use super::document;
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
        let command = fail(claim, progress, failure);
        let left = self.left(claim, "fail", &[State::Failed], command).await?;
        Ok(left.is_some())
    }
}

/// Fails a job.
pub(super) fn fail(claim: &Claim, progress: &Progress, failure: &Failure) -> Document {
    let mut set = document::progress(progress);
    set.insert("state", State::Failed.word());
    set.insert("failure", document::failure(failure));
    document::ended(&mut set);
    leave(claim, "fail", vec![doc! { "$set": set }])
}
