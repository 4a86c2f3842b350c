//! What the model of a load in mode insert remembers: the job, the target, the rejects, the workers, the network.
//!
//! Numbers are small: a record is its ordinal, an owner is the fence number of its claim (each claim has a fresh owner
//! and a fence number of its own, so one stands for both).

/// The most records of an input.
pub const MAX_RECORDS: usize = 4;
/// The most statements that nobody waits for any more.
const MAX_LOOSE: usize = 9;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is loaded.
    Loads,
    /// It is refused before it would be written.
    Malformed,
    /// A document of somebody else has its value in a unique index, until somebody takes that away.
    Rivalled,
    /// It has its value in a unique index in common with the input's other twin: the first to come is loaded.
    Twin,
    /// A step leaves it out.
    Dropped,
}

/// The books up to a gap-free end: `pipeline/src/books.rs`. Loaded counts what was loaded already, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Books {
    pub end: u8,
    pub loaded: u8,
    pub rejected: u8,
    pub dropped: u8,
}

/// The state of a job: `server/src/queue/record.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Queued,
    InProgress,
    Completed,
    Failed,
    /// Failed because the books did not balance, which must never be.
    Unbalanced,
    Cancelled,
}

impl Phase {
    /// Whether the job has ended.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::InProgress)
    }
}

/// The job as the queue has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub phase: Phase,
    /// Who has it; 0: nobody.
    pub holder: u8,
    /// The fence number of the newest claim.
    pub fence: u8,
    /// Whether the holder's lease has run out.
    pub expired: bool,
    /// Its resets.
    pub run: u8,
    pub checkpoint: Books,
}

/// A statement that was sent to a store, and may be applied at any later time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Statement {
    /// `stages/src/sink/mongodb/insert.rs`: the documents of a batch, unordered.
    Insert { first: u8, records: u8 },
    /// `server/src/rejects/mongo/store.rs`: `rejects` is a set of ordinals.
    Store { run: u8, by: u8, rejects: u8 },
    /// `server/src/rejects/mongo/remove_from.rs`: what lies behind the checkpoint that a claim begins at.
    Remove { run: u8, by: u8, from: u8 },
    /// `server/src/queue/mongo/save.rs`.
    Save { by: u8, before: Books, books: Books },
    /// `server/src/queue/mongo/finish.rs`.
    Finish { by: u8 },
}

/// How far a statement is for the worker that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Not applied.
    Sent,
    /// Applied: the answer is under way, with the records that were refused, or whether the job was matched.
    Applied { refused: u8, matched: bool },
}

/// What a batch in flight waits for: `write` in `pipeline/src/run.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaits {
    /// The sink.
    Target(Wire),
    /// The store of rejects.
    Rejects(Wire),
    /// The batches before it.
    Turn,
}

/// A batch in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    pub first: u8,
    pub records: u8,
    pub awaits: Awaits,
    /// The records that are rejects, as a set of ordinals: those known before, then the sink's too.
    pub rejects: u8,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Removing what an earlier attempt has left: `QueueLedger::open` in `server/src/worker/ledger.rs`.
    Opening(Wire),
    /// Reading, writing, saving: `pipeline/src/run.rs`.
    Running,
    /// The run has ended well: `Attempt::end` in `server/src/worker/attempt.rs`.
    Finishing(Wire),
}

/// A worker that believes that it has the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// Its claim.
    pub fence: u8,
    pub run: u8,
    pub stage: Stage,
    /// Where it began.
    pub from: u8,
    /// The next record to read.
    pub read: u8,
    /// What it has entered.
    pub books: Books,
    /// The newest that it knows to be saved.
    pub saved: Books,
    /// In the order of the input.
    pub flights: [Option<Flight>; 2],
    pub save: Option<(Books, Wire)>,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub job: Job,
    /// How many documents each record has, up to 2.
    pub documents: [u8; MAX_RECORDS],
    /// The rejects of the job's run: for each record 0, or who stored it.
    pub rejects: [u8; MAX_RECORDS],
    /// Whether somebody else's document stands in the way of [`Kind::Rivalled`].
    pub rival: bool,
    /// Up to two at once, the older claim first.
    pub workers: [Option<Worker>; 2],
    /// Statements of workers that are gone, or that were sent again. In order, so that equal sets are equal.
    pub loose: [Option<Statement>; MAX_LOOSE],
    /// How much may still go wrong.
    pub troubles: u8,
}

