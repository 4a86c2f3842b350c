//! The key modes: two loads of one target, whose records all have one key.
//!
//! Documents of different keys never meet, so one key shows whatever there is to see. A record's sequence is the number
//! of its load and its ordinal (`_src.seq`). What is asked: the key has one document; of upsert and replace it is the
//! newest that was acknowledged to anybody, or a newer one; of merge each of its fields is. That holds in every state,
//! so it holds at the end, whatever is applied late.
//!
//! Left out: the job, its fence and its checkpoint's counters, which are those of `insert`.

mod server;
mod steps;
pub mod truth;

use crate::checker::Model;
pub use steps::Step;

/// Loads that write the same target; their numbers are 1 and 2.
pub const LOADS: usize = 2;
/// The most statements that nobody waits for any more.
const MAX_LOOSE: usize = 6;
/// Fields of the document that records set.
const FIELDS: usize = 2;

/// How a load writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Upsert,
    Replace,
    Merge,
    Delete,
}

/// What is loaded, what may go wrong, and the protocol.
#[derive(Clone)]
pub struct Keys {
    /// The mode of each load.
    pub modes: [Mode; LOADS],
    /// The records of each load: the fields that each of them sets, as a set.
    pub records: [&'static [u8]; LOADS],
    /// Whether a document of the key is there before, of no load.
    pub is_there: bool,
    /// Crashes and lost answers, so many in all.
    pub troubles: u8,
    pub protocol: Protocol,
}

/// The parts of the protocol, each of which can be left out.
#[derive(Clone)]
pub struct Protocol {
    /// The filter finds no document with a newer `_src.seq`.
    pub newest_wins: bool,
    /// There is a unique index on the key.
    pub unique_index: bool,
    /// A merge has one batch in flight; all else two.
    pub one_merge_batch: bool,
    /// Where a statement finds nothing, what stands there is compared; else whatever stands is taken for newer.
    pub lookup_compares: bool,
    /// Merge loads run one at a time.
    pub one_merge_at_a_time: bool,
    /// Once a later merge has started, an earlier one is refused.
    pub later_merge_refuses: bool,
    /// A load waits until what an earlier one has sent can not be applied any more.
    pub waits_for_late_statements: bool,
}

impl Keys {
    /// The program's protocol.
    pub fn of(modes: [Mode; LOADS], records: [&'static [u8]; LOADS], troubles: u8) -> Self {
        Self {
            modes,
            records,
            is_there: false,
            troubles,
            protocol: Protocol {
                newest_wins: true,
                unique_index: true,
                one_merge_batch: true,
                lookup_compares: true,
                one_merge_at_a_time: true,
                later_merge_refuses: true,
                waits_for_late_statements: false,
            },
        }
    }

    /// The records of a load.
    fn count(&self, load: usize) -> u8 {
        self.records[load].len() as u8
    }

    /// How many batches a load may have in flight.
    fn max_in_flight(&self, load: usize) -> usize {
        match self.modes[load] == Mode::Merge && self.protocol.one_merge_batch {
            true => 1,
            false => 2,
        }
    }
}

/// The sequence of a record; 0 is a document of no load, which has none.
pub fn sequence(load: u8, ordinal: u8) -> u8 {
    (load + 1) * 8 + ordinal
}

/// A document of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Document {
    pub sequence: u8,
    /// The sequence of the record that set each field.
    pub fields: [u8; FIELDS],
}

/// The statement of a batch: `statement` in `stages/src/sink/mongodb/keyed.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Statement {
    pub load: u8,
    pub first: u8,
    pub records: u8,
    /// Whether it inserts where it finds nothing.
    pub inserts: bool,
    /// The server has found nothing, and is about to insert.
    pub has_looked: bool,
}

/// A batch in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flight {
    /// Its statement is under way.
    Sent(Statement),
    /// It changed nothing and was not to insert: the key is looked up, `lookup.rs`.
    Missed(Statement),
    /// It has its outcome, and waits for the batches before it.
    Done { records: u8, rejected: bool },
}

/// Where a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nobody writes it: it has not begun, or its worker has crashed.
    Idle,
    Live,
    Done,
    /// A later merge has started.
    Refused,
}

/// A load, and the worker that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    pub stage: Stage,
    /// Something of it may be in the target: `Announced` in `server/src/load/lease.rs`.
    pub has_begun: bool,
    pub read: u8,
    /// Entered into the books, and saved.
    pub entered: u8,
    pub saved: u8,
    /// In the order of the input.
    pub flights: [Option<Flight>; 2],
    /// The records that were acknowledged to some worker as loaded, as a set of ordinals.
    pub acknowledged: u8,
    pub rejected: bool,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub documents: [Option<Document>; 2],
    /// The newest delete that was applied.
    pub deleted: u8,
    pub loads: [Load; LOADS],
    pub loose: [Option<Statement>; MAX_LOOSE],
    pub troubles: u8,
}

impl Model for Keys {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        let before = Document {
            sequence: 0,
            fields: [0; FIELDS],
        };
        let load = Load {
            stage: Stage::Idle,
            has_begun: false,
            read: 0,
            entered: 0,
            saved: 0,
            flights: [None; 2],
            acknowledged: 0,
            rejected: false,
        };
        State {
            documents: [self.is_there.then_some(before), None],
            deleted: 0,
            loads: [load; LOADS],
            loose: [None; MAX_LOOSE],
            troubles: self.troubles,
        }
    }

    fn steps(&self, state: &State, next: &mut Vec<(Step, State)>) {
        steps::steps(self, state, next);
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        truth::wrong(self, state)
    }

    fn wrong_step(&self, before: &State, _: &Step, after: &State) -> Option<&'static str> {
        truth::wrong_step(before, after)
    }

    fn is_end(&self, state: &State) -> bool {
        let mut loads = state.loads.iter();
        loads.all(|load| matches!(load.stage, Stage::Done | Stage::Refused))
    }
}
