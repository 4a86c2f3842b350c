//! The queue in memory: every transition is one step under one lock, by the clock that it is given.
//!
//! It follows the statements of the real stores, and where these differ it does as MongoDB's do: a claim that is sent
//! again has a whole lease again. What a worker's statement left behind is remembered, so that the same statement sent
//! again finds its own change.

mod callbacks;
mod claim;
mod client;
mod idempotency;
mod jobs;
mod list;
mod retention;
mod turns;
mod worker;

#[cfg(test)]
mod tests;

use super::{Clock, lock};
use crate::id::Id;
use crate::job::Failure;
use crate::page::{Listed, Page};
use crate::queue::{
    Approval, Changed, Claim, Claimant, Depth, Filter, Held, Job, Known, MAX_NEWS, Moved, NewJob,
    Progress, Queue, Receipt, Release, Remembered, Renewal, Resent, Sent, Skip, State,
};
use crate::tenant::Tenant;
use async_trait::async_trait;
use jobs::Jobs;
use pipeline::{Checkpoint, Fatal};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store of jobs.
pub struct MemoryQueue {
    clock: Clock,
    jobs: Mutex<Jobs>,
    /// How often it was asked for news.
    asked: AtomicU64,
}

impl MemoryQueue {
    /// An empty store.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            jobs: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }

    /// How often it was asked for news of watched jobs.
    pub fn asked_for_news(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Every job of every tenant, in the order in which they were submitted.
    pub fn all(&self) -> Vec<Job> {
        self.read(Jobs::all)
    }

    /// The newest job that lists a file.
    pub(super) fn newest(&self, tenant: &Tenant, file: Id) -> Option<Job> {
        self.read(|jobs| jobs.newest_of_file(tenant, file).cloned())
    }

    /// Whether a job in one of `states` lists a file.
    pub(super) fn lists(&self, tenant: &Tenant, file: Id, states: &[State]) -> bool {
        self.read(|jobs| jobs.is_listed(tenant, file, states))
    }

    fn read<T>(&self, read: impl FnOnce(&Jobs) -> T) -> T {
        read(&lock(&self.jobs))
    }

    /// Changes the jobs at the clock's present time, in milliseconds since 1970.
    fn write<T>(&self, change: impl FnOnce(&mut Jobs, u64) -> T) -> Result<T, Fatal> {
        let mut jobs = lock(&self.jobs);
        Ok(change(&mut jobs, self.clock.now_ms()))
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn submit(&self, job: &NewJob) -> Result<Job, Fatal> {
        self.write(|jobs, now| jobs.submit(now, job))
    }

    async fn claim(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        self.write(|jobs, now| jobs.claim(now, claimant))
    }

    async fn renew(&self, claim: &Claim, renewal: &Renewal) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.renew(now, claim, renewal))
    }

    async fn save(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.save(now, claim, previous, checkpoint))
    }

    async fn finish(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.finish(now, claim, progress, receipt))
    }

    async fn fail(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.fail(now, claim, progress, failure))
    }

    async fn hold(&self, claim: &Claim, progress: &Progress, held: &Held) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.hold(now, claim, progress, held))
    }

    async fn release(&self, claim: &Claim, release: &Release) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.release(now, claim, release))
    }

    async fn cancel(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        self.write(|jobs, now| jobs.cancel(now, tenant, id))
    }

    async fn withdraw(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        self.write(|jobs, now| jobs.withdraw(now, tenant, id))
    }

    async fn retry(&self, tenant: &Tenant, id: Id, reset: bool) -> Result<Changed, Fatal> {
        self.write(|jobs, now| jobs.retry(now, tenant, id, reset))
    }

    async fn approve(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal> {
        self.write(|jobs, now| jobs.approve(now, tenant, id, fence, approval))
    }

    async fn begin_resubmit(
        &self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> Result<bool, Fatal> {
        self.write(|jobs, _| jobs.begin_resubmit(tenant, parent, before, child))
    }

    async fn move_resubmitted(
        &self,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.move_resubmitted(now, tenant, parent, child, moved))
    }

    async fn repair(&self) -> Result<u64, Fatal> {
        self.write(|jobs, now| jobs.repair(now))
    }

    async fn job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal> {
        Ok(self.read(|jobs| jobs.job(tenant, id)))
    }

    async fn news(&self, tenant: &Tenant, known: &[Known]) -> Result<Vec<Job>, Fatal> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut news = Vec::new();
        for known in known.iter().take(MAX_NEWS) {
            let job = self.job(tenant, known.id).await?;
            news.extend(job.filter(|job| known.wants(job.state, job.updated_ms)));
        }
        Ok(news)
    }

    async fn jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal> {
        Ok(self.read(|jobs| jobs.list(tenant, filter, page)))
    }

    async fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Result<Option<Job>, Fatal> {
        Ok(self.newest(tenant, file))
    }

    async fn attach(&self, tenant: &Tenant, id: Id, file: Id) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.attach(now, tenant, id, file))
    }

    async fn remember(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal> {
        self.write(|jobs, now| jobs.keys.remember(now, tenant, key, request_sha256, job))
    }

    async fn settle(&self, tenant: &Tenant, key: &str, job: Id) -> Result<(), Fatal> {
        self.write(|jobs, _| jobs.keys.settle(tenant, key, job))
    }

    async fn depth(&self) -> Result<Depth, Fatal> {
        let now = self.clock.now_ms();
        Ok(self.read(|jobs| jobs.depth(now)))
    }

    async fn expire(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal> {
        self.write(|jobs, now| jobs.expire(now, age_ms, limit))
    }

    async fn forget(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        self.write(|jobs, _| jobs.forget(tenant, id))
    }

    async fn claim_delivery(
        &self,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Result<Option<Job>, Fatal> {
        self.write(|jobs, now| jobs.claim_delivery(now, owner, lease_ms, skip))
    }

    async fn note_delivery(
        &self,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> Result<bool, Fatal> {
        self.write(|jobs, now| jobs.note_delivery(now, tenant, id, owner, n, sent))
    }

    async fn resend_delivery(&self, tenant: &Tenant, id: Id, n: u64) -> Result<Resent, Fatal> {
        self.write(|jobs, now| jobs.resend_delivery(now, tenant, id, n))
    }

    async fn add_callback(&self, tenant: &Tenant, id: Id, url: &str) -> Result<Option<Job>, Fatal> {
        self.write(|jobs, _| jobs.add_callback(tenant, id, url))
    }

    async fn default_callback(&self, tenant: &Tenant) -> Result<Option<String>, Fatal> {
        Ok(self.read(|jobs| jobs.default_callbacks.get(tenant.key()).cloned()))
    }

    async fn set_default_callback(&self, tenant: &Tenant, url: Option<&str>) -> Result<(), Fatal> {
        self.write(|jobs, _| jobs.set_default_callback(tenant, url))
    }

    async fn ping(&self) -> Result<(), Fatal> {
        Ok(())
    }
}
