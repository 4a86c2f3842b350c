//! Cancelling: a job ends at once, whoever has it.
//!
//! A worker hears of it by itself, stops, and lets go of the load. Where no worker had the job, a lease that a crash has
//! left on the load is ended here, so that another version need not wait for it. What was loaded stays.

use super::{let_go, no_job, wrong_state};
use crate::id::Id;
use crate::queue::{Changed, Job, State};
use crate::service::Service;
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::load::Loads;

/// Cancels a job.
///
/// # Errors
/// `not_found`; `wrong_state`; outages.
pub async fn cancel(service: &Service, tenant: &Tenant, id: Id) -> Result<Job, Fatal> {
    let queue = &*service.stores.queue;
    let before = queue.job(tenant, id).await?;
    let job = match queue.cancel(tenant, id).await? {
        Changed::Done(job) => *job,
        Changed::WrongState(job) => {
            return Err(wrong_state(
                &job,
                "cancelled",
                "queued, in progress or held",
            ));
        }
        Changed::Missing => return Err(no_job()),
    };
    service.metrics.ended(State::Cancelled);
    tracing::info!(job_id = %id, "cancelled");
    let idle = before.is_some_and(|before| before.owner.is_none() && before.fence == job.fence);
    // The job is cancelled, whatever becomes of a lease that runs out anyway.
    if idle && let Err(error) = free(service, &job).await {
        tracing::warn!(job_id = %id, %error, "the load of a cancelled job was not let go of");
    }
    Ok(job)
}

async fn free(service: &Service, job: &Job) -> Result<(), Fatal> {
    let plan = service.catalog.plan_of(&job.tenant, &job.spec).await?;
    let loads = service.targets.loads(&job.tenant, &plan).await?;
    end_lease(&*loads, job).await
}

/// Ends whatever lease there is on the load of a job that nobody has.
pub(super) async fn end_lease(loads: &dyn Loads, job: &Job) -> Result<(), Fatal> {
    let entry = loads.entry(job.load.identity).await?;
    if let Some(entry) = entry
        && entry.live
        && entry.job == job.id.to_string()
    {
        let_go(loads, &entry).await;
    }
    Ok(())
}
