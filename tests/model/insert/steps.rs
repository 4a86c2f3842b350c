//! What can happen next: to the job, to a worker, to a statement that is under way.
//!
//! What costs a trouble can happen as often as there are troubles left. All else is free: a lease whose worker is gone
//! runs out, somebody retries.

use super::Insert;
use super::apply::{apply, is_spent};
use super::state::{
    Awaits, Flight, Kind, Phase, Stage, State, Statement, Waiting, Wire, Worker, has,
};
use std::fmt;

/// One thing that happens. Workers go by the fence number of their claim.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `server/src/queue/mongo/claim.rs`: a due job, or one whose lease has run out.
    Claim { by: u8, from: u8 },
    /// `pipeline/src/run/join.rs`, then `write` in `pipeline/src/run.rs`.
    Send { by: u8, first: u8, records: u8 },
    /// `pipeline/src/run/saver.rs`: the newest gap-free end, one save at a time.
    Save { by: u8, end: u8 },
    /// `pipeline/src/run/close.rs`, then `Attempt::end`: the stored rejects are counted, the books balance.
    Finish { by: u8 },
    /// The same, and they do not.
    Unbalanced { by: u8 },
    /// The server does what a statement says.
    Apply(Statement),
    /// It does it long after its sender has stopped waiting.
    ApplyLate(Statement),
    /// The answer reaches the worker.
    Answer { by: u8, to: Statement },
    /// It does not, and the worker sends the statement again: `stages/src/sink/mongodb/{wire,statement}.rs`.
    SendAgain { by: u8, what: Statement },
    /// Applied, and the answer is lost.
    LoseAnswer { by: u8, to: Statement },
    /// SIGKILL; or two thirds of the lease are over and the worker drops its run: `server/src/worker/allowance.rs`.
    Crash { by: u8 },
    /// A renewal finds another owner or none, and the run is dropped: `server/src/worker/control.rs`.
    Hear { by: u8 },
    /// `server/src/queue/mongo/release.rs`: an outage, or the end of the process.
    Release { by: u8 },
    /// `server/src/queue/mongo/fail.rs`: an error that no other try heals.
    Fail { by: u8 },
    /// The server's time passes `lockUntil`.
    Expire { of: u8 },
    /// A renewal that was sent long ago: `server/src/queue/mongo/renew.rs`.
    RenewLate { by: u8 },
    /// `server/src/queue/mongo/cancel.rs`.
    Cancel,
    /// `server/src/queue/mongo/retry.rs`, from the checkpoint or from the start as the next run.
    Retry { reset: bool },
    /// Somebody takes away what stood in a record's way in the target.
    TakeAwayRival,
}

impl fmt::Display for Step {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim { by, from } => write!(to, "claim {by} takes the job, at record {from}"),
            Self::Send { by, first, records } => {
                write!(
                    to,
                    "claim {by} sends a batch: records {first}..{}",
                    first + records
                )
            }
            Self::Save { by, end } => {
                write!(to, "claim {by} sends a checkpoint that ends at {end}")
            }
            Self::Finish { by } => {
                write!(to, "claim {by} finds the books right and sends the finish")
            }
            Self::Unbalanced { by } => {
                write!(to, "claim {by} fails the job: the books do not balance")
            }
            Self::Apply(statement) => write!(to, "the server applies: {statement}"),
            Self::ApplyLate(statement) => write!(to, "the server applies, late: {statement}"),
            Self::Answer { by, to: statement } => write!(to, "claim {by} is answered: {statement}"),
            Self::SendAgain { by, what } => {
                write!(to, "claim {by} has no answer and sends again: {what}")
            }
            Self::LoseAnswer { by, to: statement } => {
                write!(
                    to,
                    "the server applies: {statement}, and claim {by} is not told"
                )
            }
            Self::Crash { by } => write!(to, "claim {by} crashes, or its allowance is over"),
            Self::Hear { by } => write!(to, "claim {by} hears that the job is not its own"),
            Self::Release { by } => write!(to, "claim {by} gives the job back"),
            Self::Fail { by } => write!(to, "claim {by} fails the job"),
            Self::Expire { of } => write!(to, "the lease of claim {of} runs out"),
            Self::RenewLate { by } => write!(to, "a late renewal of claim {by} is applied"),
            Self::Cancel => write!(to, "the job is cancelled"),
            Self::Retry { reset: false } => write!(to, "the job is retried"),
            Self::Retry { reset: true } => write!(to, "the job is retried from the start"),
            Self::TakeAwayRival => write!(to, "somebody takes away what stood in the way"),
        }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert { first, records } => {
                write!(to, "insert records {first}..{}", first + records)
            }
            Self::Store { run, by, rejects } => {
                let of = (0..8).filter(|&at| has(*rejects, at));
                let of = of.map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
                write!(to, "store the rejects {of} of run {run} by claim {by}")
            }
            Self::Remove { run, by, from } => {
                write!(
                    to,
                    "remove the rejects of run {run} from {from} on for claim {by}"
                )
            }
            Self::Save { by, before, books } => {
                write!(to, "save {books:?} behind {} by claim {by}", before.end)
            }
            Self::Finish { by } => write!(to, "complete the job by claim {by}"),
        }
    }
}

