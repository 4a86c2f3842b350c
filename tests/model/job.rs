//! The life of a job: claims, leases, attempts and the states that clients change.
//!
//! What is written is not looked at here (`insert` does), only how often a job is begun and how it ends. What is asked
//! is that of promise P2: a record that kills its worker is given up after so many claims, a job that gets further with
//! each claim never is, an outage is charged to nobody, and only a client's word leaves a state that waits for it.

use crate::checker::Model;
use std::fmt;

pub const TOO_OFTEN: &str = "a job that cannot be done is begun again and again";
pub const GIVEN_UP: &str = "a job is given up that got further, or whose workers met outages only";
pub const RAISED: &str = "a job that had ended or was held goes on without a client's word";
pub const TWO_OWNERS: &str = "a worker renews a job that another has";

/// A job, what may go wrong, and the protocol.
#[derive(Clone)]
pub struct Life {
    pub records: u8,
    /// The record that kills its worker.
    pub poison: Option<u8>,
    /// Claims without progress before the job is given up: `JOB_MAX_ATTEMPTS`.
    pub max_attempts: u8,
    /// Crashes, outages, cancellations, holds: so many in all. What the poison does is free.
    pub troubles: u8,
    /// A claim that got further makes `attempts` begin anew.
    pub progress_counts: bool,
    /// A claim of a lease that ran out is charged.
    pub crashes_are_charged: bool,
    /// A job that is released for an outage is not.
    pub outages_are_free: bool,
    pub renewal_is_fenced: bool,
}

impl Life {
    /// As the program does it.
    pub fn of(records: u8, poison: Option<u8>, troubles: u8) -> Self {
        Self {
            records,
            poison,
            max_attempts: 2,
            troubles,
            progress_counts: true,
            crashes_are_charged: true,
            outages_are_free: true,
            renewal_is_fenced: true,
        }
    }
}

/// `State` in `server/src/queue/record.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Queued,
    InProgress,
    Held,
    Completed,
    /// `crash_loop`.
    Failed,
    Cancelled,
}

/// A worker that has the job, or a renewal that it has sent: its claim, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    fence: u8,
    read: u8,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    phase: Phase,
    holder: u8,
    fence: u8,
    expired: bool,
    checkpoint: u8,
    furthest: u8,
    furthest_at_claim: u8,
    attempts: u8,
    worker: Option<Worker>,
    /// A renewal that may be applied at any time.
    late: Option<Worker>,
    /// What really happened: claims that ended in a crash without progress, one after the other.
    stalled: u8,
    /// How far the newest claim's job was when it began.
    began: u8,
    troubles: u8,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// `server/src/queue/mongo/claim.rs`.
    Claim,
    /// The same, of a lease that has run out; it may fail the job instead.
    ClaimExpired,
    Read,
    /// `server/src/queue/mongo/renew.rs`.
    Renew,
    RenewLate,
    /// `server/src/queue/mongo/save.rs`.
    Save,
    Finish,
    Crash,
    Expire,
    /// `server/src/queue/mongo/release.rs`, without a charge.
    Outage,
    /// `server/src/queue/mongo/hold.rs`.
    Hold,
    Approve,
    Cancel,
    /// The worker finds that it has no job any more.
    Hear,
    Retry {
        reset: bool,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Claim => "a worker claims the job",
            Self::ClaimExpired => "a worker claims the job, whose lease has run out",
            Self::Read => "the worker gets one record further",
            Self::Renew => "a renewal says how far the worker is",
            Self::RenewLate => "a renewal is applied late",
            Self::Save => "a checkpoint is saved",
            Self::Finish => "the job is completed",
            Self::Crash => "the worker crashes",
            Self::Expire => "the lease runs out",
            Self::Outage => "the worker gives the job back for an outage",
            Self::Hold => "the job is held",
            Self::Approve => "the job is approved",
            Self::Cancel => "the job is cancelled",
            Self::Hear => "the worker hears that the job is not its own",
            Self::Retry { reset: false } => "the job is retried",
            Self::Retry { reset: true } => "the job is retried from the start",
        })
    }
}

impl State {
    /// `taken` in `claim.rs`.
    fn take(&mut self) {
        self.phase = Phase::InProgress;
        self.fence += 1;
        self.holder = self.fence;
        self.expired = false;
        self.furthest_at_claim = self.furthest;
        self.began = self.furthest;
        self.worker = Some(Worker {
            fence: self.fence,
            read: self.checkpoint,
        });
    }

    fn leave(&mut self, phase: Phase) {
        (self.phase, self.holder, self.expired) = (phase, 0, false);
    }

    /// Leaves the worker, whose last renewal may still be under way.
    fn drop_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            self.late = Some(worker);
        }
    }
}

impl Life {
    fn claim_expired(&self, state: &mut State) {
        let progressed = self.progress_counts && state.furthest > state.furthest_at_claim;
        state.attempts = match progressed {
            true => 0,
            false => state.attempts + u8::from(self.crashes_are_charged),
        };
        state.stalled = match state.furthest > state.began {
            true => 0,
            false => state.stalled + 1,
        };
        match state.attempts >= self.max_attempts {
            true => state.leave(Phase::Failed),
            false => state.take(),
        }
    }

