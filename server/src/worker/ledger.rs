//! The ledger of a job: rejects and checkpoints go to the service's stores, for one claim.
//!
//! A checkpoint is saved under the claim's owner and fence number, in the place of the one before: when another
//! worker has the job, nothing is saved and the run ends. A run that goes on removes the rejects behind its checkpoint
//! first; they carry the fence number too, so that no removal which comes late takes those of a newer claim.

use super::allowance::Allowance;
use crate::metrics::Metrics;
use crate::queue::{Claim, Queue};
use crate::rejects::{Filter, Rejects, Run};
use async_trait::async_trait;
use pipeline::{Books, Checkpoint, Fatal, Ledger, Position, Reject};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one claim of a job remembers, and where.
pub(super) struct QueueLedger {
    queue: Arc<dyn Queue>,
    rejects: Arc<dyn Rejects>,
    claim: Claim,
    run: Run,
    allowance: Allowance,
    metrics: Arc<Metrics>,
    /// The books of the checkpoint that is saved. Written by the one task that saves.
    saved: Mutex<Books>,
}

impl QueueLedger {
    /// The ledger of `claim`, whose job goes on from `resume`; what was found behind it before is removed.
    ///
    /// # Errors
    /// When the store of rejects cannot be written.
    pub(super) async fn open(
        queue: Arc<dyn Queue>,
        rejects: Arc<dyn Rejects>,
        claim: Claim,
        resume: Option<&Checkpoint>,
        allowance: Allowance,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Fatal> {
        let run = Run {
            tenant: claim.tenant.clone(),
            job: claim.job,
            run: claim.run,
        };
        let saved = resume.map_or_else(
            || Books::open(Position::START, 0),
            |checkpoint| checkpoint.books.clone(),
        );
        let end = saved.end.ordinal;
        allowance
            .within(rejects.remove_from(&run, claim.fence, end))
            .await?;
        Ok(Self {
            queue,
            rejects,
            claim,
            run,
            allowance,
            metrics,
            saved: Mutex::new(saved),
        })
    }

    fn saved(&self) -> MutexGuard<'_, Books> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for QueueLedger {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        let store = self.rejects.store(&self.run, self.claim.fence, rejects);
        self.allowance.within(store).await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal> {
        let previous = self.saved().end.ordinal;
        let save = self.queue.save(&self.claim, previous, checkpoint);
        if !self.allowance.within(save).await? {
            return Err(Fatal::new("lease_lost", "another worker has this job"));
        }
        let mut saved = self.saved();
        self.metrics.count(&saved, &checkpoint.books);
        *saved = checkpoint.books.clone();
        Ok(())
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        self.rejects.count(&self.run, &Filter::default()).await
    }
}
