//! The ledger of a job: rejects and checkpoints go to the service's stores, for one claim.
//!
//! A checkpoint is saved under the claim's owner and fence number, in the place of the one before: when another
//! worker has the job, nothing is saved and the run ends. Rejects have no fence; a run that goes on removes those behind
//! its checkpoint first, and here they are stored only while the lease holds.

use super::allowance::Allowance;
use crate::metrics::{ByCode, ByOutcome, Metrics};
use crate::queue::{Claim, Queue};
use crate::rejects::{Filter, Rejects, Run};
use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal, Ledger, Reject};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one claim of a job remembers, and where.
pub(super) struct QueueLedger {
    queue: Arc<dyn Queue>,
    rejects: Arc<dyn Rejects>,
    claim: Claim,
    run: Run,
    allowance: Allowance,
    metrics: Arc<Metrics>,
    /// The end of the checkpoint that is saved. Written by the one task that saves.
    saved_ordinal: AtomicU64,
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
        let end = resume.map_or(0, |checkpoint| checkpoint.books.end.ordinal);
        allowance.within(rejects.remove_from(&run, end)).await?;
        Ok(Self {
            queue,
            rejects,
            claim,
            run,
            allowance,
            metrics,
            saved_ordinal: AtomicU64::new(end),
        })
    }
}

#[async_trait]
impl Ledger for QueueLedger {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        let store = self.rejects.store(&self.run, rejects);
        self.allowance.within(store).await?;
        for reject in rejects {
            let code = reject.problems.first().map(|problem| &problem.code);
            let code = match code {
                Some(Cow::Borrowed(word)) => word,
                // A name that a spec gives its own rejects: as many as clients can think of.
                Some(Cow::Owned(_)) | None => "reject_step",
            };
            let code = code.to_owned();
            self.metrics.rejects.get_or_create(&ByCode { code }).inc();
        }
        let by = ByOutcome {
            outcome: "rejected",
        };
        let rejected = self.metrics.records.get_or_create(&by);
        rejected.inc_by(rejects.len() as u64);
        Ok(())
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal> {
        let previous = self.saved_ordinal.load(Ordering::Relaxed);
        let save = self.queue.save(&self.claim, previous, checkpoint);
        if !self.allowance.within(save).await? {
            return Err(Fatal::new("lease_lost", "another worker has this job"));
        }
        let end = checkpoint.books.end.ordinal;
        self.saved_ordinal.store(end, Ordering::Relaxed);
        Ok(())
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        self.rejects.count(&self.run, &Filter::default()).await
    }
}
