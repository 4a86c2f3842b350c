//! queued → in_progress, or another worker's turn where a lease ran out; out of attempts, → failed (`crash_loop`).

use super::callbacks::came_to;
use super::jobs::{Jobs, Row};
use crate::queue::{Claimant, Job, State, crash_loop};
use std::cmp::Reverse;

impl Jobs {
    pub(super) fn claim(&mut self, now: u64, claimant: &Claimant) -> Option<Job> {
        if let Some(row) = self.rows.iter_mut().find(|row| is_owned(row, claimant)) {
            claim_again(row, now, claimant);
            return Some(row.job.clone());
        }
        let expired = match claimant.take_expired {
            true => self.expired(now),
            false => None,
        };
        let at = expired.or_else(|| self.due(now))?;
        let row = &mut self.rows[at];
        match is_over(row, claimant) {
            true => give_up(row, now, claimant),
            false => take(row, now, claimant),
        }
        Some(row.job.clone())
    }

    /// The job whose lease ran out first.
    fn expired(&self, now: u64) -> Option<usize> {
        let leases = self.rows.iter().enumerate().filter_map(|(at, row)| {
            let until = row.job.lock_until_ms?;
            (row.job.state == State::InProgress && until <= now).then_some((until, at))
        });
        leases.min().map(|(_, at)| at)
    }

    /// The best due job of the tenant whose turn it is, whose turn is over then.
    fn due(&mut self, now: u64) -> Option<usize> {
        while let Some(tenant) = self.turns.next(now) {
            let due = self.queued(&tenant).filter(|(_, job)| job.due_ms <= now);
            let best = due.min_by_key(|(at, job)| (Reverse(job.priority), job.due_ms, *at));
            if let Some((at, _)) = best {
                self.turns.served(&tenant);
                return Some(at);
            }
            let until = self.earliest(&tenant);
            self.turns.sleep(&tenant, until);
        }
        None
    }
}

fn is_owned(row: &Row, claimant: &Claimant) -> bool {
    row.job.state == State::InProgress && row.job.owner.as_ref() == Some(&claimant.owner)
}

/// Whether a lease ran out without progress, and for the last time.
fn is_over(row: &Row, claimant: &Claimant) -> bool {
    let has_moved = row.job.progress.furthest > row.claimed_furthest;
    row.job.state == State::InProgress
        && !has_moved
        && row.job.attempts + 1 >= claimant.max_attempts
}

/// A worker writes for two thirds of a lease from when it asked last: a claim that is found again is as long.
fn claim_again(row: &mut Row, now: u64, claimant: &Claimant) {
    let enough = now + claimant.lease_ms / 3 * 2;
    if row.job.lock_until_ms.is_none_or(|until| until < enough) {
        row.job.lock_until_ms = Some(now + claimant.lease_ms);
        row.job.updated_ms = now;
    }
}

fn take(row: &mut Row, now: u64, claimant: &Claimant) {
    let job = &mut row.job;
    if job.state == State::InProgress {
        let has_moved = job.progress.furthest > row.claimed_furthest;
        job.attempts = if has_moved { 0 } else { job.attempts + 1 };
    }
    job.state = State::InProgress;
    job.fence += 1;
    job.owner = Some(claimant.owner.clone());
    job.worker = Some(claimant.worker.clone());
    job.lock_until_ms = Some(now + claimant.lease_ms);
    job.started_ms = job.started_ms.or(Some(now));
    job.updated_ms = now;
    row.claimed_furthest = job.progress.furthest;
    row.left = None;
}

fn give_up(row: &mut Row, now: u64, claimant: &Claimant) {
    let job = &mut row.job;
    job.state = State::Failed;
    job.attempts += 1;
    job.owner = None;
    job.lock_until_ms = None;
    job.failure = Some(crash_loop(claimant.max_attempts));
    job.finished_ms = Some(now);
    job.updated_ms = now;
    came_to(row, now);
}
