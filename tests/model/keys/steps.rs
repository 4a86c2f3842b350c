//! What can happen next to a load, and to a statement that is under way.

use super::server::{Outcome, apply, is_spent};
use super::{Flight, Keys, LOADS, Load, Mode, Stage, State, Statement, sequence};
use std::fmt;

/// One thing that happens. Loads go by their numbers.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `take` in `server/src/load/lease.rs`, by the first worker or the next one.
    Begin { load: usize, at: u8 },
    /// The same: `newer_load`.
    Refuse { load: usize },
    /// `pipeline/src/run/join.rs`, `send` in `stages/src/sink/mongodb/keyed.rs`.
    Send { load: usize, first: u8, records: u8 },
    /// The server takes the next step of a statement; its sender is answered where it is done.
    Apply { what: Statement, outcome: Outcome },
    /// It does so when nobody waits any more.
    ApplyLate { what: Statement, outcome: Outcome },
    /// It is done, and its sender is not told.
    LoseAnswer { what: Statement },
    /// The answer is late, and the statement is sent again: `stages/src/sink/mongodb/wire.rs`.
    SendAgain { what: Statement },
    /// `stages/src/sink/mongodb/lookup.rs`.
    LookUp { load: usize, is_there: bool },
    /// A checkpoint of what is entered.
    Save { load: usize, end: u8 },
    /// Its worker ends, by whatever: SIGKILL, a lost lease, a cancellation that is retried.
    Crash { load: usize },
    /// Its last record is checkpointed.
    Finish { load: usize },
}

impl fmt::Display for Step {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { load, at } => write!(to, "load {} goes on at record {at}", load + 1),
            Self::Refuse { load } => {
                write!(to, "load {} is refused: a later merge began", load + 1)
            }
            Self::Send {
                load,
                first,
                records,
            } => {
                let end = first + records;
                write!(to, "load {} sends records {first}..{end}", load + 1)
            }
            Self::Apply { what, outcome } => write!(to, "the server does {what}: {outcome}"),
            Self::ApplyLate { what, outcome } => {
                write!(to, "the server does {what}, late: {outcome}")
            }
            Self::LoseAnswer { what } => write!(to, "the server does {what}, and nobody is told"),
            Self::SendAgain { what } => write!(to, "no answer, sent again: {what}"),
            Self::LookUp { load, is_there } => {
                let found = if *is_there {
                    "there is one"
                } else {
                    "there is none"
                };
                write!(
                    to,
                    "load {} looks for a document of the key: {found}",
                    load + 1
                )
            }
            Self::Save { load, end } => write!(to, "load {} checkpoints {end} records", load + 1),
            Self::Crash { load } => write!(to, "the worker of load {} crashes", load + 1),
            Self::Finish { load } => write!(to, "load {} is completed", load + 1),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (load, first, end) = (self.load + 1, self.first, self.first + self.records);
        let how = match (self.has_looked, self.inserts) {
            (true, _) => "the insert of",
            (false, true) => "the write of",
            (false, false) => "the write, without inserting, of",
        };
        write!(to, "{how} records {first}..{end} of load {load}")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Looked => "nothing is found, it will insert",
            Self::Done => "done",
            Self::Missed => "nothing is found",
            Self::Stands => "the key has a document",
        })
    }
}

/// Where steps are gathered.
struct Steps<'a> {
    model: &'a Keys,
    here: &'a State,
    next: &'a mut Vec<(Step, State)>,
}

/// Appends all steps from a state.
pub fn steps(model: &Keys, here: &State, next: &mut Vec<(Step, State)>) {
    let mut steps = Steps { model, here, next };
    for load in 0..LOADS {
        match here.loads[load].stage {
            Stage::Idle => steps.of_an_idle(load),
            Stage::Live => steps.of_a_live(load),
            Stage::Done | Stage::Refused => {}
        }
    }
    for at in 0..here.loose.len() {
        if let Some(what) = here.loose[at] {
            let mut after = *here;
            let outcome = apply(model, &mut after, &what);
            after.loose[at] = (outcome == Outcome::Looked).then_some(Statement {
                has_looked: true,
                ..what
            });
            steps.push(Step::ApplyLate { what, outcome }, after);
        }
    }
}

