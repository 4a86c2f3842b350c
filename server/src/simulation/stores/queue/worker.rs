//! What the worker that has a job does with it. Each is for the claim alone, whole: state, owner and fence number.

use super::callbacks::came_to;
use super::jobs::{Jobs, Row};
use crate::job::Failure;
use crate::queue::{Claim, Held, Progress, Receipt, Release, Renewal, State, crash_loop};
use pipeline::Checkpoint;

impl Jobs {
    pub(super) fn renew(&mut self, now: u64, claim: &Claim, renewal: &Renewal) -> bool {
        let Some(row) = self.mine(claim) else {
            return false;
        };
        note(&mut row.job.progress, &renewal.progress);
        row.job.lock_until_ms = Some(now + renewal.lease_ms);
        row.job.updated_ms = now;
        true
    }

    pub(super) fn save(
        &mut self,
        now: u64,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> bool {
        let Some(row) = self.mine(claim) else {
            return false;
        };
        if row.checkpoint_end != previous {
            // Our own, whose answer was lost.
            return row.job.checkpoint.as_ref() == Some(checkpoint);
        }
        let end = checkpoint.books.end.ordinal;
        row.checkpoint_end = end;
        row.job.checkpoint = Some(checkpoint.clone());
        row.job.progress.furthest = row.job.progress.furthest.max(end);
        row.job.updated_ms = now;
        true
    }

    pub(super) fn finish(
        &mut self,
        now: u64,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> bool {
        self.leave(now, claim, "finish", |row| {
            note(&mut row.job.progress, progress);
            row.job.state = State::Completed;
            row.job.receipt = Some(receipt.clone());
            row.job.failure = None;
            row.job.finished_ms = Some(now);
            row.job.updated_ms = now;
        })
    }

    pub(super) fn fail(
        &mut self,
        now: u64,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> bool {
        self.leave(now, claim, "fail", |row| {
            note(&mut row.job.progress, progress);
            row.job.state = State::Failed;
            row.job.failure = Some(failure.clone());
            row.job.finished_ms = Some(now);
            row.job.updated_ms = now;
        })
    }

    pub(super) fn hold(
        &mut self,
        now: u64,
        claim: &Claim,
        progress: &Progress,
        held: &Held,
    ) -> bool {
        self.leave(now, claim, "hold", |row| {
            note(&mut row.job.progress, progress);
            row.job.state = State::Held;
            row.job.held = Some(held.clone());
            row.job.failure = None;
            row.job.updated_ms = now;
        })
    }

    pub(super) fn release(&mut self, now: u64, claim: &Claim, release: &Release) -> bool {
        let due = now + release.delay_ms;
        let mut is_queued = false;
        let left = self.leave(now, claim, "release", |row| {
            let job = &mut row.job;
            job.updated_ms = now;
            let has_moved = job.progress.furthest > row.claimed_furthest;
            job.attempts = match has_moved {
                true => 0,
                false => job.attempts + u32::from(release.charge),
            };
            if release.charge && !has_moved && job.attempts >= release.max_attempts {
                let last = release.failure.clone();
                job.state = State::Failed;
                job.failure = last.or_else(|| Some(crash_loop(release.max_attempts)));
                job.finished_ms = Some(now);
                return;
            }
            is_queued = true;
            job.state = State::Queued;
            job.queued_ms = now;
            job.due_ms = due;
            job.failure = release.failure.clone().or(job.failure.take());
        });
        if is_queued {
            self.turns.wake(claim.tenant.key(), due);
        }
        left
    }

    /// The job that this claim has.
    fn mine(&mut self, claim: &Claim) -> Option<&mut Row> {
        let at = self.find(&claim.tenant, claim.job)?;
        let row = &mut self.rows[at];
        let is_mine = row.job.state == State::InProgress
            && row.job.owner.as_ref() == Some(&claim.owner)
            && row.job.fence == claim.fence;
        is_mine.then_some(row)
    }

    /// Ends a claim by the transition `by`, once: `true` as well where this claim has done so before.
    fn leave(
        &mut self,
        now: u64,
        claim: &Claim,
        by: &'static str,
        change: impl FnOnce(&mut Row),
    ) -> bool {
        let left = Some((claim.owner.clone(), by));
        if let Some(row) = self.mine(claim) {
            change(row);
            came_to(row, now);
            row.job.owner = None;
            row.job.lock_until_ms = None;
            row.left = left;
            return true;
        }
        let at = self.find(&claim.tenant, claim.job);
        at.is_some_and(|at| self.rows[at].left == left && self.rows[at].job.fence == claim.fence)
    }
}

/// Takes progress along: the furthest ordinal never goes back, and a size that was known stays known.
fn note(known: &mut Progress, now: &Progress) {
    *known = Progress {
        furthest: known.furthest.max(now.furthest),
        bytes_total: now.bytes_total.or(known.bytes_total),
        ..now.clone()
    };
}
