//! The jobs themselves: what is kept of each beside what it shows, and how one is entered and found.

use super::idempotency::Keys;
use super::turns::Turns;
use crate::id::Id;
use crate::queue::{Callback, Job, NewJob, Progress, State};
use crate::tenant::Tenant;
use pipeline::Accepted;
use std::collections::BTreeMap;

/// A job and what only the store knows of it.
pub(super) struct Row {
    pub(super) job: Job,
    /// Which claim left the job in its present state, and by which transition.
    pub(super) left: Option<(String, &'static str)>,
    /// `furthest` at the last claim.
    pub(super) claimed_furthest: u64,
    /// The ordinal at which the checkpoint ends; 0 where there is none.
    pub(super) checkpoint_end: u64,
    /// Whether the rejects of an expired job are removed.
    pub(super) is_cleaned: bool,
}

/// All jobs, whose turn it is, and idempotency keys.
#[derive(Default)]
pub(super) struct Jobs {
    /// In the order in which they were submitted, which tells apart those that are due at the same time.
    pub(super) rows: Vec<Row>,
    pub(super) turns: Turns,
    pub(super) keys: Keys,
    /// Where tenants have their webhooks go, by the tenant's key.
    pub(super) default_callbacks: BTreeMap<String, String>,
}

impl Jobs {
    pub(super) fn submit(&mut self, now: u64, new: &NewJob) -> Job {
        if let Some(job) = self.job(&new.tenant, new.id) {
            return job;
        }
        let job = fresh(now, new);
        self.rows.push(Row {
            job: job.clone(),
            left: None,
            claimed_furthest: 0,
            checkpoint_end: 0,
            is_cleaned: false,
        });
        self.turns.wake(job.tenant.key(), now);
        job
    }

    pub(super) fn job(&self, tenant: &Tenant, id: Id) -> Option<Job> {
        self.find(tenant, id).map(|at| self.rows[at].job.clone())
    }

    pub(super) fn all(&self) -> Vec<Job> {
        self.rows.iter().map(|row| row.job.clone()).collect()
    }

    /// The place of a tenant's job.
    pub(super) fn find(&self, tenant: &Tenant, id: Id) -> Option<usize> {
        let is_it = |row: &Row| row.job.id == id && row.job.tenant == *tenant;
        self.rows.iter().position(is_it)
    }

    /// The queued jobs of a tenant.
    pub(super) fn queued(&self, tenant: &str) -> impl Iterator<Item = (usize, &Job)> {
        let jobs = self.rows.iter().map(|row| &row.job).enumerate();
        jobs.filter(move |(_, job)| job.state == State::Queued && job.tenant.key() == tenant)
    }

    /// When the next queued job of a tenant is or was due.
    pub(super) fn earliest(&self, tenant: &str) -> Option<u64> {
        self.queued(tenant).map(|(_, job)| job.due_ms).min()
    }
}

fn fresh(now: u64, new: &NewJob) -> Job {
    Job {
        id: new.id,
        tenant: new.tenant.clone(),
        files: vec![new.file],
        spec: new.spec.clone(),
        load: new.load.clone(),
        priority: new.priority,
        state: State::Queued,
        attempts: 0,
        run: 0,
        fence: 0,
        owner: None,
        worker: None,
        lock_until_ms: None,
        created_ms: now,
        queued_ms: now,
        due_ms: now,
        started_ms: None,
        finished_ms: None,
        updated_ms: now,
        checkpoint: None,
        progress: Progress {
            bytes_total: new.bytes_total,
            ..Progress::default()
        },
        accepted: Accepted::default(),
        max_rejects: None,
        spec_changed: false,
        spec_from: None,
        held: None,
        failure: None,
        receipt: None,
        expired: false,
        parent: new.parent,
        child: None,
        callback: new.callback.clone().map(Callback::new),
    }
}
