//! Approving: a held job goes on, with what it was held for accepted, and perhaps with another version of its spec.
//!
//! ```text
//! judge ─► `_loads` is told the version ─► queue, if the job is still held as it was
//! ```
//!
//! `_loads` always names the version with which the job goes on: it is told first, by a statement that can be sent again,
//! and told again where the queue then says that somebody else was quicker. A crash in between leaves a held job, which
//! the next approval sets right. What is accepted, and where the counts begin anew, is [`Accepted::approve`]'s to say.
//!
//! [`Accepted::approve`]: pipeline::Accepted::approve

use super::{find, mode_of, newer_load, no_job, taken_over, wrong_state};
use crate::id::Id;
use crate::job::SpecPin;
use crate::queue::{Approval, Changed, Job, Queue, SpecText, State};
use crate::service::Service;
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::load::Loads;
use stages::plan::Plan;
use stages::sink::Mode;

/// What somebody says to a held job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Another budget of rejects, from the checkpoint on.
    pub max_records: Option<u64>,
    /// Another version of the same spec, `orders@4`, from the checkpoint on.
    pub spec: Option<String>,
}

/// Lets a held job go on.
///
/// # Errors
/// `not_found`; `wrong_state`; what the catalogue says of the spec; `spec_incompatible`; `newer_load`;
/// `loaded_by_other_spec`; outages.
pub async fn approve(service: &Service, tenant: &Tenant, id: Id, word: Word) -> Result<Job, Fatal> {
    let queue = &*service.stores.queue;
    let job = find(queue, tenant, id).await?;
    if job.state != State::Held {
        return Err(not_held(&job));
    }
    let plan = service.catalog.plan_of(&job.tenant, &job.spec).await?;
    let spec = match &word.spec {
        Some(reference) => {
            let chosen = service.catalog.find(tenant, reference).await?;
            other_version(&job, &plan, &chosen.plan, chosen.text)?
        }
        None => None,
    };
    let loads = service.targets.loads(tenant, &plan).await?;
    let approving = Approving {
        queue,
        loads: &*loads,
        job: &job,
        mode: mode_of(&job, &plan),
    };
    let job = approving.run(word.max_records, spec).await?;
    tracing::info!(job_id = %id, "approved");
    service.due.notify_one();
    Ok(job)
}

fn not_held(job: &Job) -> Fatal {
    wrong_state(job, "approved", "held")
}

/// The version that was named, where it is another one than the job's.
pub(super) fn other_version(
    job: &Job,
    plan: &Plan,
    other: &Plan,
    text: SpecText,
) -> Result<Option<SpecText>, Fatal> {
    let differs = |what: &str| {
        let (from, to) = (plan.reference(), other.reference());
        Fatal::new(
            "spec_incompatible",
            format!("a load that {from} has begun cannot go on with {to}: they differ in {what}"),
        )
        .hint("another version may change what becomes of records, not which there are and where they go; load the content anew with force=again")
    };
    plan.compatible_with(other)
        .map_err(|section| match section {
            "name" => differs("their name"),
            "unique" => unique(plan, other),
            section => differs(&format!("[{section}]")),
        })?;
    Ok((text.pin.sha256 != job.spec.pin.sha256).then_some(text))
}

fn unique(plan: &Plan, other: &Plan) -> Fatal {
    let (from, to) = (plan.reference(), other.reference());
    let message = format!(
        "a load that {from} has begun cannot go on with {to}: values must be unique, and what was seen of them is by the version that has seen it"
    );
    Fatal::new("spec_incompatible", message)
        .hint("approve it with maxRecords, or load the content anew with force=again")
}

/// A held job, for which somebody has a word.
pub(super) struct Approving<'a> {
    pub queue: &'a dyn Queue,
    pub loads: &'a dyn Loads,
    pub job: &'a Job,
    pub mode: Mode,
}

impl Approving<'_> {
    pub async fn run(
        &self,
        max_rejects: Option<u64>,
        spec: Option<SpecText>,
    ) -> Result<Job, Fatal> {
        let pin = spec.as_ref().map_or(&self.job.spec.pin, |spec| &spec.pin);
        self.pinned(pin).await?;
        let approval = self.approval(max_rejects, spec);
        let Job {
            id, tenant, fence, ..
        } = self.job;
        match self.queue.approve(tenant, *id, *fence, &approval).await? {
            Changed::Done(job) => Ok(*job),
            Changed::WrongState(job) => {
                // Somebody else was quicker, maybe with another version.
                self.pinned(&job.spec.pin).await?;
                Err(not_held(&job))
            }
            Changed::Missing => Err(no_job()),
        }
    }

    /// What is accepted, and where the job goes on.
    pub fn approval(&self, max_rejects: Option<u64>, spec: Option<SpecText>) -> Approval {
        let mut accepted = self.job.accepted.clone();
        let mut checkpoint = self.job.checkpoint.clone();
        let cause = self.job.held.as_ref().map(|held| held.cause.clone());
        match (cause, &mut checkpoint) {
            (Some(cause), Some(checkpoint)) => accepted.approve(cause, checkpoint),
            (Some(cause), None) => accepted.accept(cause),
            (None, _) => {}
        }
        Approval {
            accepted,
            checkpoint,
            max_rejects: max_rejects.or(self.job.max_rejects),
            spec,
        }
    }

    /// Lets `_loads` name the version with which the job goes on.
    pub async fn pinned(&self, pin: &SpecPin) -> Result<(), Fatal> {
        let Some(entry) = self.loads.entry(self.job.load.identity).await? else {
            return Ok(());
        };
        if entry.job != self.job.id.to_string() {
            return Err(taken_over(self.job, &entry));
        }
        if self.mode == Mode::Merge && self.loads.newer_exists(&entry).await? {
            return Err(newer_load(&entry));
        }
        if entry.spec_sha256 == pin.sha256
            || self.loads.repin(&entry, pin.version, &pin.sha256).await?
        {
            return Ok(());
        }
        Err(Fatal::transient(
            "load_in_progress",
            format!(
                "somebody else has just taken the load of job {}",
                self.job.id
            ),
        ))
    }
}
