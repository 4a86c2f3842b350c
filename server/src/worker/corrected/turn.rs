//! Whose turn it is to send the rejects of a job again.
//!
//! A turn is given on when the job that has it was completed, or has ended and has written nothing. What one has written
//! stands at the places of the records, where another one's would meet it and count it as its own; and records whose books
//! have moved are rejects until they are removed. So such a job keeps its turn, and is retried.

use crate::id::Id;
use crate::queue::{Job, State, Turn};
use crate::worker::Shared;
use pipeline::Fatal;
use stages::load::{Entry, Loads, Request};

/// The parent, once the job has its turn at it.
pub(super) async fn turn(
    shared: &Shared,
    job: &Job,
    id: Id,
    loads: &dyn Loads,
) -> Result<Job, Fatal> {
    let queue = &*shared.service.stores.queue;
    let gone = || Fatal::new("expired", "the job whose rejects these are is gone");
    let parent = queue.job(&job.tenant, id).await?.ok_or_else(gone)?;
    let (before, held) = match parent.child {
        // Also where its books have moved: what is behind that is done again, and comes to the same.
        Some(turn) if turn.job == job.id => return Ok(parent),
        _ if job.checkpoint.is_some() => return Err(newer(id)),
        Some(turn) => {
            let held = over(shared, job, turn, loads).await?;
            (Some(turn.job), held)
        }
        None => (None, None),
    };
    let tenant = &job.tenant;
    let begun = queue.begin_resubmit(tenant, id, before, job.id).await;
    if let Some(entry) = held
        && let Err(error) = loads.close(&entry, false, false).await
    {
        tracing::warn!(job_id = entry.job, %error, "the lease of a load was not ended");
    }
    if !begun? {
        let parent = queue.job(tenant, id).await?.ok_or_else(gone)?;
        return Err(match parent.child {
            _ if parent.expired => gone(),
            Some(turn) => waits(turn.job),
            None => gone(),
        });
    }
    // As it is since nobody else can change it.
    queue.job(tenant, id).await?.ok_or_else(gone)
}

/// Whether the job that has the turn leaves nothing that only itself can finish: what it has written stands at the places
/// of the records, and what it has moved is rejected still. Its load comes back held, so that nobody can retry and begin it
/// before the turn is given on.
async fn over(
    shared: &Shared,
    job: &Job,
    turn: Turn,
    loads: &dyn Loads,
) -> Result<Option<Entry>, Fatal> {
    let queue = &*shared.service.stores.queue;
    let Some(other) = queue.job(&job.tenant, turn.job).await? else {
        return Ok(None);
    };
    match other.state {
        State::Completed => return Ok(None),
        // Also one whose books have moved has work left until it is completed.
        state if !state.is_terminal() => return Err(waits(other.id)),
        _ if turn.is_moved => return Err(unfinished(other.id)),
        _ => {}
    }
    let Some(entry) = loads.entry(other.load.identity).await? else {
        return Ok(None);
    };
    if entry.job == job.id.to_string() {
        // The same file once more, because that job can never be retried: this one does what it left.
        return Ok(None);
    }
    if entry.live {
        // It may not have heard of its end yet.
        return Err(waits(other.id));
    }
    if entry.acknowledged {
        return Err(unfinished(entry.job.parse().unwrap_or(other.id)));
    }
    let request = Request {
        base: entry.base,
        spec: entry.spec.clone(),
        version: entry.version,
        spec_sha256: entry.spec_sha256.clone(),
        collection: entry.collection.clone(),
        job: entry.job.clone(),
        owner: shared.service.entropy.id().to_string(),
        lease_ms: shared.service.config.job_lease_ms,
        numbered: false,
    };
    match loads.take(&request, &entry).await? {
        Some(entry) => Ok(Some(entry)),
        None => Err(waits(other.id)),
    }
}

/// Notes that something of the parent's load may be there, before anything is written.
pub(super) async fn note(loads: &dyn Loads, parent: &Job) -> Result<(), Fatal> {
    let Some(entry) = loads.entry(parent.load.identity).await? else {
        return Ok(());
    };
    if entry.live {
        let message = "another load of the same content is under way";
        return Err(Fatal::outage("load_in_progress", message));
    }
    if entry.job != parent.id.to_string() || !loads.close(&entry, true, true).await? {
        let message = format!("the load of job {} was taken over since", parent.id);
        return Err(Fatal::new("loaded_by_other_spec", message));
    }
    Ok(())
}

fn newer(parent: Id) -> Fatal {
    let message =
        format!("rejects of job {parent} were sent again by another job since this one began");
    Fatal::new("newer_resubmit", message)
        .hint("download what is rejected still, and send that again, corrected")
}

fn unfinished(other: Id) -> Fatal {
    let message = format!(
        "job {other} has sent rejects of the same job again, and has ended before all that it has written was counted"
    );
    Fatal::new("resubmit_unfinished", message).hint(format!(
        "retry job {other}: it goes on, and moves what it has written; then retry this one. Where its file was deleted, send that file again"
    ))
}

fn waits(other: Id) -> Fatal {
    let message =
        format!("job {other} sends rejects of the same job again: this one waits for its end");
    Fatal::outage("load_in_progress", message)
}
