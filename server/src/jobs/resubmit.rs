//! Sending rejects again: a corrected file of a completed job's rejects becomes a job of its own, the child.
//!
//! It is submitted as every file is, under a name of its own in `_loads`: the same file for the same job is the same child,
//! but where that was completed with records that are bad still: then it is a further child, under the next generation.
//! What its references mean, and whether another child is under way, is its worker's to say.

use super::submit::{Candidate, Submission, attached, content, goes, remembered};
use super::{IdempotencyKey, Submitted, find, wrong_state};
use crate::id::Id;
use crate::page::{From, Page};
use crate::queue::{CallbackUrl, Filter, Job, State};
use crate::service::Service;
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::load::Entry;
use stages::plan::{Plan, SinkKind};
use stages::sink::Mode;
use std::sync::Arc;

/// A corrected file.
#[derive(Clone, Debug)]
pub struct Correction {
    /// The job whose rejects it sends again.
    pub parent: Id,
    /// The file.
    pub file: Id,
    /// Under which the request can be sent again.
    pub idempotency: Option<IdempotencyKey>,
}

/// Whether rejects of a job can be sent again; the name that their file is to have.
///
/// # Errors
/// `not_found`; `wrong_state`; `expired`; `resubmit_unsupported`; what the catalogue says of the spec; outages.
pub async fn resubmittable(
    service: &Service,
    tenant: &Tenant,
    parent: Id,
) -> Result<String, Fatal> {
    let (job, _) = judged(service, tenant, parent).await?;
    let file = match job.file() {
        Some(file) => service.stores.files.file(tenant, file).await?,
        None => None,
    };
    let name = file.map(|seen| seen.file.new.original_name);
    Ok(name.unwrap_or_else(|| format!("{parent}-rejects")))
}

async fn judged(service: &Service, tenant: &Tenant, parent: Id) -> Result<(Job, Arc<Plan>), Fatal> {
    let job = find(&*service.stores.queue, tenant, parent).await?;
    if job.expired {
        return Err(Fatal::new(
            "expired",
            "the rejects of the job were removed after their time",
        )
        .hint("process the corrected records as a file of their own"));
    }
    if job.state != State::Completed {
        return Err(wrong_state(&job, "corrected", "completed"));
    }
    if let Some(first) = job.parent {
        let message = format!(
            "job {parent} has sent rejects of job {first} again: what it refused is a reject there still"
        );
        return Err(
            Fatal::new("wrong_state", message).hint(format!("send them again to job {first}"))
        );
    }
    let plan = service.catalog.plan_of(&job.tenant, &job.spec).await?;
    match unsupported(&plan) {
        Some(message) => {
            Err(Fatal::new("resubmit_unsupported", message).hint(instead(&job, &plan)))
        }
        None => Ok((job, plan)),
    }
}

/// Why records of a job cannot be sent again by themselves, where they cannot.
fn unsupported(plan: &Plan) -> Option<&'static str> {
    Some(
        if matches!(plan.sink.kind, SinkKind::Jsonl | SinkKind::Csv) {
            "the job has loaded into a file, which is finished: no record can be added to it"
        } else if plan.sink.target.mode == Mode::Merge {
            "the job has merged: what came behind a record may be merged already, and the record would come too late"
        } else if plan.kinds.is_some() {
            "the spec tells several kinds of records apart ([records]): what a record is, and what it takes from a header, depends \
         on those around it, so it cannot be loaded without them"
        } else if plan.group.is_some() {
            "the spec makes one document of several records ([group]): a record cannot be loaded without the others of its group"
        } else if !plan.control.controls.is_empty() {
            "the spec compares counts or sums over the whole file ([control]): records that come later are not in them"
        } else if plan.unique.is_some() {
            "the spec has unique values, which are judged over the whole file in its order: records that come later are not"
        } else {
            return None;
        },
    )
}

/// What can be done instead, and what of the job stays then.
fn instead(job: &Job, plan: &Plan) -> String {
    let stays = match (&plan.sink.kind, plan.sink.target.mode) {
        (SinkKind::Jsonl | SinkKind::Csv, _) => "; the file that this job has written stays as it is".to_owned(),
        (SinkKind::Null, _) => String::new(),
        (_, Mode::Upsert | Mode::Replace) => {
            ": its records replace the documents that have the same keys".to_owned()
        }
        (_, Mode::Merge) => {
            ": its records are merged once more into the documents that have the same keys, over what came since".to_owned()
        }
        (_, Mode::Delete) => ": its records delete what has their keys and is still there".to_owned(),
        (_, Mode::Insert) => format!(
            ". Its content is new, so every record is a new document, beside those that this job has loaded: remove \
             these first. They are the documents of {} whose _id begins with the 12 bytes {} (the README shows how)",
            job.load.collection, job.load.identity
        ),
    };
    format!("correct the whole file, and load it{stays}")
}

