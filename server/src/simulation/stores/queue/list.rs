//! Lists of jobs, and how many there are in each state.

use super::jobs::Jobs;
use crate::id::Id;
use crate::page::{Listed, Page};
use crate::queue::{Depth, Filter, Job, State};
use crate::simulation::stores::page;
use crate::tenant::Tenant;

impl Jobs {
    pub(super) fn list(&self, tenant: &Tenant, filter: &Filter, page: Page) -> Listed<Job> {
        let jobs = self.rows.iter().map(|row| &row.job);
        let wanted = jobs.filter(|job| job.tenant == *tenant && is_wanted(job, filter));
        page::listed(wanted.map(shown), page, |job| (job.created_ms, job.id))
    }

    /// The newest job that lists a file.
    pub(super) fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Option<&Job> {
        let of_file = self.of_file(tenant, file);
        of_file.max_by_key(|job| (job.created_ms, job.id.0))
    }

    /// Whether a job in one of `states` lists a file.
    pub(super) fn is_listed(&self, tenant: &Tenant, file: Id, states: &[State]) -> bool {
        let mut of_file = self.of_file(tenant, file);
        of_file.any(|job| states.contains(&job.state))
    }

    fn of_file(&self, tenant: &Tenant, file: Id) -> impl Iterator<Item = &Job> {
        let jobs = self.rows.iter().map(|row| &row.job);
        jobs.filter(move |job| job.tenant == *tenant && job.files.contains(&file))
    }

    pub(super) fn depth(&self, now: u64) -> Depth {
        let states = || self.rows.iter().map(|row| row.job.state);
        let count = |state: State| states().filter(|other| *other == state).count() as u64;
        let open = State::ALL.into_iter().filter(|state| !state.is_terminal());
        let queued = self.rows.iter().map(|row| &row.job);
        let queued = queued.filter(|job| job.state == State::Queued);
        let callbacks = self.rows.iter().filter_map(|row| row.job.callback.as_ref());
        let oldest = queued.map(|job| job.due_ms).min();
        Depth {
            jobs: open.map(|state| (state, count(state))).collect(),
            oldest_due_ms: now.saturating_sub(oldest.unwrap_or(now)),
            pending_webhooks: callbacks
                .filter(|callback| callback.due_ms.is_some())
                .count() as u64,
        }
    }
}

fn is_wanted(job: &Job, filter: &Filter) -> bool {
    let Filter {
        states,
        file,
        spec,
        version,
    } = filter;
    (states.is_empty() || states.contains(&job.state))
        && file.is_none_or(|file| job.files.contains(&file))
        && spec.as_ref().is_none_or(|spec| job.spec.pin.name == *spec)
        && version.is_none_or(|version| job.spec.pin.version == version)
}

/// A job as lists show it.
fn shown(job: &Job) -> Job {
    let mut job = job.clone();
    job.spec.text.clear();
    if let Some(callback) = &mut job.callback {
        callback.log.clear();
    }
    if let Some(checkpoint) = &mut job.checkpoint {
        checkpoint.head.clear();
        checkpoint.carried.clear();
        checkpoint.books.summary = pipeline::Summary::default();
    }
    job
}
