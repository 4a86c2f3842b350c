//! What a dead process has left, where it is known to be dead: its jobs are given back at once, instead of when their
//! leases run out.
//!
//! That is known of the embedded store alone, which one process serves at a time, by a lock that ends with it: whoever
//! has the lock asks, before its own workers begin. Each job and its load are given back in the dead owner's name, so
//! what `run` holds beside the service is never touched, and an attempt without progress is charged as it is to a lease
//! that runs out. What cannot be given back is left to that.

use crate::queue::{Job, Release};
use crate::service::Service;
use pipeline::Fatal;

/// Jobs that are given back; a process has far fewer at once.
const MAX_LEFT: u32 = 1_000;

/// Gives back what the process before this one has left. Only for whoever has the lock of the data directory.
pub async fn give_back(service: &Service) {
    let left = match service.stores.queue.left_running(MAX_LEFT).await {
        Ok(left) => left,
        Err(error) => {
            tracing::warn!(%error, "what an earlier process has left could not be read");
            return;
        }
    };
    for job in left {
        let id = job.id;
        match give_back_one(service, job).await {
            Ok(()) => tracing::info!(job_id = %id, "given back: its process is gone"),
            Err(error) => {
                tracing::warn!(job_id = %id, %error, "it waits until its lease has run out");
            }
        }
    }
}

async fn give_back_one(service: &Service, job: Job) -> Result<(), Fatal> {
    let Some(claim) = job.claim() else {
        return Ok(());
    };
    let plan = service.catalog.plan_of(&job.tenant, &job.spec).await?;
    let loads = service.targets.loads(&job.tenant, &plan).await?;
    let entry = loads.entry(job.load.identity).await?;
    if let Some(entry) = entry.filter(|entry| entry.live && entry.owner == claim.owner) {
        loads.close(&entry, entry.acknowledged, false).await?;
    }
    let release = Release {
        delay_ms: 0,
        failure: None,
        charge: true,
        max_attempts: service.config.job_max_attempts,
    };
    service.stores.queue.release(&claim, &release).await?;
    Ok(())
}
