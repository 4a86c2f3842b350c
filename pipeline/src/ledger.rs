//! The ledger's contract: remember rejects and checkpoints durably.

use crate::{Books, Busy, Carried, Fatal, Reject, Tally};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a run can go on: the books up to a gap-free end, and what is needed to start there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The books up to [`Books::end`], as absolute values.
    pub books: Books,
    /// From where the budget of errors counts: the start, or where a held job was approved.
    pub counted_from: Tally,
    /// Where the sink stood, for a sink that has a mark ([`crate::Written::mark`]).
    pub mark: Option<u64>,
    /// What the framer and the bind need of the input's head (the header row of a CSV), opaque here.
    pub head: String,
    /// The records before the end whose values those behind it need; at most [`crate::MAX_CARRIED_BYTES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
    /// Fingerprints of the secrets with which values are made, by the names of the secrets: a load goes on with the same
    /// ones only. Where none is named, none is needed, or an older program saved it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Bytes of the stored object up to the same end, for whoever shows the books; 0 before the first batch.
    #[serde(default)]
    pub bytes_read: u64,
    /// Where the time of the run went up to then; none before its first batch.
    #[serde(default)]
    pub busy: Option<Busy>,
}

/// Remembers what was acknowledged. Rejects of a batch are stored after its records and before the
/// checkpoint that covers it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Stores the rejects of one batch or of several, in order; storing one again, by ordinal, changes nothing.
    /// Called by one task at a time. They are durable at the latest when the [`Self::save`] of a checkpoint that
    /// covers them returns.
    ///
    /// # Errors
    /// When they cannot be stored.
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal>;

    /// Saves a checkpoint in the place of the one before. Called by one task, in order.
    ///
    /// # Errors
    /// `lease_lost` when somebody else owns the job by now; otherwise when it cannot be saved durably.
    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal>;

    /// How many rejects are stored for this job, for the books.
    ///
    /// # Errors
    /// When they cannot be counted.
    async fn stored_rejects(&self) -> Result<u64, Fatal>;
}