/// Where steps are gathered.
struct Steps<'a> {
    model: &'a Insert,
    here: &'a State,
    next: &'a mut Vec<(Step, State)>,
}

/// Appends all steps from a state.
pub fn steps(model: &Insert, here: &State, next: &mut Vec<(Step, State)>) {
    let mut steps = Steps { model, here, next };
    steps.of_the_job();
    for slot in 0..here.workers.len() {
        if let Some(worker) = here.workers[slot] {
            steps.of_a_worker(slot, &worker);
            steps.of_its_statements(slot, &worker);
        }
    }
    steps.of_loose_statements();
}

impl Steps<'_> {
    /// Adds a step, with `change` made to the state.
    fn add(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        let mut after = *self.here;
        change(&mut after);
        for at in 0..after.loose.len() {
            let spent = after.loose[at].filter(|&it| is_spent(self.model, &after, it));
            if spent.is_some() {
                after.loose[at] = None;
            }
        }
        // Sets in one order: equal states are one state.
        after.loose.sort_unstable_by(|one, other| other.cmp(one));
        after
            .workers
            .sort_unstable_by_key(|worker| worker.map_or(u8::MAX, |worker| worker.fence));
        self.next.push((step, after));
    }

    /// Adds a step that goes wrong.
    fn trouble(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        if self.here.troubles > 0 {
            self.add(step, |after| {
                after.troubles -= 1;
                change(after);
            });
        }
    }

    fn of_the_job(&mut self) {
        let job = self.here.job;
        let is_due = job.phase == Phase::Queued || (job.phase == Phase::InProgress && job.expired);
        if let Some(slot) = self
            .here
            .workers
            .iter()
            .position(Option::is_none)
            .filter(|_| is_due)
        {
            let (by, from) = (job.fence + 1, job.checkpoint.end);
            self.add(Step::Claim { by, from }, |after| {
                let job = &mut after.job;
                (job.phase, job.holder, job.fence, job.expired) =
                    (Phase::InProgress, by, by, false);
                let mut worker = Worker::of(job);
                if !self.model.protocol.removes_rejects {
                    worker.stage = Stage::Running;
                }
                after.workers[slot] = Some(worker);
            });
        }
        if job.phase == Phase::InProgress {
            self.of_the_lease();
        }
        if !job.phase.is_terminal() {
            self.trouble(Step::Cancel, |after| {
                (after.job.phase, after.job.holder, after.job.expired) =
                    (Phase::Cancelled, 0, false);
            });
        }
        if matches!(job.phase, Phase::Failed | Phase::Cancelled) {
            for reset in [false, true] {
                self.add(Step::Retry { reset }, |after| {
                    after.job.phase = Phase::Queued;
                    if reset {
                        after.job.run += 1;
                        after.job.checkpoint = Default::default();
                        if self.model.protocol.rejects_by_run {
                            after.rejects = Default::default();
                        }
                    }
                });
            }
        }
        if self.rival_may_go() {
            self.trouble(Step::TakeAwayRival, |after| after.rival = false);
        }
    }

    fn of_the_lease(&mut self) {
        let job = self.here.job;
        let of = job.holder;
        let mut workers = self.here.workers.iter().flatten();
        let holder = workers.find(|worker| worker.fence == of);
        if job.expired {
            if holder.is_none() {
                self.add(Step::RenewLate { by: of }, |after| {
                    after.job.expired = false
                });
            }
            return;
        }
        match holder {
            None => self.add(Step::Expire { of }, |after| after.job.expired = true),
            Some(worker) => {
                // A run is dropped before its lease ends. What ends the attempt is sent however late it is.
                let outlives = matches!(worker.stage, Stage::Finishing(_));
                if outlives || !self.model.protocol.fences_itself {
                    self.trouble(Step::Expire { of }, |after| after.job.expired = true);
                }
            }
        }
    }

    fn rival_may_go(&self) -> bool {
        if !self.here.rival || !self.model.input.contains(&Kind::Rivalled) {
            return false;
        }
        if self.model.rival_goes_any_time {
            return true;
        }
        let State { job, workers, .. } = self.here;
        let is_between = matches!(job.phase, Phase::Queued | Phase::Cancelled | Phase::Failed);
        let mut loose = self.here.loose.iter().flatten();
        let is_quiet = loose.all(|statement| match *statement {
            Statement::Insert { first, records } => {
                self.model.of_kinds(first, records, &[Kind::Rivalled]) == 0
            }
            Statement::Store { run, .. } => run != job.run,
            _ => true,
        });
        is_between && is_quiet && workers.iter().all(Option::is_none)
    }

    fn of_a_worker(&mut self, slot: usize, worker: &Worker) {
        let by = worker.fence;
        if worker.stage == Stage::Running {
            self.of_a_run(slot, worker);
        }
        self.trouble(Step::Crash { by }, |after| after.drop_worker(slot));
        if self.here.job.holder != by {
            self.add(Step::Hear { by }, |after| after.drop_worker(slot));
            return;
        }
        self.trouble(Step::Release { by }, |after| {
            after.drop_worker(slot);
            (after.job.phase, after.job.holder, after.job.expired) = (Phase::Queued, 0, false);
        });
        self.trouble(Step::Fail { by }, |after| {
            after.drop_worker(slot);
            (after.job.phase, after.job.holder, after.job.expired) = (Phase::Failed, 0, false);
        });
    }

    fn of_a_run(&mut self, slot: usize, worker: &Worker) {
        let (by, first) = (worker.fence, worker.read);
        let model = self.model;
        if let Some(free) = worker.flights.iter().position(Option::is_none) {
            let left = model.records() - first;
            for records in 1..=left.min(model.max_batch) {
                self.add(Step::Send { by, first, records }, |after| {
                    send(model, after, slot, free, first, records);
                });
            }
        }
        if worker.save.is_none() && worker.books.end != worker.saved.end {
            let end = worker.books.end;
            self.add(Step::Save { by, end }, |after| {
                let books = worker.books;
                with(after, slot, |worker| {
                    worker.save = Some((books, Wire::Sent))
                });
            });
        }
        let is_drained = worker.flights.iter().all(Option::is_none) && worker.save.is_none();
        if is_drained && worker.saved.end == model.records() {
            let stored = self
                .here
                .rejects
                .iter()
                .filter(|stored| **stored > 0)
                .count();
            if stored == usize::from(worker.saved.rejected) {
                self.add(Step::Finish { by }, |after| {
                    with(after, slot, |worker| {
                        worker.stage = Stage::Finishing(Wire::Sent)
                    });
                });
            } else {
                self.add(Step::Unbalanced { by }, |after| {
                    after.drop_worker(slot);
                    if after.job.holder == by {
                        (after.job.phase, after.job.holder) = (Phase::Unbalanced, 0);
                    }
                });
            }
        }
    }

    fn of_its_statements(&mut self, slot: usize, worker: &Worker) {
        let (by, model) = (worker.fence, self.model);
        for at in Waiting::ALL {
            let Some((statement, wire)) = worker.statement(at) else {
                continue;
            };
            if wire == Wire::Sent {
                self.add(Step::Apply(statement), |after| {
                    let answer = apply(model, after, statement);
                    with(after, slot, |worker| worker.set_wire(at, answer));
                    if model.answers_at_once {
                        answered(model, after, slot, at, answer);
                    }
                });
                if model.answers_at_once {
                    self.trouble(Step::LoseAnswer { by, to: statement }, |after| {
                        apply(model, after, statement);
                    });
                }
            } else {
                self.add(Step::Answer { by, to: statement }, |after| {
                    answered(model, after, slot, at, wire);
                });
            }
            let again = Step::SendAgain {
                by,
                what: statement,
            };
            self.trouble(again, |after| {
                if wire == Wire::Sent {
                    after.let_loose(statement);
                }
                with(after, slot, |worker| worker.set_wire(at, Wire::Sent));
            });
        }
    }

    fn of_loose_statements(&mut self) {
        for at in 0..self.here.loose.len() {
            let Some(statement) = self.here.loose[at] else {
                return;
            };
            let model = self.model;
            self.add(Step::ApplyLate(statement), |after| {
                after.loose[at] = None;
                apply(model, after, statement);
            });
        }
    }
}

