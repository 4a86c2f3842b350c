//! What must be so in every state, and of every step.
//!
//! It looks at the target, the rejects and the job only, never at what a worker believes, except to say that what a
//! worker was told is saved is saved.

use super::Insert;
use super::state::{Books, Kind, Phase, State, Statement};
use super::steps::Step;

pub const TWICE: &str = "a record has two documents";
pub const GAP: &str = "the checkpoint passes a record that has no outcome";
pub const TWO_OUTCOMES: &str = "the checkpoint passes a record that has two outcomes";
pub const COUNTERS: &str = "the counters of the job are not what is there";
pub const TOO_SOON: &str = "the job is completed, and records have no outcome";
pub const TOO_MANY: &str = "the job is completed, and a reject too many is stored";
pub const BOOKS: &str = "the books do not balance, though nothing was lost but answers and workers";
pub const FORGOTTEN: &str = "a checkpoint that its worker knows to be saved is gone";
pub const NOT_THE_OWNER: &str = "somebody changed the job who does not have it";
pub const RAISED: &str = "a job that had ended goes on, and nobody retried it";
pub const BACKWARDS: &str = "the checkpoint goes back within a run";
pub const REDONE: &str = "a claim does again what was checkpointed";

/// What is wrong with a state.
pub fn wrong(model: &Insert, state: &State) -> Option<&'static str> {
    if state.documents.iter().any(|&documents| documents > 1) {
        return Some(TWICE);
    }
    let job = &state.job;
    let mut truth = Books {
        end: job.checkpoint.end,
        ..Books::default()
    };
    for at in 0..usize::from(truth.end) {
        let is_loaded = state.documents[at] > 0;
        let is_rejected = state.rejects[at] > 0;
        let is_dropped = model.input[at] == Kind::Dropped;
        match u8::from(is_loaded) + u8::from(is_rejected) + u8::from(is_dropped) {
            0 => return Some(GAP),
            1 => {}
            _ => return Some(TWO_OUTCOMES),
        }
        truth.loaded += u8::from(is_loaded);
        truth.rejected += u8::from(is_rejected);
        truth.dropped += u8::from(is_dropped);
    }
    if truth != job.checkpoint {
        return Some(COUNTERS);
    }
    if job.phase == Phase::Completed {
        if job.checkpoint.end < model.records() {
            return Some(TOO_SOON);
        }
        let stored = state.rejects.iter().filter(|stored| **stored > 0).count();
        if stored != usize::from(job.checkpoint.rejected) {
            return Some(TOO_MANY);
        }
    }
    if job.phase == Phase::Unbalanced {
        return Some(BOOKS);
    }
    let mut holder = state.workers.iter().flatten();
    let holder = holder.find(|worker| worker.fence == job.holder);
    if holder.is_some_and(|worker| worker.saved.end > job.checkpoint.end) {
        return Some(FORGOTTEN);
    }
    None
}

/// What is wrong with a step.
pub fn wrong_step(
    model: &Insert,
    before: &State,
    step: &Step,
    after: &State,
) -> Option<&'static str> {
    let (old, new) = (&before.job, &after.job);
    let is_changed = old.phase != new.phase || old.checkpoint != new.checkpoint;
    if let Step::Apply(statement) | Step::ApplyLate(statement) = step
        && let Statement::Save { by, .. } | Statement::Finish { by } = statement
        && is_changed
        && *by != old.holder
        && model.asks_for_the_owner
    {
        return Some(NOT_THE_OWNER);
    }
    let is_retry = matches!(step, Step::Retry { .. });
    if old.phase.is_terminal() && old.phase != new.phase && !is_retry {
        return Some(RAISED);
    }
    if old.run == new.run && new.checkpoint.end < old.checkpoint.end {
        return Some(BACKWARDS);
    }
    if let Step::Send { by, first, .. } = step {
        let mut workers = before.workers.iter().flatten();
        let sender = workers.find(|worker| worker.fence == *by);
        // Known to be checkpointed when it was claimed, or since by itself.
        if sender.is_some_and(|sender| *first < sender.from.max(sender.saved.end)) {
            return Some(REDONE);
        }
    }
    None
}
