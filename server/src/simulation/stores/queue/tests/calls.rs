//! Random calls on two queues at once, by workers and clients who get many of them wrong.
//!
//! Leases end at once or never, so that the answers do not depend on how long a call takes; time passes between two
//! calls, so that no order hangs on two things of one moment. Times are compared by whether they are there.

use super::samples::{checkpoint, claimant, failure, new_job, progress, spec};
use super::shown::Shown;
use crate::id::Id;
use crate::page::{From, Listed, Page};
use crate::queue::sqlite::SqliteQueue;
use crate::queue::{Approval, Claim, Filter, Held, Job, Queue, Receipt, Release, Renewal, State};
use crate::simulation::stores::{Clock, MemoryQueue};
use crate::tenant::Tenant;
use pipeline::{Accepted, Cause, Fatal};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testbed::random::Random;

/// Calls of one run.
const CALLS: u64 = 250;
/// A lease that no run outlives, in milliseconds.
const LONG_MS: u64 = 600_000;
/// Whose jobs there are.
const TENANTS: [&str; 3] = ["", "acme", "globex"];

/// Two queues that are called alike.
pub(super) struct Pair {
    memory: MemoryQueue,
    sqlite: SqliteQueue,
    clock: Clock,
    random: Random,
    seed: u64,
    jobs: Vec<(Tenant, Id)>,
    claims: Vec<Claim>,
}

/// Calls both queues alike and compares what they answer.
macro_rules! both {
    ($pair:ident . $call:ident ( $($argument:expr),* )) => {{
        let memory = $pair.memory.$call($($argument),*).await;
        let sqlite = $pair.sqlite.$call($($argument),*).await;
        $pair.same(stringify!($call), memory, sqlite)
    }};
}

impl Pair {
    pub(super) fn new(memory: MemoryQueue, sqlite: SqliteQueue, clock: Clock, seed: u64) -> Self {
        Self {
            memory,
            sqlite,
            clock,
            random: Random::new(seed),
            seed,
            jobs: Vec::new(),
            claims: Vec::new(),
        }
    }

    pub(super) async fn run(mut self) {
        for call in 0..CALLS {
            self.moment().await;
            match self.random.below(20) {
                0..3 => self.submit().await,
                3..7 => self.claim(call).await,
                7..15 => self.work(call).await,
                15..18 => self.change(call).await,
                18 => self.keys(call).await,
                _ => self.keep().await,
            }
            self.look(call).await;
        }
        self.look(0).await;
    }

