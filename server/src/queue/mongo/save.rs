//! save: a checkpoint in the place of the one before, with absolute counters.

use super::MongoQueue;
use super::checkpoint::{Texts, ends_at};
use super::document::JOBS;
use super::leave;
use crate::queue::Claim;
use mongodb::bson::{Bson, Document, doc};
use pipeline::{Checkpoint, Fatal};

impl MongoQueue {
    pub(super) async fn save_checkpoint(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal> {
        Ok(self.matched(save(claim, previous, checkpoint)?).await? == 1)
    }
}

/// Saves a checkpoint behind the one that ends at `previous`, or meets itself.
pub(super) fn save(
    claim: &Claim,
    previous: u64,
    checkpoint: &Checkpoint,
) -> Result<Document, Fatal> {
    let texts = Texts::of(checkpoint)?;
    let mut query = leave::held_by(claim);
    query.insert("$or", [ends_at(previous), texts.filter()]);
    let furthest = checkpoint.books.end.ordinal as i64;
    let mut set = texts.set();
    set.insert(
        "progress.furthest",
        doc! { "$max": ["$progress.furthest", furthest] },
    );
    set.insert(
        "updatedAt",
        match checkpoint.books.end.ordinal == previous {
            true => "$$NOW".into(),
            false => Bson::from(doc! { "$cond": [texts.met(), "$updatedAt", "$$NOW"] }),
        },
    );
    Ok(doc! {
        "update": JOBS,
        "updates": [{ "q": query, "u": [{ "$set": set }] }],
    })
}