/// Submits a corrected file.
///
/// # Errors
/// As [`resubmittable`]; `idempotency_key_reused`; `content_gone`; `load_in_progress`.
pub async fn resubmit(
    service: &Service,
    tenant: &Tenant,
    asked: Correction,
) -> Result<Submitted, Fatal> {
    let (queue, files) = (&*service.stores.queue, &*service.stores.files);
    let key = asked.idempotency.as_ref();
    let candidate = match remembered(queue, &*service.entropy, tenant, key).await? {
        Candidate::Free(id) => id,
        Candidate::There(job) => {
            let goes = goes(service, &job).await;
            return attached(queue, files, tenant, *job, asked.file, goes).await;
        }
    };
    let (job, plan) = judged(service, tenant, asked.parent).await?;
    let file = content(files, tenant, asked.file).await?;
    let loads = service.targets.loads(tenant, &plan).await?;
    let callback = match &job.callback {
        Some(parents) => Some(parents.url.clone()),
        None => queue.default_callback(tenant).await?.map(CallbackUrl::from),
    };
    let submission = Submission {
        queue,
        files,
        loads: &*loads,
        entropy: &*service.entropy,
        tenant,
        file: &file,
        plan: &plan,
        spec: &job.spec,
        priority: job.priority,
        again: false,
        candidate,
        parent: Some(job.id),
        callback,
    };
    let submitted = submission.run().await?;
    let Submitted { job, existing } = &submitted;
    tracing::info!(job_id = %job.id, parent = %asked.parent, existing, "rejects are sent again");
    service.due.notify_one();
    if let Some(IdempotencyKey { key, .. }) = key
        && submitted.job.id != candidate
    {
        queue.settle(tenant, key, submitted.job.id).await?;
    }
    Ok(submitted)
}

/// Jobs of a file that are read at a time.
const PAGE_JOBS: u32 = 20;

/// The job that needs a file although it has failed or was cancelled: one that sends rejects again and may have written what
/// is not counted yet. Only itself, retried, ends that; until then no other job has its turn.
///
/// # Errors
/// What the catalogue says of its spec; outages.
pub async fn unfinished(service: &Service, tenant: &Tenant, file: Id) -> Result<Option<Id>, Fatal> {
    let filter = Filter {
        states: vec![State::Failed, State::Cancelled],
        file: Some(file),
        ..Filter::default()
    };
    let mut from = From::Number(1);
    loop {
        let page = Page {
            from,
            limit: PAGE_JOBS,
        };
        let listed = service.stores.queue.jobs(tenant, &filter, page).await?;
        for job in listed.items.iter().filter(|job| !job.expired) {
            if let Some(parent) = job.parent
                && is_unfinished(service, tenant, job.id, parent).await?
            {
                return Ok(Some(job.id));
            }
        }
        match listed.next {
            Some(next) => from = From::After(next),
            None => return Ok(None),
        }
    }
}

async fn is_unfinished(
    service: &Service,
    tenant: &Tenant,
    id: Id,
    parent: Id,
) -> Result<bool, Fatal> {
    let queue = &service.stores.queue;
    let parent = queue.job(tenant, parent).await?;
    let parent = parent.filter(|parent| !parent.expired);
    let Some(turn) = parent.and_then(|parent| parent.child) else {
        return Ok(false);
    };
    if turn.job != id {
        return Ok(false);
    }
    if turn.is_moved {
        return Ok(true);
    }
    // A list leaves the text of the spec out.
    let Some(job) = queue.job(tenant, id).await? else {
        return Ok(false);
    };
    let plan = service.catalog.plan_of(tenant, &job.spec).await?;
    let loads = service.targets.loads(tenant, &plan).await?;
    let entry = loads.entry(job.load.identity).await?;
    // Cancelled, it may be written still: its worker may not have heard of that.
    let is_written = |entry: &Entry| entry.live && job.state == State::Cancelled;
    Ok(entry.is_some_and(|entry| {
        entry.job == id.to_string() && (entry.acknowledged || is_written(&entry))
    }))
}
