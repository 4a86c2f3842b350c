//! finish: in_progress → completed, with the receipt.

use super::MongoQueue;
use super::document::{self, json, literal, removed};
use super::leave::leave;
use crate::queue::{Claim, Progress, Receipt, State};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn finish_job(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal> {
        let command = finish(claim, progress, receipt)?;
        let left = self
            .left(claim, "finish", &[State::Completed], command)
            .await?;
        Ok(left.is_some())
    }
}

/// Completes a job.
pub(super) fn finish(
    claim: &Claim,
    progress: &Progress,
    receipt: &Receipt,
) -> Result<Document, Fatal> {
    let mut set = document::progress(progress);
    set.insert("state", State::Completed.word());
    set.insert("receipt", literal(&json(receipt)?));
    // Why it was released once says nothing of a job that is completed.
    set.insert("failure", removed());
    document::ended(&mut set);
    Ok(leave(claim, "finish", vec![doc! { "$set": set }]))
}
