//! The store of jobs in MongoDB: one statement per change, acknowledged by a majority and journaled.
//!
//! Promises: each transition is one atomic statement in the file of its name, which finds its own change when it is
//! sent again; time is the server's (`$$NOW`); text of a client stands in `$literal` or is compared for equality, so
//! nothing in it is interpreted; every statement reaches its documents through an index. Never: a transaction, a
//! retryable write, a counter that is raised by `$inc`.
//!
//! Collections of `<db>_state`: `jobs`; `turns`, one small document per tenant, which says whose turn it is to be
//! served ([`turn`]); `idempotency`; `callbacks`, where tenants have their webhooks go by default.

mod approve;
mod attach;
mod callback_document;
mod callbacks;
mod cancel;
mod changed;
mod checkpoint;
mod claim;
mod depth;
mod document;
mod expire;
mod fail;
mod find;
mod finish;
mod hold;
mod idempotency;
mod indexes;
mod leave;
mod list;
mod news;
mod ping;
mod release;
mod renew;
mod repair;
mod reply;
mod resubmit;
mod retry;
mod save;
mod submit;
#[cfg(test)]
mod tests;
mod turn;

use super::{
    Approval, Changed, Claim, Claimant, Depth, Filter, Held, Job, Known, Moved, NewJob, Progress,
    Queue, Receipt, Release, Remembered, Renewal, Resent, Sent, Skip,
};
use crate::id::Id;
use crate::job::Failure;
use crate::page::{Listed, Page};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal};
use stages::sink::mongodb::Statements;

/// The store of jobs in a MongoDB.
pub struct MongoQueue {
    statements: Statements,
}

impl MongoQueue {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        let queue = Self { statements };
        queue.make_indexes().await?;
        Ok(queue)
    }
}

#[async_trait]
impl Queue for MongoQueue {
    async fn submit(&self, job: &NewJob) -> Result<Job, Fatal> {
        self.submit_job(job).await
    }

    async fn claim(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        self.claim_next(claimant).await
    }

    async fn renew(&self, claim: &Claim, renewal: &Renewal) -> Result<bool, Fatal> {
        self.renew_claim(claim, renewal).await
    }

    async fn save(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal> {
        self.save_checkpoint(claim, previous, checkpoint).await
    }

    async fn finish(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal> {
        self.finish_job(claim, progress, receipt).await
    }

    async fn fail(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal> {
        self.fail_job(claim, progress, failure).await
    }

    async fn hold(&self, claim: &Claim, progress: &Progress, held: &Held) -> Result<bool, Fatal> {
        self.hold_job(claim, progress, held).await
    }

    async fn release(&self, claim: &Claim, release: &Release) -> Result<bool, Fatal> {
        self.release_job(claim, release).await
    }

    async fn cancel(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        self.cancel_job(tenant, id).await
    }

    async fn withdraw(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        self.withdraw_job(tenant, id).await
    }

    async fn retry(&self, tenant: &Tenant, id: Id, reset: bool) -> Result<Changed, Fatal> {
        self.retry_job(tenant, id, reset).await
    }

    async fn approve(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal> {
        self.approve_job(tenant, id, fence, approval).await
    }

    async fn begin_resubmit(
        &self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> Result<bool, Fatal> {
        self.begin_child(tenant, parent, before, child).await
    }

    async fn move_resubmitted(
        &self,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> Result<bool, Fatal> {
        self.move_rejects(tenant, parent, child, moved).await
    }

    async fn repair(&self) -> Result<u64, Fatal> {
        self.forget_old_keys().await?;
        self.wake_forgotten_tenants().await
    }

    async fn job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal> {
        self.find_job(tenant, id).await
    }

    async fn news(&self, tenant: &Tenant, known: &[Known]) -> Result<Vec<Job>, Fatal> {
        self.find_news(tenant, known).await
    }

    async fn jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal> {
        self.list_jobs(tenant, filter, page).await
    }

    async fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Result<Option<Job>, Fatal> {
        self.find_newest_of_file(tenant, file).await
    }

    async fn attach(&self, tenant: &Tenant, id: Id, file: Id) -> Result<bool, Fatal> {
        self.attach_file(tenant, id, file).await
    }

    async fn remember(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal> {
        self.remember_key(tenant, key, request_sha256, job).await
    }

    async fn settle(&self, tenant: &Tenant, key: &str, job: Id) -> Result<(), Fatal> {
        self.settle_key(tenant, key, job).await
    }

    async fn depth(&self) -> Result<Depth, Fatal> {
        self.count_depth().await
    }

    async fn expire(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal> {
        self.expire_jobs(age_ms, limit).await
    }

    async fn forget(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        self.forget_job(tenant, id).await
    }

    async fn claim_delivery(
        &self,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Result<Option<Job>, Fatal> {
        self.claim_due_delivery(owner, lease_ms, skip).await
    }

    async fn note_delivery(
        &self,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> Result<bool, Fatal> {
        self.note_sent(tenant, id, owner, n, sent).await
    }

    async fn resend_delivery(&self, tenant: &Tenant, id: Id, n: u64) -> Result<Resent, Fatal> {
        self.send_again(tenant, id, n).await
    }

    async fn add_callback(&self, tenant: &Tenant, id: Id, url: &str) -> Result<Option<Job>, Fatal> {
        self.add_url(tenant, id, url).await
    }

    async fn default_callback(&self, tenant: &Tenant) -> Result<Option<String>, Fatal> {
        self.find_default_callback(tenant).await
    }

    async fn set_default_callback(&self, tenant: &Tenant, url: Option<&str>) -> Result<(), Fatal> {
        self.put_default_callback(tenant, url).await
    }

    async fn ping(&self) -> Result<(), Fatal> {
        self.ping_server().await
    }
}