fn with(state: &mut State, slot: usize, change: impl FnOnce(&mut Worker)) {
    if let Some(worker) = &mut state.workers[slot] {
        change(worker);
    }
}

/// A batch is read, converted and sent; one of which nothing is to be written goes on at once.
fn send(model: &Insert, state: &mut State, slot: usize, free: usize, first: u8, records: u8) {
    let to_write = model.of_kinds(first, records, &[Kind::Loads, Kind::Rivalled, Kind::Twin]);
    let rejects = model.of_kinds(first, records, &[Kind::Malformed]);
    with(state, slot, |worker| {
        worker.read = first + records;
        worker.flights[free] = Some(Flight {
            first,
            records,
            awaits: match to_write {
                0 => behind_the_target(rejects),
                _ => Awaits::Target(Wire::Sent),
            },
            rejects,
        });
        if !model.protocol.checkpoint_last {
            let expected = rejects | model.of_kinds(first, records, &[Kind::Rivalled]);
            enter(model, worker, first, records, expected);
        }
        enter_all(model, worker);
    });
}

fn behind_the_target(rejects: u8) -> Awaits {
    match rejects {
        0 => Awaits::Turn,
        _ => Awaits::Rejects(Wire::Sent),
    }
}

/// The worker goes on with an answer.
fn answered(model: &Insert, state: &mut State, slot: usize, at: Waiting, wire: Wire) {
    let Wire::Applied { refused, matched } = wire else {
        return;
    };
    if !matched {
        // The lease is lost: the run is dropped with all its tasks.
        state.drop_worker(slot);
        return;
    }
    let mut has_ended = false;
    with(state, slot, |worker| match at {
        Waiting::Stage => {
            has_ended = matches!(worker.stage, Stage::Finishing(_));
            worker.stage = Stage::Running;
        }
        Waiting::Save => {
            if let Some((books, _)) = worker.save.take() {
                worker.saved = books;
            }
        }
        Waiting::Flight(at) => {
            if let Some(flight) = &mut worker.flights[at] {
                flight.rejects |= refused;
                flight.awaits = match flight.awaits {
                    Awaits::Target(_) => behind_the_target(flight.rejects),
                    _ => Awaits::Turn,
                };
            }
            enter_all(model, worker);
        }
    });
    if has_ended {
        state.drop_worker(slot);
    }
}

