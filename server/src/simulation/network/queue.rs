//! The queue, over the network. It tells the network which jobs a process was told to have, and since when.

use super::{Call, Link, sent};
use crate::id::Id;
use crate::job::Failure;
use crate::page::{Listed, Page};
use crate::queue::{
    Approval, Changed, Claim, Claimant, Depth, Filter, Held, Job, Moved, NewJob, Progress, Queue,
    Receipt, Release, Remembered, Renewal, Resent, Sent, Skip,
};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal};
use std::sync::{Arc, Mutex, PoisonError};

/// The queue as one process reaches it.
pub struct NetQueue {
    pub link: Arc<Link>,
    pub inner: Arc<dyn Queue>,
    /// The name of the last claim, and when it was first sent.
    pub asked: Mutex<Option<(String, u64)>>,
}

impl NetQueue {
    /// When a claim of this name was first sent.
    fn first_sent_ms(&self, owner: &str) -> u64 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match &*asked {
            Some((name, sent_ms)) if name == owner => *sent_ms,
            _ => {
                let sent_ms = self.link.now_ms();
                *asked = Some((owner.to_owned(), sent_ms));
                sent_ms
            }
        }
    }
}

#[async_trait]
impl Queue for NetQueue {
    async fn submit(&self, job: &NewJob) -> Result<Job, Fatal> {
        sent!(self, Call::of("submit"), |inner, job| inner.submit(&job))
    }

    async fn claim(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        let sent_ms = self.first_sent_ms(&claimant.owner);
        let claimed = sent!(self, Call::of("claim"), |inner, claimant| inner
            .claim(&claimant));
        if let Ok(Some(job)) = &claimed {
            self.link.holds(job.id, sent_ms);
        }
        claimed
    }

    async fn renew(&self, claim: &Claim, renewal: &Renewal) -> Result<bool, Fatal> {
        let (job, sent_ms) = (claim.job, self.link.now_ms());
        let renewed = sent!(self, Call::of("renew"), |inner, claim, renewal| {
            inner.renew(&claim, &renewal)
        });
        if let Ok(true) = renewed {
            self.link.holds(job, sent_ms);
        }
        renewed
    }

