//! hold: in_progress → held, until somebody approves, cancels or waits for ever: a held job never expires.

use super::MongoQueue;
use super::document::{self, json, literal, removed};
use super::leave::leave;
use crate::queue::callback::MAX_TOLD_CHARS;
use crate::queue::{Claim, Held, Progress, State};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn hold_job(
        &self,
        claim: &Claim,
        progress: &Progress,
        held: &Held,
    ) -> Result<bool, Fatal> {
        let command = hold(claim, progress, held)?;
        let left = self.left(claim, "hold", &[State::Held], command).await?;
        Ok(left.is_some())
    }
}

/// Holds a job.
pub(super) fn hold(claim: &Claim, progress: &Progress, held: &Held) -> Result<Document, Fatal> {
    let mut set = document::progress(progress);
    set.insert("state", State::Held.word());
    set.insert("held", literal(&json(held)?));
    // For the webhook's event, which cannot read JSON.
    let message: String = held.message.chars().take(MAX_TOLD_CHARS).collect();
    set.insert("left.message", literal(&message));
    // Why it was released once says nothing of a job that is held.
    set.insert("failure", removed());
    Ok(leave(claim, "hold", vec![doc! { "$set": set }]))
}
