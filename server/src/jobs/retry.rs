//! Retrying: a job that failed or was cancelled goes on from its checkpoint, or starts over.
//!
//! ```text
//! judge ─► hold `_loads` ─► queue ─► let go of `_loads` ─► (reset) remove the rejects of earlier runs
//! ```
//!
//! The load is held meanwhile, so that no other version can take it over between the judgement and the queue. A crash
//! behind the hold leaves a lease that runs out; one behind the queue leaves rejects of earlier runs, which no answer
//! shows and which leave with the job. Nothing that is loaded is loaded twice, because the load stays the same.

use super::{find, let_go, mode_of, newer_load, no_job, request, taken_over, wrong_state};
use crate::files::Files;
use crate::id::{Entropy, Id};
use crate::queue::{Changed, Job, Queue, State};
use crate::rejects::Rejects;
use crate::service::Service;
use crate::tenant::Tenant;
use pipeline::{Fatal, Retry};
use stages::load::{Entry, Loads};
use stages::sink::Mode;

/// Tries to hold a load while others change the same entry.
const MAX_TRIES: usize = 20;
/// Rejects that are removed at a time.
pub(super) const REMOVED_REJECTS: u32 = 1_000;

/// Puts a job back into the queue.
///
/// # Errors
/// `not_found`; `wrong_state`; `expired`; `content_gone`; `spec_changed`, with `reset` where an approval has named
/// another version; `newer_load`; `loaded_by_other_spec`; outages.
pub async fn retry(service: &Service, tenant: &Tenant, id: Id, reset: bool) -> Result<Job, Fatal> {
    let queue = &*service.stores.queue;
    let job = find(queue, tenant, id).await?;
    judge(&job, reset)?;
    if reset {
        is_not_moved(queue, &job).await?;
    }
    content_is_there(&*service.stores.files, &job).await?;
    let plan = service.catalog.plan_of(&job.tenant, &job.spec).await?;
    let loads = service.targets.loads(tenant, &plan).await?;
    let retrial = Retrial {
        queue,
        loads: &*loads,
        entropy: &*service.entropy,
        job: &job,
        mode: mode_of(&job, &plan),
    };
    let job = retrial.run(reset).await?;
    tracing::info!(job_id = %id, reset, "retried");
    // Removing a file marks it before it looks for jobs, and reading it waits until that is decided: one of the two sees
    // the other. Where it is not decided in time (`file_busy`), the job goes on and the client learns it by asking.
    if let Err(gone) = content_is_there(&*service.stores.files, &job).await {
        if gone.retry == Retry::Never {
            queue.cancel(tenant, id).await?;
        }
        return Err(gone);
    }
    service.due.notify_one();
    if reset {
        remove_runs(&*service.stores.rejects, &job, job.run).await?;
    }
    Ok(job)
}

/// What the job itself says of being retried.
pub(super) fn judge(job: &Job, reset: bool) -> Result<(), Fatal> {
    if !matches!(job.state, State::Failed | State::Cancelled) {
        return Err(not_retriable(job));
    }
    if job.expired {
        return Err(Fatal::new(
            "expired",
            "the details of the job were removed after their time",
        )
        .hint("process the file again"));
    }
    if reset && job.spec_changed {
        return Err(Fatal::new(
            "spec_changed",
            "another version of the spec was approved in the middle of the file",
        )
        .hint("retry without reset goes on from the checkpoint"));
    }
    Ok(())
}

/// Whether what the job has sent again is not in the books of its parent yet.
async fn is_not_moved(queue: &dyn Queue, job: &Job) -> Result<(), Fatal> {
    let parent = match job.parent {
        Some(parent) => queue.job(&job.tenant, parent).await?,
        None => None,
    };
    match parent.and_then(|parent| parent.child) {
        Some(turn) if turn.job == job.id && turn.is_moved => {
            let message = "the books of the job whose rejects these are have moved already";
            Err(Fatal::new("wrong_state", message)
                .hint("retry it without reset: it ends what is left"))
        }
        _ => Ok(()),
    }
}

fn not_retriable(job: &Job) -> Fatal {
    wrong_state(job, "retried", "failed or cancelled")
}

/// Whether the file that the job reads is still there.
pub(super) async fn content_is_there(files: &dyn Files, job: &Job) -> Result<(), Fatal> {
    let seen = match job.file() {
        Some(file) => files.file(&job.tenant, file).await?,
        None => None,
    };
    if seen.is_some_and(|seen| !seen.file.content_gone) {
        return Ok(());
    }
    Err(
        Fatal::new("content_gone", "the file of the job is not there any more")
            .hint("upload it again and process it"),
    )
}

/// Removes the rejects of a job's runs before run `before`, portion by portion.
pub(super) async fn remove_runs(
    rejects: &dyn Rejects,
    job: &Job,
    before: u32,
) -> Result<(), Fatal> {
    while rejects
        .remove_runs(&job.tenant, job.id, before, REMOVED_REJECTS)
        .await?
    {}
    Ok(())
}

/// A job that may be retried, as far as it says itself.
pub(super) struct Retrial<'a> {
    pub queue: &'a dyn Queue,
    pub loads: &'a dyn Loads,
    pub entropy: &'a dyn Entropy,
    pub job: &'a Job,
    pub mode: Mode,
}

impl Retrial<'_> {
    pub async fn run(&self, reset: bool) -> Result<Job, Fatal> {
        let held = self.hold().await?;
        let changed = self.queue.retry(&self.job.tenant, self.job.id, reset).await;
        if let Some(entry) = held {
            let_go(self.loads, &entry).await;
        }
        match changed? {
            Changed::Done(job) => Ok(*job),
            Changed::WrongState(job) => {
                judge(&job, reset)?;
                Err(not_retriable(&job))
            }
            Changed::Missing => Err(no_job()),
        }
    }

    /// Holds the job's load. `None` where there is nothing to hold: its last owner's lease still runs, so nobody can
    /// take it over, or it is not remembered any more, which is the worker's to say.
    pub async fn hold(&self) -> Result<Option<Entry>, Fatal> {
        for _ in 0..MAX_TRIES {
            let Some(entry) = self.loads.entry(self.job.load.identity).await? else {
                return Ok(None);
            };
            if self.mode == Mode::Merge && self.loads.newer_exists(&entry).await? {
                return Err(newer_load(&entry));
            }
            let is_ours = entry.job == self.job.id.to_string();
            if !is_ours && !self.is_left_behind(&entry).await? {
                return Err(taken_over(self.job, &entry));
            }
            if entry.live {
                return Ok(None);
            }
            let request = request(self.entropy, self.job, self.mode.has_key());
            if let Some(entry) = self.loads.take(&request, &entry).await? {
                return Ok(Some(entry));
            }
        }
        Err(Fatal::transient(
            "load_in_progress",
            "other requests keep changing the same load",
        ))
    }

    /// Whether another job has the entry only because a crash kept it from the queue: then it is anybody's.
    async fn is_left_behind(&self, entry: &Entry) -> Result<bool, Fatal> {
        if entry.live || entry.acknowledged || entry.completed {
            return Ok(false);
        }
        match entry.job.parse() {
            Ok(id) => Ok(self.queue.job(&self.job.tenant, id).await?.is_none()),
            Err(_) => Ok(true),
        }
    }
}