impl State {
    /// A job that is submitted.
    pub fn submitted(troubles: u8) -> Self {
        Self {
            job: Job {
                phase: Phase::Queued,
                holder: 0,
                fence: 0,
                expired: false,
                run: 0,
                checkpoint: Books::default(),
            },
            documents: [0; MAX_RECORDS],
            rejects: [0; MAX_RECORDS],
            rival: true,
            workers: [None; 2],
            loose: [None; MAX_LOOSE],
            troubles,
        }
    }

    /// Adds a statement for which nobody waits.
    ///
    /// # Panics
    /// Where there are too many: the bound would cut something off.
    pub fn let_loose(&mut self, statement: Statement) {
        let Some(free) = self.loose.iter().position(Option::is_none) else {
            panic!("there is no room for every statement of this bound");
        };
        self.loose[free] = Some(statement);
    }

    /// Ends a worker, whatever ended it: what it has sent and was not applied may be applied later.
    pub fn drop_worker(&mut self, slot: usize) {
        if let Some(worker) = self.workers[slot].take() {
            for statement in worker.unapplied().into_iter().flatten() {
                self.let_loose(statement);
            }
        }
    }
}

/// What a worker may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    Stage,
    Flight(usize),
    Save,
}

impl Waiting {
    pub const ALL: [Self; 4] = [Self::Stage, Self::Flight(0), Self::Flight(1), Self::Save];
}

impl Worker {
    /// A worker that has claimed `job` as it stands.
    pub fn of(job: &Job) -> Self {
        Self {
            fence: job.fence,
            run: job.run,
            stage: Stage::Opening(Wire::Sent),
            from: job.checkpoint.end,
            read: job.checkpoint.end,
            books: job.checkpoint,
            saved: job.checkpoint,
            flights: [None; 2],
            save: None,
        }
    }

    /// The statement whose answer it waits for there, and how far that is.
    pub fn statement(&self, at: Waiting) -> Option<(Statement, Wire)> {
        let (run, by) = (self.run, self.fence);
        match at {
            Waiting::Stage => match self.stage {
                Stage::Opening(wire) => {
                    let from = self.from;
                    Some((Statement::Remove { run, by, from }, wire))
                }
                Stage::Finishing(wire) => Some((Statement::Finish { by }, wire)),
                Stage::Running => None,
            },
            Waiting::Flight(at) => {
                let flight = self.flights[at]?;
                let (first, records) = (flight.first, flight.records);
                match flight.awaits {
                    Awaits::Target(wire) => Some((Statement::Insert { first, records }, wire)),
                    Awaits::Rejects(wire) => {
                        let rejects = flight.rejects;
                        Some((Statement::Store { run, by, rejects }, wire))
                    }
                    Awaits::Turn => None,
                }
            }
            Waiting::Save => {
                let (books, wire) = self.save?;
                let before = self.saved;
                Some((Statement::Save { by, before, books }, wire))
            }
        }
    }

    /// Sets how far the statement is that it waits for there.
    pub fn set_wire(&mut self, at: Waiting, to: Wire) {
        match at {
            Waiting::Stage => match &mut self.stage {
                Stage::Opening(wire) | Stage::Finishing(wire) => *wire = to,
                Stage::Running => {}
            },
            Waiting::Flight(at) => {
                if let Some(flight) = &mut self.flights[at] {
                    match &mut flight.awaits {
                        Awaits::Target(wire) | Awaits::Rejects(wire) => *wire = to,
                        Awaits::Turn => {}
                    }
                }
            }
            Waiting::Save => {
                if let Some((_, wire)) = &mut self.save {
                    *wire = to;
                }
            }
        }
    }

    /// What it has sent and was not applied.
    fn unapplied(&self) -> [Option<Statement>; 4] {
        Waiting::ALL.map(|at| match self.statement(at) {
            Some((statement, Wire::Sent)) => Some(statement),
            _ => None,
        })
    }
}

/// Whether a set of ordinals has this one.
pub fn has(set: u8, ordinal: usize) -> bool {
    set & (1 << ordinal) != 0
}
