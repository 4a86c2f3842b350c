//! Retention: what is kept of ended jobs leaves after its time.
//!
//! Details and rejects go; what was loaded, `_loads` and receipts stay for ever, and held jobs never expire. A job's
//! details go before its rejects, and it is only marked as done when they are gone: a crash in between leaves it to the
//! next sweep.

use super::retry::remove_runs;
use crate::queue::Queue;
use crate::rejects::Rejects;
use crate::service::Service;
use pipeline::Fatal;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;
/// Jobs that are taken at a time.
const PORTION_JOBS: u32 = 100;
/// The most jobs of one sweep; the next one takes the rest.
const MAX_JOBS: u64 = 100_000;

/// Removes the details and rejects of jobs that ended more than `retention_days` ago. Returns of how many.
///
/// # Errors
/// Outages; what was removed until then is removed.
pub async fn sweep(service: &Service, retention_days: u32) -> Result<u64, Fatal> {
    let stores = &service.stores;
    let age_ms = u64::from(retention_days) * DAY_MS;
    sweep_stores(&*stores.queue, &*stores.rejects, age_ms).await
}

pub(super) async fn sweep_stores(
    queue: &dyn Queue,
    rejects: &dyn Rejects,
    age_ms: u64,
) -> Result<u64, Fatal> {
    let mut swept = 0;
    while swept < MAX_JOBS {
        let jobs = queue.expire(age_ms, PORTION_JOBS).await?;
        if jobs.is_empty() {
            break;
        }
        for job in &jobs {
            remove_runs(rejects, job, u32::MAX).await?;
            queue.forget(&job.tenant, job.id).await?;
            swept += 1;
        }
    }
    Ok(swept)
}
