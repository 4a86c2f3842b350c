//! The disturbances of a round: each at its moment, followed to where the job goes on beyond it.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::claim;
use super::faults::Scene;
use super::round::Outcome;
use super::sleeper::Sleeper;
use super::state::Seen;
use super::{Fault, LEASE_SECONDS};

/// The time between two looks at the job.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Why it is not known what may be done again: a busy machine kept a worker from renewing its lease in time.
pub const LOST_WITHOUT_US: &str = "a lease was lost without us";
/// A process sleeps for so many leases.
const LEASES_ASLEEP: u64 = 3;

/// What is done to a round, and how often.
pub(super) struct Plan {
    /// The fault.
    pub fault: Fault,
    /// How often.
    pub times: u64,
    /// The records of the file.
    pub records: u64,
    /// The most documents that may stand behind the checkpoint when a process dies; none where a load has no pauses, and
    /// so no pace of its own.
    pub most_behind: Option<u64>,
    /// How long anything that is waited for may take.
    pub limit: Duration,
}

impl Scene {
    /// Disturbs the job at every moment of the plan, and waits for its end.
    ///
    /// # Panics
    /// Where it does not go on, or does not end.
    pub async fn disturb(&mut self, plan: &Plan, outcome: &mut Outcome) {
        // Soon enough that there is something left to do; of S3, that it is not read ahead of the target.
        let disturbed = match plan.fault {
            Fault::S3 => plan.records / 2,
            _ => plan.records * 3 / 4,
        };
        let slice = disturbed / plan.times.max(1);
        let mut connections = None;
        let mut before = Seen::default();
        let mut sleeper = None;
        let mut bound = Ok(0);
        for turn in 0..plan.times {
            let moment = turn * slice + self.random.below(slice);
            let fault = match plan.fault {
                Fault::Mixed => self.draw(),
                fault => fault,
            };
            let seen = self.reach(moment, before.furthest, plan.limit).await;
            self.judge_again(&sleeper, outcome).await;
            let Some(holder) = self.crew.holder(&seen) else {
                break;
            };
            connections = self.connections();
            let struck = Instant::now();
            let blow = self.strike(fault, holder, &seen).await;
            outcome.disturbances += 1;
            let behind = blow.behind_checkpoint;
            bound = bound.and_then(|sum| Ok(sum + behind?));
            if let (Ok(behind), Some(most)) = (behind, plan.most_behind)
                && behind > most
            {
                outcome.violations.push(format!(
                    "{behind} documents stood behind the checkpoint, more than {most}: it was not saved"
                ));
            }
            let wakes = struck + Duration::from_secs(LEASES_ASLEEP * LEASE_SECONDS);
            if fault == Fault::Stall && !self.servers.place().has_mongod() {
                // Nobody else can have the job.
                sleep_until(wakes).await;
                let woken = self.wake(holder, blow.before.fence, &mut outcome.violations);
                woken.await;
            }
            before = self
                .goes_on(&blow.before, blow.least_fence, plan.limit)
                .await;
            outcome.recoveries.push(struck.elapsed());
            if let Some(watch) = blow.unclaimed {
                let unclaimed = watch.await.unwrap_or_else(|error| panic!("{error}"));
                outcome.unclaimed.push(unclaimed);
                outcome.violations.extend(claim::violation(unclaimed));
            }
            if before.attempts > 0 {
                let attempts = before.attempts;
                outcome.violations.push(format!(
                    "{attempts} attempts were charged after {fault}, though there was progress"
                ));
            }
            if fault == Fault::Stall && self.servers.place().has_mongod() {
                sleep_until(wakes).await;
                let woken = self.wake(holder, before.fence, &mut outcome.violations);
                sleeper = Some(woken.await);
            }
        }
        let until_end = self.until("its end", plan.limit, async |scene| {
            let seen = scene.stores.job().await?;
            seen.has_ended().then_some(seen)
        });
        let claims = until_end.await.fence;
        outcome.bound = match bound {
            // What stood behind the checkpoint then, nobody has counted.
            Ok(_) if claims > 1 + outcome.disturbances => Err(LOST_WITHOUT_US),
            bound => bound,
        };
        if plan.fault == Fault::S3 && self.connections() == connections {
            let violation = "S3 was not read after it was cut off: take more records";
            outcome.violations.push(violation.to_owned());
        }
        self.judge_again(&sleeper, outcome).await;
    }

    async fn judge_again(&self, sleeper: &Option<Sleeper>, outcome: &mut Outcome) {
        if let Some(sleeper) = sleeper {
            self.judge(sleeper, &mut outcome.violations).await;
        }
    }

    /// The job once record `moment` is in the target and progress beyond `furthest` was told, or once it has ended.
    async fn reach(&self, moment: u64, furthest: u64, limit: Duration) -> Seen {
        self.until("its moment", limit, async |scene| {
            let seen = scene.stores.job().await?;
            let is_running = scene.crew.holder(&seen).is_some() && seen.furthest > furthest;
            if seen.has_ended()
                || (is_running && scene.stores.written(&seen.identity).await > moment)
            {
                return Some(seen);
            }
            None
        })
        .await
    }

    /// The job once it is further than `before`, under the claim `least_fence` or a later one.
    async fn goes_on(&self, before: &Seen, least_fence: u64, limit: Duration) -> Seen {
        self.until("that it goes on", limit, async |scene| {
            let seen = scene.stores.job().await?;
            let is_further = seen.furthest > before.furthest && seen.fence >= least_fence;
            let goes_on = is_further && scene.crew.holder(&seen).is_some();
            (goes_on || seen.has_ended()).then_some(seen)
        })
        .await
    }

    async fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut look: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> T {
        let waited = tokio::time::timeout(limit, async {
            loop {
                if let Some(found) = look(self).await {
                    return found;
                }
                sleep(LOOK_INTERVAL).await;
            }
        });
        match waited.await {
            Ok(found) => found,
            Err(_) => panic!(
                "after {limit:?} still not {what}: {:?}\n{}",
                self.stores.job().await,
                self.crew.told()
            ),
        }
    }
}
