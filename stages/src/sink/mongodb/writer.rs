//! What every mode needs to write: where to, and how patiently.

use super::patience::Patience;
use mongodb::Database;
use pipeline::Batch;
use sha2::{Digest, Sha256};

/// A collection that a load writes to.
pub(super) struct Writer {
    pub(super) database: Database,
    pub(super) collection: String,
    pub(super) max_retry_ms: u64,
    /// From the job, so that two jobs which wait for the same server come back at different times.
    pub(super) seed: u64,
}

impl Writer {
    /// A number for the waits of `job`.
    pub(super) fn seed_of(job: &str) -> u64 {
        let hash = Sha256::digest(job);
        hash.iter()
            .take(8)
            .fold(0, |seed, &byte| (seed << 8) | u64::from(byte))
    }

    /// Patience for one batch.
    pub(super) fn patience(&self, batch: &Batch) -> Patience {
        Patience::new(self.max_retry_ms, self.seed ^ batch.start().ordinal)
    }
}