impl Steps<'_> {
    fn push(&mut self, step: Step, mut after: State) {
        for at in 0..after.loose.len() {
            if after.loose[at].is_some_and(|it| is_spent(self.model, &after, &it)) {
                after.loose[at] = None;
            }
        }
        // Sets in one order: equal states are one state.
        after.loose.sort_unstable_by(|one, other| other.cmp(one));
        self.next.push((step, after));
    }

    /// Adds a step, with `change` made to one load.
    fn add(&mut self, load: usize, step: Step, change: impl FnOnce(&mut Load)) {
        let mut after = *self.here;
        change(&mut after.loads[load]);
        self.push(step, after);
    }

    fn of_an_idle(&mut self, load: usize) {
        let protocol = &self.model.protocol;
        let is_merge = self.model.modes[load] == Mode::Merge;
        let others = self
            .here
            .loads
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != load);
        let later = |(other, it): (usize, &Load)| other > load && it.has_begun;
        if is_merge && protocol.later_merge_refuses && others.clone().any(later) {
            self.add(load, Step::Refuse { load }, |it| it.stage = Stage::Refused);
            return;
        }
        let is_alone = others.clone().all(|(_, it)| it.stage != Stage::Live);
        if is_merge && protocol.one_merge_at_a_time && !is_alone {
            return;
        }
        if protocol.waits_for_late_statements {
            let earlier = others
                .clone()
                .all(|(other, it)| other > load || it.stage == Stage::Done);
            let is_quiet = self
                .here
                .loose
                .iter()
                .flatten()
                .all(|it| usize::from(it.load) == load);
            if !earlier || !is_quiet {
                return;
            }
        }
        let at = self.here.loads[load].saved;
        self.add(load, Step::Begin { load, at }, |it| {
            it.stage = Stage::Live;
            (it.read, it.entered) = (at, at);
        });
    }

    fn of_a_live(&mut self, load: usize) {
        let it = self.here.loads[load];
        let (model, first) = (self.model, it.read);
        let in_flight = it.flights.iter().flatten().count();
        if in_flight < model.max_in_flight(load) {
            let left = model.count(load) - first;
            for records in 1..=left.min(2) {
                let statement = Statement {
                    load: load as u8,
                    first,
                    records,
                    inserts: matches!(model.modes[load], Mode::Upsert | Mode::Merge),
                    has_looked: false,
                };
                self.add(
                    load,
                    Step::Send {
                        load,
                        first,
                        records,
                    },
                    |it| {
                        it.read = first + records;
                        it.has_begun = true;
                        it.flights[in_flight] = Some(Flight::Sent(statement));
                    },
                );
            }
        }
        for at in 0..it.flights.len() {
            match it.flights[at] {
                Some(Flight::Sent(statement)) => self.of_a_statement(load, at, statement),
                Some(Flight::Missed(statement)) => self.look_up(load, at, statement),
                Some(Flight::Done { .. }) | None => {}
            }
        }
        if it.entered > it.saved {
            let end = it.entered;
            self.add(load, Step::Save { load, end }, |it| it.saved = end);
        }
        if it.saved == model.count(load) {
            self.add(load, Step::Finish { load }, |it| it.stage = Stage::Done);
        }
        if self.here.troubles > 0 {
            let mut after = *self.here;
            after.troubles -= 1;
            for flight in after.loads[load].flights {
                if let Some(Flight::Sent(statement)) = flight {
                    after.let_loose(statement);
                }
            }
            after.loads[load].flights = [None; 2];
            after.loads[load].stage = Stage::Idle;
            // Nobody knows it any more.
            (after.loads[load].read, after.loads[load].entered) = (it.saved, it.saved);
            self.push(Step::Crash { load }, after);
        }
    }

    fn of_a_statement(&mut self, load: usize, at: usize, what: Statement) {
        let mut after = *self.here;
        let outcome = apply(self.model, &mut after, &what);
        let told = match outcome {
            Outcome::Looked => Flight::Sent(Statement {
                has_looked: true,
                ..what
            }),
            Outcome::Stands => Flight::Sent(Statement {
                inserts: false,
                has_looked: false,
                ..what
            }),
            Outcome::Missed => Flight::Missed(what),
            Outcome::Done => Flight::Done {
                records: what.records,
                rejected: false,
            },
        };
        let before = after;
        after.loads[load].flights[at] = Some(told);
        if outcome == Outcome::Done {
            after.loads[load].acknowledge(&what);
        }
        enter(&mut after.loads[load]);
        self.push(Step::Apply { what, outcome }, after);
        if self.here.troubles == 0 {
            return;
        }
        let again = Flight::Sent(Statement {
            has_looked: false,
            ..what
        });
        if outcome != Outcome::Looked {
            let mut after = before;
            after.troubles -= 1;
            after.loads[load].flights[at] = Some(again);
            self.push(Step::LoseAnswer { what }, after);
        }
        let mut after = *self.here;
        after.troubles -= 1;
        after.let_loose(what);
        after.loads[load].flights[at] = Some(again);
        self.push(Step::SendAgain { what }, after);
    }

    /// `missed` in `keyed.rs`: where a newer document stands, the records count as loaded.
    fn look_up(&mut self, load: usize, at: usize, what: Statement) {
        let there = self.here.documents.iter().flatten().next();
        let own = sequence(what.load, what.first + what.records - 1);
        let compares = self.model.protocol.lookup_compares;
        let is_newer = there.is_some_and(|there| there.sequence >= own || !compares);
        let is_there = there.is_some();
        let rejected = !is_there && self.model.modes[load] == Mode::Replace;
        self.add(load, Step::LookUp { load, is_there }, |it| {
            it.flights[at] = Some(match is_newer || rejected {
                true => Flight::Done {
                    records: what.records,
                    rejected,
                },
                // It stood when it was to be inserted and is gone, or somebody older has inserted it just now.
                false => Flight::Sent(Statement {
                    inserts: !is_there,
                    ..what
                }),
            });
            it.rejected |= rejected;
            if is_newer {
                it.acknowledge(&what);
            }
            enter(it);
        });
    }
}

impl State {
    fn let_loose(&mut self, statement: Statement) {
        let Some(free) = self.loose.iter().position(Option::is_none) else {
            panic!("there is no room for every statement of this bound");
        };
        self.loose[free] = Some(statement);
    }
}

impl Load {
    fn acknowledge(&mut self, what: &Statement) {
        for ordinal in what.first..what.first + what.records {
            self.acknowledged |= 1 << ordinal;
        }
    }
}

/// Enters the batches whose turn it is.
fn enter(load: &mut Load) {
    while let Some(Flight::Done { records, .. }) = load.flights[0] {
        load.entered += records;
        load.flights = [load.flights[1], None];
    }
}
