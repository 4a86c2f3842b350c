//! The sink's contract: write a batch, and say what became of every record in it.

use crate::{Batch, Digest, Fatal, Holdings, Outcomes, Reject};
use async_trait::async_trait;

/// Writes batches. Its pure half is [`crate::Encode`].
#[async_trait]
pub trait Sink: Send + Sync {
    /// Writes every operation of `batch` durably. Several calls may be under way at once, as many as
    /// [`crate::Job::max_in_flight`] says, and they begin in any order; with one at a time, it is that of the input.
    /// Replaying a batch that was written before, in part or whole, must change nothing and report it as already
    /// loaded.
    ///
    /// # Errors
    /// What ends the job, after the sink's own retries; a record that the target refuses is a reject.
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal>;

    /// Called once, after every batch of the input was written: what makes the load visible (the rename of
    /// a file). Not called for a job that is held, interrupted or failed. Returns what the target holds of the load,
    /// where that is not what the acknowledgements add up to.
    ///
    /// # Errors
    /// When it cannot be made visible, or the target not be read.
    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        Ok(None)
    }
}

/// What the target answered to one batch. Every record that has an operation is counted exactly once
/// ([`crate::Outcomes`] counts them).
#[derive(Debug, Default)]
pub struct Written {
    /// Records that the target acknowledged: all their operations.
    pub loaded: u64,
    /// Records that it had already acknowledged to an earlier try or run.
    pub already_loaded: u64,
    /// Operations of both; and of records that were refused, those that it holds nevertheless and cannot give back.
    pub documents: u64,
    /// The sum over the documents of both, in a mode in which each has a document of its own.
    pub digest: Digest,
    /// Records that the target refused.
    pub rejects: Vec<Reject>,
    /// Where the sink stands after this batch, for a sink that must go back there on resume (the length of a
    /// file, in bytes).
    pub mark: Option<u64>,
}

impl Written {
    /// The answer of a target that acknowledges everything.
    pub fn all_of(batch: &Batch) -> Self {
        let mut outcomes = Outcomes::default();
        for operation in batch.operations() {
            outcomes.loaded(operation);
        }
        outcomes.written()
    }
}
