//! Rejects of jobs: one for each record that was refused, with all its problems.
//!
//! A reject is kept under its job, the job's run (the number of resets, never of attempts) and the record's ordinal, so
//! storing it again changes nothing. It says which claim has stored it, by the claim's fence number: a statement of an
//! older claim that is applied late neither replaces nor removes it. Nothing here counts or groups: the job's books do.

pub mod download;
pub mod mongo;
pub mod sqlite;
#[cfg(test)]
pub mod suite;

use crate::id::Id;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Fatal, Reject};

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Whose job it is.
    pub tenant: Tenant,
    /// The job.
    pub job: Id,
    /// Its resets.
    pub run: u32,
}

/// Which rejects are wanted: by the code and field of their leading problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// With this code.
    pub code: Option<String>,
    /// Of this field.
    pub field: Option<String>,
}

/// A store of rejects.
///
/// # Errors
/// Every method fails with an outage when the store cannot be reached.
#[async_trait]
pub trait Rejects: Send + Sync {
    /// Stores rejects of a run for the claim with fence number `fence`. One that the same claim or a newer one has stored
    /// stays as it is, one of an older claim becomes this one's. They are durable at the latest when the next save of
    /// the job's checkpoint is ([`crate::queue::Queue::save`]): only what a checkpoint covers is never found again.
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal>;

    /// Puts these in the place of those of the same records that an older fence number has stored. Where none is there, none
    /// comes: a record that was loaded since is no reject again, however late this is applied.
    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal>;

    /// Removes those of a run from ordinal `from` on that claims before `fence` have stored: a run that goes on finds
    /// them again. However late it is applied, it removes nothing that this claim or a newer one has stored.
    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal>;

    /// Removes those of these records of a run, whoever has stored them.
    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal>;

    /// How many a run has with this filter.
    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal>;

    /// Up to `limit` of a run with this filter, in the order of the file, from ordinal `from` on, `skip` of them left
    /// out.
    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal>;

    /// Those of these records of a run, in the order of the file. The ordinals are in order, each one once; a page of them.
    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal>;

    /// Removes those of a job before run `before` (`u32::MAX`: all of them), at most `limit` at a time; says whether
    /// any may be left.
    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal>;
}
