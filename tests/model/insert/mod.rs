//! A load in mode insert: claim, write, reject, checkpoint, finish, with everything that may go wrong between.
//!
//! What is asked is what promise P1 says: whenever the job is completed, each record has exactly one outcome. What is
//! left out: budgets and holds (nothing lies beyond the checkpoint of a held job, so it goes on like a queued one), the
//! lease on the load beside the job's (the same rule twice), `attempts` (`job.rs`).
//!
//! What is assumed, because the program leans on it: a statement changes a document at once or not at all, and what was
//! acknowledged stays (`w: majority, j: true`); and as long as anybody's statements are under way, what a record gets
//! does not change by itself, so a document that stands in the way is taken away only between attempts.

mod apply;
mod state;
mod steps;
pub mod truth;

use crate::checker::Model;
use state::State;
pub use state::{Kind, MAX_RECORDS};
use steps::Step;

/// The input, what may go wrong, and the protocol.
#[derive(Clone)]
pub struct Insert {
    pub input: &'static [Kind],
    /// The most records of a batch.
    pub max_batch: u8,
    /// Crashes, lost answers, cancellations, failures, releases, leases that run out: so many in all.
    pub troubles: u8,
    /// Whether an answer comes in the step that applies the statement, or is lost in it. A worker that is told later does
    /// nothing that one could not do which the server serves later, so the smaller space shows as much.
    pub answers_at_once: bool,
    /// Whether what stands in a record's way may be taken away at any time, or only while nothing is under way by which
    /// the record could get two outcomes in one run.
    pub rival_goes_any_time: bool,
    /// Whether every writer and taker must be the owner, or only harm is looked for.
    pub asks_for_the_owner: bool,
    pub protocol: Protocol,
}

/// The parts of the protocol, each of which can be left out.
#[derive(Clone)]
pub struct Protocol {
    /// `_id` says where the record came from; else the server makes one.
    pub ids_of_the_source: bool,
    /// Records, then rejects, then the checkpoint; else the checkpoint first.
    pub checkpoint_last: bool,
    /// A checkpoint sets counters; else it adds to them.
    pub absolute_counters: bool,
    /// Acknowledgements are entered in the order of the input.
    pub in_order: bool,
    /// A checkpoint names the end of the one before.
    pub save_names_the_one_before: bool,
    pub save_is_fenced: bool,
    pub finish_is_fenced: bool,
    /// A run that goes on removes the rejects behind its checkpoint.
    pub removes_rejects: bool,
    /// The removal spares what a newer claim has stored.
    pub removal_is_fenced: bool,
    /// The run is part of a reject's `_id`.
    pub rejects_by_run: bool,
    /// A worker sends nothing from two thirds of its lease on.
    pub fences_itself: bool,
}

impl Protocol {
    /// As the program does it.
    pub fn ours() -> Self {
        Self {
            ids_of_the_source: true,
            checkpoint_last: true,
            absolute_counters: true,
            in_order: true,
            save_names_the_one_before: true,
            save_is_fenced: true,
            finish_is_fenced: true,
            removes_rejects: true,
            removal_is_fenced: true,
            rejects_by_run: true,
            fences_itself: true,
        }
    }
}

impl Insert {
    /// The program's protocol on this input.
    pub fn of(input: &'static [Kind], troubles: u8) -> Self {
        assert!(input.len() <= MAX_RECORDS, "the input is too long");
        Self {
            input,
            max_batch: 2,
            troubles,
            answers_at_once: true,
            rival_goes_any_time: false,
            asks_for_the_owner: true,
            protocol: Protocol::ours(),
        }
    }

    fn records(&self) -> u8 {
        self.input.len() as u8
    }

    /// The records of `first..first + records` of these kinds, as a set of ordinals.
    fn of_kinds(&self, first: u8, records: u8, kinds: &[Kind]) -> u8 {
        let range = first..first + records;
        let of_kind = range.filter(|&at| kinds.contains(&self.input[usize::from(at)]));
        of_kind.fold(0, |set, at| set | (1 << at))
    }
}

impl Model for Insert {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        State::submitted(self.troubles)
    }

    fn steps(&self, state: &State, next: &mut Vec<(Step, State)>) {
        steps::steps(self, state, next);
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        truth::wrong(self, state)
    }

    fn wrong_step(&self, before: &State, step: &Step, after: &State) -> Option<&'static str> {
        truth::wrong_step(self, before, step, after)
    }

    fn is_end(&self, state: &State) -> bool {
        state.job.phase == state::Phase::Completed
    }
}