/// Enters the batches whose turn it is: `Clerk::enter_all` in `pipeline/src/run.rs`. The first flight is the older one.
fn enter_all(model: &Insert, worker: &mut Worker) {
    for _ in 0..worker.flights.len() {
        let done = |flight: &Option<Flight>| flight.is_some_and(|it| it.awaits == Awaits::Turn);
        let at = match model.protocol.in_order {
            true => done(&worker.flights[0]).then_some(0),
            false => worker.flights.iter().position(done),
        };
        let Some(flight) = at.and_then(|at| worker.flights[at].take()) else {
            break;
        };
        if worker.flights[0].is_none() {
            worker.flights.swap(0, 1);
        }
        if model.protocol.checkpoint_last {
            enter(model, worker, flight.first, flight.records, flight.rejects);
        }
    }
}

/// `Books::enter`: what was neither rejected nor dropped is loaded.
fn enter(model: &Insert, worker: &mut Worker, first: u8, records: u8, rejects: u8) {
    let dropped = model
        .of_kinds(first, records, &[Kind::Dropped])
        .count_ones() as u8;
    let rejected = rejects.count_ones() as u8;
    let books = &mut worker.books;
    books.end = books.end.max(first + records);
    books.rejected += rejected;
    books.dropped += dropped;
    books.loaded += records - rejected - dropped;
}
