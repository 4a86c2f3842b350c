//! What clients ask of jobs, above the stores and free of HTTP: [`submit()`], [`resubmit()`], [`retry()`], [`approve()`], [`cancel()`], and
//! what time asks of them: [`sweep`].
//!
//! A job stands in two stores, which no transaction joins: the queue, and `_loads` beside the documents. Whatever
//! changes both changes `_loads` first, under a short lease of its own or by a statement that can be sent again, and the
//! queue next: a crash between the two leaves a lease that runs out, or an entry that the next request mends. A job
//! is what the queue says it is; who may write a load is what `_loads` says. Nothing here runs a job.

mod approve;
mod cancel;
mod judge;
mod resubmit;
mod retention;
mod retry;
mod submit;
#[cfg(test)]
mod tests;

pub use approve::{Word, approve};
pub use cancel::cancel;
pub use resubmit::{Correction, resubmit, resubmittable, unfinished};
pub use retention::sweep;
pub use retry::retry;
pub use submit::{Asked, IdempotencyKey, Submitted, submit};

use crate::id::{Entropy, Id};
use crate::queue::{Job, Queue};
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::load::{Entry, Loads, Request};
use stages::plan::Plan;
use stages::sink::Mode;

/// How long an entry of `_loads` is held while its job is changed in the queue, in milliseconds. Shorter than
/// [`submit::MAX_WAIT_MS`], so that a request which meets what a crash left waits it out.
const LEASE_MS: u64 = 3_000;

/// What the owner of such a lease is called: it ends in a moment, unlike a worker's or that of `run`.
const OWNER: &str = "service-";

/// A fresh owner for one statement.
fn owner(entropy: &dyn Entropy) -> String {
    format!("{OWNER}{}", entropy.id())
}

/// Whether the lease of an entry is one that ends in a moment.
fn is_brief(entry: &Entry) -> bool {
    entry.owner.starts_with(OWNER)
}

/// The job with this id.
///
/// # Errors
/// `not_found`, also for another tenant's.
pub async fn find(queue: &dyn Queue, tenant: &Tenant, id: Id) -> Result<Job, Fatal> {
    queue.job(tenant, id).await?.ok_or_else(no_job)
}

fn no_job() -> Fatal {
    Fatal::new("not_found", "there is no such job")
}

/// A job from whose state there is no such change. `done` is what was asked for, `from` where it may be done.
fn wrong_state(job: &Job, done: &str, from: &str) -> Fatal {
    let state = job.state.word();
    Fatal::new(
        "wrong_state",
        format!(
            "job {} is {state}, only a job that is {from} can be {done}",
            job.id
        ),
    )
}

/// The mode by which the entry of a job in `_loads` is judged. That of a job that sends rejects again is never numbered:
/// its documents come under the number of the load that they belong to.
fn mode_of(job: &Job, plan: &Plan) -> Mode {
    match job.parent {
        None => plan.sink.target.mode,
        Some(_) => Mode::Insert,
    }
}

/// What asks for the entry of a job in `_loads`.
fn request(entropy: &dyn Entropy, job: &Job, numbered: bool) -> Request {
    Request {
        base: job.load.base,
        spec: job.spec.pin.name.clone(),
        version: job.spec.pin.version,
        spec_sha256: job.spec.pin.sha256.clone(),
        collection: job.load.collection.clone(),
        job: job.id.to_string(),
        owner: owner(entropy),
        lease_ms: LEASE_MS,
        numbered,
    }
}

/// Lets go of an entry. `false`: somebody else has it by now. What happened under the lease stands already, and a lease
/// that cannot be ended runs out.
async fn let_go(loads: &dyn Loads, entry: &Entry) -> bool {
    loads
        .close(entry, false, false)
        .await
        .unwrap_or_else(|error| {
            tracing::warn!(job_id = entry.job, %error, "the lease of a load was not ended");
            true
        })
}

fn newer_load(entry: &Entry) -> Fatal {
    Fatal::new(
        "newer_load",
        format!("a later merge into {} has started since", entry.collection),
    )
    .hint("process the file again: it is loaded anew, behind the later one")
}

/// The load of `job` has another job by now.
fn taken_over(job: &Job, entry: &Entry) -> Fatal {
    Fatal::new(
        "loaded_by_other_spec",
        format!(
            "the load of job {} was taken over by job {} with {}@{}",
            job.id, entry.job, entry.spec, entry.version
        ),
    )
    .hint(format!(
        "look at job {}, or load the content anew beside what is there with force=again",
        entry.job
    ))
}