    async fn save(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::writes("save", claim.job),
            |inner, claim, previous, checkpoint| { inner.save(&claim, previous, &checkpoint) }
        )
    }

    async fn finish(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("finish"),
            |inner, claim, progress, receipt| { inner.finish(&claim, &progress, &receipt) }
        )
    }

    async fn fail(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal> {
        sent!(self, Call::of("fail"), |inner, claim, progress, failure| {
            inner.fail(&claim, &progress, &failure)
        })
    }

    async fn hold(&self, claim: &Claim, progress: &Progress, held: &Held) -> Result<bool, Fatal> {
        sent!(self, Call::of("hold"), |inner, claim, progress, held| {
            inner.hold(&claim, &progress, &held)
        })
    }

    async fn release(&self, claim: &Claim, release: &Release) -> Result<bool, Fatal> {
        let what = match release.charge {
            true => "release.charged",
            false => "release",
        };
        sent!(self, Call::of(what), |inner, claim, release| inner
            .release(&claim, &release))
    }

    async fn cancel(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        sent!(self, Call::of("cancel"), |inner, tenant, id| inner
            .cancel(&tenant, id))
    }

    async fn withdraw(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        sent!(self, Call::of("withdraw"), |inner, tenant, id| inner
            .withdraw(&tenant, id))
    }

    async fn retry(&self, tenant: &Tenant, id: Id, reset: bool) -> Result<Changed, Fatal> {
        let what = if reset { "retry.reset" } else { "retry" };
        sent!(self, Call::of(what), |inner, tenant, id, reset| inner
            .retry(&tenant, id, reset))
    }

    async fn approve(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal> {
        sent!(
            self,
            Call::of("approve"),
            |inner, tenant, id, fence, approval| { inner.approve(&tenant, id, fence, &approval) }
        )
    }

    async fn begin_resubmit(
        &self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("begin_resubmit"),
            |inner, tenant, parent, before, child| {
                inner.begin_resubmit(&tenant, parent, before, child)
            }
        )
    }

    async fn move_resubmitted(
        &self,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("move_resubmitted"),
            |inner, tenant, parent, child, moved| {
                inner.move_resubmitted(&tenant, parent, child, &moved)
            }
        )
    }

    async fn repair(&self) -> Result<u64, Fatal> {
        sent!(self, Call::of("repair"), |inner| inner.repair())
    }

    async fn job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal> {
        sent!(self, Call::of("job"), |inner, tenant, id| inner
            .job(&tenant, id))
    }

    async fn jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal> {
        sent!(self, Call::of("jobs"), |inner, tenant, filter, page| {
            inner.jobs(&tenant, &filter, page)
        })
    }

    async fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Result<Option<Job>, Fatal> {
        sent!(self, Call::of("newest_of_file"), |inner, tenant, file| {
            inner.newest_of_file(&tenant, file)
        })
    }

    async fn attach(&self, tenant: &Tenant, id: Id, file: Id) -> Result<bool, Fatal> {
        sent!(self, Call::of("attach"), |inner, tenant, id, file| inner
            .attach(&tenant, id, file))
    }

    async fn remember(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal> {
        sent!(
            self,
            Call::of("remember"),
            |inner, tenant, key, request_sha256, job| {
                inner.remember(&tenant, &key, &request_sha256, job)
            }
        )
    }

    async fn settle(&self, tenant: &Tenant, key: &str, job: Id) -> Result<(), Fatal> {
        sent!(self, Call::of("settle"), |inner, tenant, key, job| inner
            .settle(&tenant, &key, job))
    }

    async fn depth(&self) -> Result<Depth, Fatal> {
        sent!(self, Call::of("depth"), |inner| inner.depth())
    }

    async fn expire(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal> {
        sent!(self, Call::of("expire"), |inner, age_ms, limit| inner
            .expire(age_ms, limit))
    }

    async fn forget(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        sent!(self, Call::of("forget"), |inner, tenant, id| inner
            .forget(&tenant, id))
    }

    async fn claim_delivery(
        &self,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Result<Option<Job>, Fatal> {
        sent!(
            self,
            Call::of("claim_delivery"),
            |inner, owner, lease_ms, skip| inner.claim_delivery(&owner, lease_ms, &skip)
        )
    }

    async fn note_delivery(
        &self,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("note_delivery"),
            |inner, tenant, id, owner, n, sent| {
                inner.note_delivery(&tenant, id, &owner, n, &sent)
            }
        )
    }

    async fn resend_delivery(&self, tenant: &Tenant, id: Id, n: u64) -> Result<Resent, Fatal> {
        sent!(self, Call::of("resend_delivery"), |inner, tenant, id, n| {
            inner.resend_delivery(&tenant, id, n)
        })
    }

    async fn add_callback(&self, tenant: &Tenant, id: Id, url: &str) -> Result<Option<Job>, Fatal> {
        sent!(self, Call::of("add_callback"), |inner, tenant, id, url| {
            inner.add_callback(&tenant, id, &url)
        })
    }

    async fn default_callback(&self, tenant: &Tenant) -> Result<Option<String>, Fatal> {
        sent!(self, Call::of("default_callback"), |inner, tenant| inner
            .default_callback(&tenant))
    }

    async fn set_default_callback(&self, tenant: &Tenant, url: Option<&str>) -> Result<(), Fatal> {
        let url = url.map(str::to_owned);
        sent!(
            self,
            Call::of("set_default_callback"),
            |inner, tenant, url| inner.set_default_callback(&tenant, url.as_deref())
        )
    }

    async fn ping(&self) -> Result<(), Fatal> {
        sent!(self, Call::of("ping"), |inner| inner.ping())
    }
}
