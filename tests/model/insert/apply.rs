//! What the stores do with a statement, whenever it reaches them.

use super::Insert;
use super::state::{Books, Kind, Phase, State, Statement, Wire, has};

/// Applies a statement, and says what its answer is.
pub fn apply(model: &Insert, state: &mut State, statement: Statement) -> Wire {
    let mut answer = (0, true);
    match statement {
        Statement::Insert { first, records } => {
            answer.0 = insert(model, state, first, records);
        }
        Statement::Store { run, by, rejects } => {
            // Those of an earlier run lie under other `_id`s, which nobody reads.
            if run == state.job.run || !model.protocol.rejects_by_run {
                for (at, stored) in state.rejects.iter_mut().enumerate() {
                    if has(rejects, at) {
                        *stored = (*stored).max(by);
                    }
                }
            }
        }
        Statement::Remove { run, by, from } => {
            if run == state.job.run || !model.protocol.rejects_by_run {
                for stored in &mut state.rejects[usize::from(from)..] {
                    if *stored < by || !model.protocol.removal_is_fenced {
                        *stored = 0;
                    }
                }
            }
        }
        Statement::Save { by, before, books } => {
            answer.1 = save(model, state, by, before, books);
        }
        Statement::Finish { by } => {
            // Met again in its new state with its own fence number and `left`: the answer was lost.
            let has_left = state.job.phase == Phase::Completed && state.job.fence == by;
            answer.1 = has_left || is_held(state, by, model.protocol.finish_is_fenced);
            if answer.1 {
                state.job.phase = Phase::Completed;
                state.job.holder = 0;
                state.job.expired = false;
            }
        }
    }
    Wire::Applied {
        refused: answer.0,
        matched: answer.1,
    }
}

/// `held_by` in `server/src/queue/mongo/leave.rs`: state, owner and fence number.
fn is_held(state: &State, by: u8, fenced: bool) -> bool {
    state.job.phase == Phase::InProgress && (!fenced || state.job.holder == by)
}

/// Inserts what is not there; says which records were refused. A document of its own `_id` is loaded already.
fn insert(model: &Insert, state: &mut State, first: u8, records: u8) -> u8 {
    let mut refused = 0;
    for ordinal in first..first + records {
        let at = usize::from(ordinal);
        let kind = model.input[at];
        if matches!(kind, Kind::Malformed | Kind::Dropped) {
            continue;
        }
        if state.documents[at] > 0 && model.protocol.ids_of_the_source {
            continue;
        }
        let others = model.input.iter().zip(state.documents).enumerate();
        let mut others = others.filter(|(other, _)| *other != at);
        let is_taken = match kind {
            Kind::Rivalled => state.rival,
            Kind::Twin => others.any(|(_, (kind, documents))| *kind == Kind::Twin && documents > 0),
            _ => false,
        };
        match is_taken {
            true => refused |= 1 << at,
            false => state.documents[at] = (state.documents[at] + 1).min(2),
        }
    }
    refused
}

fn save(model: &Insert, state: &mut State, by: u8, before: Books, books: Books) -> bool {
    let protocol = &model.protocol;
    let checkpoint = &mut state.job.checkpoint;
    let follows = checkpoint.end == before.end || *checkpoint == books;
    let is_next = follows || !protocol.save_names_the_one_before;
    if !is_next {
        return false;
    }
    if !is_held(state, by, protocol.save_is_fenced) {
        return false;
    }
    let checkpoint = &mut state.job.checkpoint;
    if protocol.absolute_counters {
        *checkpoint = books;
    } else {
        checkpoint.end = books.end;
        checkpoint.loaded += books.loaded - before.loaded;
        checkpoint.rejected += books.rejected - before.rejected;
        checkpoint.dropped += books.dropped - before.dropped;
    }
    true
}

/// Whether a statement that nobody waits for can never change anything any more, so that it may be forgotten.
pub fn is_spent(model: &Insert, state: &State, statement: Statement) -> bool {
    let protocol = &model.protocol;
    let job = &state.job;
    let is_over = |by: u8| job.fence > by || job.holder != by;
    match statement {
        Statement::Insert { first, records } => {
            let mut range = usize::from(first)..usize::from(first + records);
            protocol.ids_of_the_source
                && range.all(|at| match model.input[at] {
                    Kind::Malformed | Kind::Dropped => true,
                    Kind::Loads | Kind::Rivalled => state.documents[at] > 0,
                    // Whichever of the twins is there stays.
                    Kind::Twin => {
                        let both = model.input.iter().zip(state.documents);
                        let mut twins = both.filter(|(kind, _)| **kind == Kind::Twin);
                        twins.any(|(_, documents)| documents > 0)
                    }
                })
        }
        Statement::Store { run, .. } | Statement::Remove { run, .. } => {
            protocol.rejects_by_run && run < job.run
        }
        // Who does not hold the job will never hold it again.
        Statement::Save { by, books, .. } => {
            let ours = protocol.save_is_fenced
                && protocol.save_names_the_one_before
                && protocol.absolute_counters;
            ours && (is_over(by) || books.end <= job.checkpoint.end)
        }
        Statement::Finish { by } => protocol.finish_is_fenced && is_over(by),
    }
}