    /// Waits until both clocks show another time.
    async fn moment(&self) {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            (self.clock.now_ms(), since.unwrap().as_millis())
        };
        let before = now();
        while now().0 <= before.0 || now().1 <= before.1 {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    /// What both answered.
    fn same<T: Shown>(&self, call: &str, memory: Result<T, Fatal>, sqlite: Result<T, Fatal>) -> T {
        let (memory, sqlite) = (memory.unwrap(), sqlite.unwrap());
        assert_eq!(memory.shown(), sqlite.shown(), "seed {}, {call}", self.seed);
        memory
    }

    async fn submit(&mut self) {
        let submitted = self.jobs.len() as u64;
        let number = match self.random.once_in(8) {
            true => self.random.below(submitted + 1),
            false => submitted,
        };
        let tenant = TENANTS[(number % 3) as usize];
        let job = new_job(number, tenant, self.random.below(3) as u8);
        both!(self.submit(&job));
        if number == submitted {
            self.jobs.push((job.tenant, job.id));
        }
    }

    async fn claim(&mut self, call: u64) {
        let lease_ms = self.lease_ms();
        let mut claimant = claimant(&format!("owner-{call}"), lease_ms);
        claimant.take_expired = !self.random.once_in(4);
        let claimed = both!(self.claim(&claimant));
        if lease_ms > 0 && self.random.once_in(4) {
            both!(self.claim(&claimant));
        }
        self.claims.extend(claimed.and_then(|job| job.claim()));
    }

    fn lease_ms(&mut self) -> u64 {
        if self.random.once_in(3) { 0 } else { LONG_MS }
    }

    /// One of the latest claims, mostly as it was, and its job.
    async fn held(&mut self) -> Option<(Claim, Job)> {
        let latest = self.claims.len().clamp(1, 6) as u64;
        let back = 1 + self.random.below(latest) as usize;
        let at = self.claims.len().checked_sub(back)?;
        let mut claim = self.claims[at].clone();
        match self.random.below(12) {
            0 => claim.fence += 1,
            1 => claim.owner += "x",
            _ => {}
        }
        let job = self.memory.job(&claim.tenant, claim.job).await;
        Some((claim, job.unwrap()?))
    }

    /// What a worker does, once, or twice because an answer was lost.
    async fn work(&mut self, call: u64) {
        let Some((claim, job)) = self.held().await else {
            return;
        };
        let progress = progress((job.progress.furthest + self.random.below(3)).saturating_sub(1));
        let checkpointed = job.checkpoint.as_ref();
        let end = checkpointed.map_or(0, |checkpoint| checkpoint.books.end.ordinal);
        let previous = end + u64::from(self.random.once_in(6));
        let next = checkpoint(end + self.random.below(4), call);
        let renewal = Renewal {
            progress: progress.clone(),
            lease_ms: self.lease_ms(),
        };
        let release = Release {
            delay_ms: if self.random.once_in(3) { LONG_MS } else { 0 },
            failure: (!self.random.once_in(3)).then(|| failure(call)),
            charge: !self.random.once_in(3),
            max_attempts: 3,
        };
        let held = Held {
            cause: Cause::UnknownColumns(vec![format!("column {call}")]),
            message: "there are unknown columns".into(),
        };
        let receipt = Receipt {
            revision: 1,
            documents: call,
            digest: "cd".repeat(32),
        };
        let kind = self.random.below(12);
        for _ in 0..1 + self.random.below(2) {
            match kind {
                0..3 => both!(self.renew(&claim, &renewal)),
                3..7 => both!(self.save(&claim, previous, &next)),
                7 => both!(self.finish(&claim, &progress, &receipt)),
                8 => both!(self.fail(&claim, &progress, &failure(call))),
                9 => both!(self.hold(&claim, &progress, &held)),
                _ => both!(self.release(&claim, &release)),
            };
            self.moment().await;
        }
    }

    /// A job, or none.
    fn any(&mut self) -> (Tenant, Id) {
        if self.jobs.is_empty() || self.random.once_in(20) {
            return (Tenant::NONE, Id([255; 12]));
        }
        let at = self.random.below(self.jobs.len() as u64);
        self.jobs[at as usize].clone()
    }

    /// What a client does.
    async fn change(&mut self, call: u64) {
        let (tenant, id) = self.any();
        match self.random.below(8) {
            0 => drop(both!(self.cancel(&tenant, id))),
            1 => drop(both!(self.retry(&tenant, id, true))),
            2 | 3 => drop(both!(self.retry(&tenant, id, false))),
            4 => {
                let file = Id([(call % 7) as u8; 12]);
                both!(self.attach(&tenant, id, file));
            }
            _ => self.approve(call).await,
        }
    }

    async fn approve(&mut self, call: u64) {
        let held = self.memory.all().into_iter();
        let held = held.filter(|job| job.state == State::Held).last();
        let (tenant, id, fence) = match held {
            Some(job) => (job.tenant, job.id, job.fence),
            None => (Tenant::NONE, Id([255; 12]), 1),
        };
        let approval = Approval {
            accepted: Accepted::default(),
            checkpoint: self.random.once_in(2).then(|| checkpoint(call, call)),
            max_rejects: self.random.once_in(2).then_some(call),
            spec: self.random.once_in(3).then(|| spec(2)),
        };
        let fence = fence + u64::from(self.random.once_in(5));
        both!(self.approve(&tenant, id, fence, &approval));
    }

    async fn keys(&mut self, call: u64) {
        let (tenant, id) = self.any();
        let key = format!("key {}", self.random.below(3));
        let request = format!("request {}", self.random.below(2));
        both!(self.remember(&tenant, &key, &request, id));
        if self.random.once_in(3) {
            both!(self.settle(&tenant, &key, Id([call as u8; 12])));
        }
    }

    /// What the service does on a timer.
    async fn keep(&mut self) {
        both!(self.repair());
        if self.random.once_in(4) {
            let limit = 1 + self.random.below(2) as u32;
            for job in both!(self.expire(0, limit)) {
                if self.random.once_in(2) {
                    both!(self.forget(&job.tenant, job.id));
                }
            }
        }
    }

    /// A job, at times every one, and what lists say.
    async fn look(&mut self, call: u64) {
        let jobs = match call.is_multiple_of(25) {
            true => self.jobs.clone(),
            false => vec![self.any()],
        };
        for (tenant, id) in jobs {
            both!(self.job(&tenant, id));
        }
        let (tenant, _) = self.any();
        let filter = Filter {
            states: match self.random.below(3) {
                0 => vec![],
                1 => vec![State::Queued],
                _ => vec![State::InProgress, State::Failed],
            },
            file: self.random.once_in(3).then_some(Id([3; 12])),
            spec: self.random.once_in(3).then(|| "orders".to_owned()),
            version: self.random.once_in(3).then_some(2),
        };
        let page = Page {
            from: From::Number(1 + self.random.below(2) as u32),
            limit: 3,
        };
        let parts = |listed: Result<Listed<Job>, Fatal>| {
            listed.map(|listed| (listed.items, (listed.total, listed.next.is_some())))
        };
        let memory = self.memory.jobs(&tenant, &filter, page).await;
        let sqlite = self.sqlite.jobs(&tenant, &filter, page).await;
        self.same("jobs", parts(memory), parts(sqlite));
        both!(self.newest_of_file(&tenant, Id([3; 12])));
        let memory = self.memory.depth().await.map(|depth| depth.jobs);
        let sqlite = self.sqlite.depth().await.map(|depth| depth.jobs);
        self.same("depth", memory, sqlite);
    }
}
