//! What is done to the processes and servers of a round, each fault to its end or to where only time can tell.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::claim;
use super::crew::{Crew, Member};
use super::servers::Servers;
use super::state::{Seen, Stores};
use super::{Fault, Place};
use crate::eventually;
use crate::proxy::Cutter;
use crate::random::Random;
use crate::s3::S3;

/// How long a store may take to forget a dead process, and to answer again.
const QUIET_DEADLINE: Duration = Duration::from_secs(120);
/// A server stays away for so many milliseconds at most.
const MAX_AWAY_MS: u64 = 3_000;
/// How often connections to S3 are cut before none is accepted.
const CUTS: u64 = 3;
/// The most milliseconds between two cuts.
const MAX_BETWEEN_CUTS_MS: u64 = 300;

/// A round that is going on.
pub(super) struct Scene {
    /// The servers, which other rounds may use too.
    pub servers: Arc<Servers>,
    /// Its job and documents.
    pub stores: Arc<Stores>,
    /// Its processes.
    pub crew: Crew,
    /// Its S3 and the way to it, where there is one.
    pub objects: Option<(Cutter, S3)>,
    /// The chance of its seed.
    pub random: Random,
}

/// What a fault left.
pub(super) struct Blow {
    /// The job, once nothing that was sent before can change it.
    pub before: Seen,
    /// Documents behind the checkpoint then, or why they could not be counted.
    pub behind_checkpoint: Result<u64, &'static str>,
    /// The least claim under which it can go on.
    pub least_fence: u64,
    /// How long nobody else has the job, where whoever had it was killed.
    pub unclaimed: Option<JoinHandle<Duration>>,
}

impl Scene {
    /// The job, as soon as the store answers.
    pub async fn job(&self) -> Seen {
        let mut seen = None;
        eventually("the store answers", QUIET_DEADLINE, async || {
            seen = self.stores.job().await;
            seen.is_some()
        })
        .await;
        seen.unwrap_or_default()
    }

    /// Does what `fault` says to `holder`, who has `job`, or to a server.
    ///
    /// # Panics
    /// Where a server or process does not come back.
    pub async fn strike(&mut self, fault: Fault, holder: Member, job: &Seen) -> Blow {
        match fault {
            Fault::Kill => self.kill(holder, job).await,
            Fault::Stall => self.stall(holder, job).await,
            Fault::AllAtOnce => self.kill_all(job).await,
            Fault::Primary => self.kill_primary().await,
            Fault::Mongod => self.kill_mongod().await,
            Fault::S3 => self.cut_s3().await,
            Fault::Mixed => panic!("mixed is drawn before"),
        }
    }

    async fn kill(&mut self, holder: Member, job: &Seen) -> Blow {
        let name = self.crew.name(holder).to_owned();
        self.crew.kill(holder).await;
        let at_once = match holder {
            Member::Worker(_) => Some(self.watch_claim(job).await),
            // There is nobody else before another one is started.
            Member::Serve => None,
        };
        let mut blow = self.when_quiet(&[name], true, job).await;
        self.crew.start_all().await;
        blow.unclaimed = match at_once {
            Some(watch) => Some(watch),
            None => Some(self.watch_claim(job).await),
        };
        blow
    }

    async fn kill_all(&mut self, job: &Seen) -> Blow {
        let names = self.crew.kill_all().await;
        let mut blow = self.when_quiet(&names, true, job).await;
        self.crew.start_all().await;
        blow.unclaimed = Some(self.watch_claim(job).await);
        blow
    }

    /// Watches, from when somebody can take it, until somebody has the job whose owner was killed.
    async fn watch_claim(&self, job: &Seen) -> JoinHandle<Duration> {
        eventually("a worker runs", QUIET_DEADLINE, async || {
            self.crew.is_manned()
        })
        .await;
        tokio::spawn(claim::unclaimed(self.stores.clone(), job.fence))
    }

    async fn stall(&mut self, holder: Member, job: &Seen) -> Blow {
        let name = self.crew.name(holder).to_owned();
        self.crew.signal(holder, "STOP").await;
        let mut blow = self.when_quiet(&[name], false, job).await;
        if !self.servers.place().has_mongod() {
            // The transaction that it was stopped in may still be committed when it goes on.
            blow.behind_checkpoint = Err("the one that sleeps may still commit");
        }
        blow
    }

    /// Looks once nothing that the processes with these names have sent can land any more.
    async fn when_quiet(&self, names: &[String], dead: bool, job: &Seen) -> Blow {
        for name in names {
            eventually(
                "the store is done with a process",
                QUIET_DEADLINE,
                async || self.stores.is_quiet(name, dead).await,
            )
            .await;
        }
        let before = self.job().await;
        let behind_checkpoint = self.stores.behind_checkpoint(&before).await;
        // On a machine that is too busy another one has it by now, and has moved the checkpoint.
        let is_as_left = self.job().await.fence == job.fence;
        Blow {
            before,
            behind_checkpoint: match is_as_left {
                true => Ok(behind_checkpoint),
                false => Err("another process had taken over before they were counted"),
            },
            least_fence: job.fence + 1,
            unclaimed: None,
        }
    }

    async fn kill_primary(&mut self) -> Blow {
        let mut nodes = self.servers.nodes().await;
        let primary = nodes.primary().await;
        let primary = primary.unwrap_or_else(|| panic!("the set has no primary"));
        nodes.kill_node(primary);
        eventually("another primary", QUIET_DEADLINE, async || {
            nodes.primary().await.is_some()
        })
        .await;
        let blow = self.server_blow().await;
        nodes.restart_node(primary).await;
        blow
    }

    async fn kill_mongod(&mut self) -> Blow {
        let away = self.up_to(MAX_AWAY_MS);
        let mut nodes = self.servers.nodes().await;
        nodes.kill();
        sleep(away).await;
        nodes.restart().await;
        self.server_blow().await
    }

    async fn cut_s3(&mut self) -> Blow {
        for _ in 0..CUTS {
            self.proxy().cut_all();
            sleep(self.up_to(MAX_BETWEEN_CUTS_MS)).await;
        }
        let away = self.up_to(MAX_AWAY_MS);
        self.proxy().refuse(true);
        self.proxy().cut_all();
        sleep(away).await;
        let blow = self.server_blow().await;
        self.proxy().refuse(false);
        blow
    }

    /// The processes live through it, and keep their claims if they can.
    async fn server_blow(&self) -> Blow {
        Blow {
            before: self.job().await,
            behind_checkpoint: Err("no process of ours died"),
            least_fence: 0,
            unclaimed: None,
        }
    }

    /// How many connections to S3 there were so far, refused ones with them.
    pub fn connections(&self) -> Option<usize> {
        let (proxy, _) = self.objects.as_ref()?;
        Some(proxy.connections())
    }

    fn proxy(&self) -> &Cutter {
        let Some((proxy, _)) = &self.objects else {
            panic!("there is no proxy before S3");
        };
        proxy
    }

    fn up_to(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(self.random.below(most_ms) + 1)
    }

    /// One of the faults that there are in this place.
    pub fn draw(&mut self) -> Fault {
        let place: Place = self.servers.place();
        let single = Fault::ALL.into_iter();
        let of_place: Vec<Fault> = single
            .filter(|fault| *fault != Fault::Mixed && fault.is_of(place))
            .collect();
        let drawn = self.random.below(of_place.len() as u64);
        of_place[usize::try_from(drawn).unwrap_or(0)]
    }
}
