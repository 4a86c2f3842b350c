//! The queue in memory.

use super::Clock;
use crate::id::Id;
use crate::job::Failure;
use crate::page::{Listed, Page};
use crate::queue::*;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal};

/// A store of jobs.
pub struct MemoryQueue {
    clock: Clock,
}
impl MemoryQueue {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn submit(&self, job: &NewJob) -> Result<Job, Fatal> {
        unimplemented!()
    }
    async fn claim(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        unimplemented!()
    }
    async fn renew(&self, claim: &Claim, renewal: &Renewal) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn save(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn finish(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn fail(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn hold(&self, claim: &Claim, progress: &Progress, held: &Held) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn release(&self, claim: &Claim, release: &Release) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn cancel(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        unimplemented!()
    }
    async fn retry(&self, tenant: &Tenant, id: Id, reset: bool) -> Result<Changed, Fatal> {
        unimplemented!()
    }
    async fn approve(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal> {
        unimplemented!()
    }
    async fn repair(&self) -> Result<u64, Fatal> {
        unimplemented!()
    }
    async fn job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal> {
        unimplemented!()
    }
    async fn jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal> {
        unimplemented!()
    }
    async fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Result<Option<Job>, Fatal> {
        unimplemented!()
    }
    async fn attach(&self, tenant: &Tenant, id: Id, file: Id) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn remember(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal> {
        unimplemented!()
    }
    async fn settle(&self, tenant: &Tenant, key: &str, job: Id) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn depth(&self) -> Result<Depth, Fatal> {
        unimplemented!()
    }
    async fn expire(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal> {
        unimplemented!()
    }
    async fn forget(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn ping(&self) -> Result<(), Fatal> {
        unimplemented!()
    }
}