    fn of_a_worker(&self, here: &State, worker: Worker, next: &mut Vec<(Step, State)>) {
        let mut add = |step, change: &dyn Fn(&mut State)| {
            let mut after = *here;
            change(&mut after);
            next.push((step, after));
        };
        let is_owner = here.holder == worker.fence;
        let is_poisoned = self.poison == Some(worker.read);
        let is_troubled = here.troubles > 0;
        let spend = |after: &mut State| after.troubles -= 1;
        if worker.read < self.records && !is_poisoned {
            let further = Some(Worker {
                read: worker.read + 1,
                ..worker
            });
            add(Step::Read, &|after| after.worker = further);
        }
        if is_poisoned {
            add(Step::Crash, &State::drop_worker);
        } else if is_troubled {
            add(Step::Crash, &|after| {
                spend(after);
                after.drop_worker();
            });
        }
        if !is_owner {
            add(Step::Hear, &State::drop_worker);
            return;
        }
        add(Step::Renew, &|after| {
            after.furthest = after.furthest.max(worker.read);
        });
        if worker.read > here.checkpoint {
            add(Step::Save, &|after| {
                after.checkpoint = worker.read;
                after.furthest = after.furthest.max(worker.read);
            });
        }
        if here.checkpoint == self.records {
            add(Step::Finish, &|after| {
                after.drop_worker();
                after.leave(Phase::Completed);
            });
        }
        if is_troubled {
            add(Step::Outage, &|after| {
                spend(after);
                after.drop_worker();
                if after.furthest > after.furthest_at_claim && self.progress_counts {
                    after.attempts = 0;
                } else if !self.outages_are_free {
                    after.attempts += 1;
                }
                if after.furthest > after.began {
                    after.stalled = 0;
                }
                match after.attempts >= self.max_attempts {
                    true => after.leave(Phase::Failed),
                    false => after.leave(Phase::Queued),
                }
            });
            add(Step::Hold, &|after| {
                spend(after);
                after.drop_worker();
                after.leave(Phase::Held);
            });
        }
    }
}

impl Model for Life {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        State {
            phase: Phase::Queued,
            holder: 0,
            fence: 0,
            expired: false,
            checkpoint: 0,
            furthest: 0,
            furthest_at_claim: 0,
            attempts: 0,
            worker: None,
            late: None,
            stalled: 0,
            began: 0,
            troubles: self.troubles,
        }
    }

    fn steps(&self, here: &State, next: &mut Vec<(Step, State)>) {
        if let Some(worker) = here.worker {
            self.of_a_worker(here, worker, next);
        }
        let mut add = |step, change: &dyn Fn(&mut State)| {
            let mut after = *here;
            change(&mut after);
            next.push((step, after));
        };
        let is_free = here.worker.is_none();
        match here.phase {
            Phase::Queued if is_free => add(Step::Claim, &State::take),
            Phase::InProgress if is_free && here.expired => {
                add(Step::ClaimExpired, &|after| self.claim_expired(after));
            }
            // A run is dropped before its lease ends.
            Phase::InProgress if is_free => add(Step::Expire, &|after| after.expired = true),
            Phase::Held => add(Step::Approve, &|after| after.phase = Phase::Queued),
            // Who retries it counts anew, so a bound on all claims is one on those before.
            Phase::Failed if self.poison.is_some() => {}
            Phase::Failed | Phase::Cancelled => {
                for reset in [false, true] {
                    add(Step::Retry { reset }, &|after| {
                        after.phase = Phase::Queued;
                        (after.attempts, after.stalled) = (0, 0);
                        if reset {
                            after.checkpoint = 0;
                            (after.furthest, after.furthest_at_claim) = (0, 0);
                        }
                    });
                }
            }
            _ => {}
        }
        let is_open = matches!(here.phase, Phase::Queued | Phase::InProgress | Phase::Held);
        if is_open && here.troubles > 0 {
            add(Step::Cancel, &|after| {
                after.troubles -= 1;
                after.leave(Phase::Cancelled);
            });
        }
        if let Some(late) = here.late {
            let is_held = here.phase == Phase::InProgress && here.holder == late.fence;
            add(Step::RenewLate, &|after| {
                after.late = None;
                if is_held || (!self.renewal_is_fenced && here.phase == Phase::InProgress) {
                    after.expired = false;
                    after.furthest = after.furthest.max(late.read);
                }
            });
        }
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        // Each record got further, once, makes room for as many claims; so does each trouble.
        let claims = (self.records + 1) * self.max_attempts + self.troubles;
        if self.poison.is_some() && state.fence > claims {
            return Some(TOO_OFTEN);
        }
        let has_stalled = state.stalled >= self.max_attempts;
        (state.phase == Phase::Failed && !has_stalled).then_some(GIVEN_UP)
    }

    fn wrong_step(&self, before: &State, step: &Step, after: &State) -> Option<&'static str> {
        let by_client = matches!(step, Step::Retry { .. } | Step::Approve | Step::Cancel);
        let waits = !matches!(before.phase, Phase::Queued | Phase::InProgress);
        if waits && before.phase != after.phase && !by_client {
            return Some(RAISED);
        }
        let is_changed = (before.furthest, before.expired) != (after.furthest, after.expired);
        let sender = before.late.map_or(0, |late| late.fence);
        let is_strange = matches!(step, Step::RenewLate) && before.holder != sender;
        (is_strange && is_changed).then_some(TWO_OWNERS)
    }

    fn is_end(&self, state: &State) -> bool {
        match self.poison {
            Some(_) => state.phase == Phase::Failed,
            None => state.phase == Phase::Completed,
        }
    }
}
