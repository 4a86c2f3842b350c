//! What clients do with a job: cancel, retry, approve, and list one more file on it.

use super::callbacks::came_to;
use super::jobs::{Jobs, Row};
use crate::id::Id;
use crate::queue::{Approval, Changed, MAX_FILES, Moved, Progress, State, Turn};
use crate::tenant::Tenant;
use pipeline::Accepted;

impl Jobs {
    pub(super) fn cancel(&mut self, now: u64, tenant: &Tenant, id: Id) -> Changed {
        self.change(tenant, id, |row| {
            let job = &mut row.job;
            if job.state.is_terminal() {
                return false;
            }
            job.state = State::Cancelled;
            job.owner = None;
            job.lock_until_ms = None;
            job.held = None;
            job.finished_ms = Some(now);
            job.updated_ms = now;
            row.left = None;
            came_to(row, now);
            true
        })
    }

    pub(super) fn withdraw(&mut self, now: u64, tenant: &Tenant, id: Id) -> Changed {
        if let Some(at) = self.find(tenant, id) {
            let job = &mut self.rows[at].job;
            let told = job.callback.as_ref().is_some_and(|c| c.last_event > 0);
            if !job.state.is_terminal() && job.files.len() == 1 && !told {
                job.callback = None;
            }
        }
        self.cancel(now, tenant, id)
    }

    pub(super) fn retry(&mut self, now: u64, tenant: &Tenant, id: Id, reset: bool) -> Changed {
        let changed = self.change(tenant, id, |row| {
            let job = &mut row.job;
            let has_ended = matches!(job.state, State::Failed | State::Cancelled);
            if !has_ended || job.expired || reset && job.spec_changed {
                return false;
            }
            job.state = State::Queued;
            job.attempts = 0;
            job.queued_ms = now;
            job.due_ms = now;
            job.finished_ms = None;
            job.failure = None;
            job.held = None;
            job.updated_ms = now;
            row.left = None;
            if reset {
                begin_anew(row);
            }
            true
        });
        self.wake_where_done(tenant, now, changed)
    }

    pub(super) fn approve(
        &mut self,
        now: u64,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Changed {
        let changed = self.change(tenant, id, |row| {
            let job = &mut row.job;
            if job.state != State::Held || job.fence != fence {
                return false;
            }
            job.state = State::Queued;
            job.queued_ms = now;
            job.due_ms = now;
            job.held = None;
            job.updated_ms = now;
            job.accepted = approval.accepted.clone();
            job.max_rejects = approval.max_rejects.or(job.max_rejects);
            if let Some(checkpoint) = &approval.checkpoint {
                row.checkpoint_end = checkpoint.books.end.ordinal;
                job.checkpoint = Some(checkpoint.clone());
            }
            if let Some(spec) = &approval.spec {
                job.spec = spec.clone();
                job.spec_changed = true;
                job.spec_from = approval.spec_from();
            }
            row.left = None;
            true
        });
        self.wake_where_done(tenant, now, changed)
    }

    pub(super) fn begin_resubmit(
        &mut self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> bool {
        let Some(at) = self.find(tenant, parent) else {
            return false;
        };
        let job = &mut self.rows[at].job;
        let has = job.child.map(|turn| turn.job);
        if job.state != State::Completed || job.expired || (has != before && has != Some(child)) {
            return false;
        }
        if has != Some(child) {
            job.child = Some(Turn {
                job: child,
                is_moved: false,
            });
        }
        true
    }

    pub(super) fn move_resubmitted(
        &mut self,
        now: u64,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> bool {
        let Some(at) = self.find(tenant, parent) else {
            return false;
        };
        let job = &mut self.rows[at].job;
        let Some(turn) = job.child.as_mut().filter(|turn| turn.job == child) else {
            return false;
        };
        if !turn.is_moved {
            turn.is_moved = true;
            job.checkpoint = Some(moved.checkpoint.clone());
            job.receipt = Some(moved.receipt.clone());
            job.updated_ms = now;
        }
        true
    }

    pub(super) fn attach(&mut self, now: u64, tenant: &Tenant, id: Id, file: Id) -> bool {
        let Some(at) = self.find(tenant, id) else {
            return false;
        };
        let job = &mut self.rows[at].job;
        if job.files.contains(&file) {
            return true;
        }
        if job.files.len() >= MAX_FILES {
            return false;
        }
        job.files.push(file);
        job.updated_ms = now;
        true
    }

    /// Makes a change where `change` says that the job's state allows it.
    fn change(
        &mut self,
        tenant: &Tenant,
        id: Id,
        change: impl FnOnce(&mut Row) -> bool,
    ) -> Changed {
        let Some(at) = self.find(tenant, id) else {
            return Changed::Missing;
        };
        let row = &mut self.rows[at];
        match change(row) {
            true => Changed::Done(Box::new(row.job.clone())),
            false => Changed::WrongState(Box::new(row.job.clone())),
        }
    }

    fn wake_where_done(&mut self, tenant: &Tenant, now: u64, changed: Changed) -> Changed {
        if let Changed::Done(_) = changed {
            self.turns.wake(tenant.key(), now);
        }
        changed
    }
}

fn begin_anew(row: &mut Row) {
    let job = &mut row.job;
    job.run += 1;
    job.started_ms = None;
    job.checkpoint = None;
    job.progress = Progress {
        bytes_total: job.progress.bytes_total,
        ..Progress::default()
    };
    job.accepted = Accepted::default();
    job.max_rejects = None;
    row.claimed_furthest = 0;
    row.checkpoint_end = 0;
}
