//! A round: one file of orders, loaded by real processes that are disturbed, and what became of it.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, timeout};

use super::crew::{Crew, Settings};
use super::disturb::Plan;
use super::faults::Scene;
use super::state::Stores;
use super::{Fault, Place, Ran, Servers, Width, file};
use crate::eventually;
use crate::orders::{SLOW, SPEC};
use crate::proxy::Cutter;
use crate::random::Random;
use crate::s3::S3;
use crate::truth::Totals;

/// How long anything in a round may take that does not depend on its records.
const LEAST_LIMIT: Duration = Duration::from_secs(180);
/// The fewest records per second that a load makes on a busy machine.
const LEAST_RECORDS_PER_SECOND: u64 = 2_000;
/// The most documents behind a checkpoint at that pace: 2 s of it, where one is saved every 500 ms. In a file of fewer than
/// twice as many records it is half of them.
const MOST_BEHIND: u64 = 16_000;

/// Where S3 is cut off, an object comes in about so many pieces, each on a connection of its own.
const PIECES: u64 = 32;
/// The least of a piece, in bytes.
const LEAST_PIECE_BYTES: u64 = 256 * 1024;

/// What a round is made of.
#[derive(Clone, Debug)]
pub struct Round {
    /// The program.
    pub binary: PathBuf,
    /// What is done to it.
    pub fault: Fault,
    /// How often.
    pub times: u64,
    /// What all chance in it comes from.
    pub seed: u64,
    /// The records of its file.
    pub records: u64,
    /// Whether each batch is followed by a pause, for files of few records.
    pub pause: bool,
    /// How wide its records are.
    pub width: Width,
    /// The most memory that each process of ours may have, in bytes.
    pub limit_bytes: Option<u64>,
}

/// Where the time of a round went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// Making the file.
    pub file: Duration,
    /// Starting the processes.
    pub start: Duration,
    /// The upload.
    pub upload: Duration,
    /// From there to the job's end, with every disturbance.
    pub load: Duration,
    /// Comparing with the truth.
    pub verify: Duration,
    /// Removing what was loaded.
    pub cleanup: Duration,
}

/// What became of a round.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where it was.
    pub place: Place,
    /// What was done to it.
    pub fault: Fault,
    /// Its seed.
    pub seed: u64,
    /// The records that were compared.
    pub records: u64,
    /// How often it was disturbed.
    pub disturbances: u64,
    /// Records without their document.
    pub missing: u64,
    /// Documents too many.
    pub double: u64,
    /// Documents and rejects that differ from the truth.
    pub wrong: u64,
    /// Records that were found loaded already.
    pub done_again: u64,
    /// The documents behind the checkpoint at every disturbance together: no more may be done again. Or why they could
    /// not be counted.
    pub bound: Result<u64, &'static str>,
    /// From each disturbance to progress beyond it.
    pub recoveries: Vec<Duration>,
    /// How long nobody had the job, at each disturbance that killed whoever had it, from when another could.
    pub unclaimed: Vec<Duration>,
    /// The sums of the file.
    pub totals: Totals,
    /// The same as the job says it, loaded and already loaded as one; bytes and blank lines are not among them.
    pub books: Totals,
    /// The documents that the target counts at the end.
    pub counted: u64,
    /// Every process of ours, in the order of their ends.
    pub ran: Vec<Ran>,
    /// Everything that is not as it must be, in words.
    pub violations: Vec<String>,
    /// Where the time went.
    pub took: Took,
}

impl Outcome {
    /// Of a round that has not begun.
    fn new(place: Place, round: &Round) -> Self {
        Self {
            place,
            fault: round.fault,
            seed: round.seed,
            records: 0,
            disturbances: 0,
            missing: 0,
            double: 0,
            wrong: 0,
            done_again: 0,
            bound: Err("it was not disturbed"),
            recoveries: Vec::new(),
            unclaimed: Vec::new(),
            totals: Totals::default(),
            books: Totals::default(),
            counted: 0,
            ran: Vec::new(),
            violations: Vec::new(),
            took: Took::default(),
        }
    }
}

/// Plays a round on these servers, once it is its turn where there are few cores. A panic in it is its violation; the
/// servers may be in any state then, and must be started anew.
pub async fn play(servers: Arc<Servers>, round: Round) -> Outcome {
    let place = servers.place();
    let mut empty = Outcome::new(place, &round);
    let turns = servers.clone();
    let _turn = turns.turn().await;
    let played = AssertUnwindSafe(go(servers, round)).catch_unwind().await;
    played.unwrap_or_else(|panic| {
        let said = match panic.downcast::<String>() {
            Ok(said) => *said,
            Err(other) => format!("{:?}", other.downcast_ref::<&str>()),
        };
        let violation = format!("the round ended in a panic: {said}");
        empty.violations.push(violation);
        empty
    })
}

async fn go(servers: Arc<Servers>, round: Round) -> Outcome {
    let mut outcome = Outcome::new(servers.place(), &round);
    let (mut scene, took) = measured(scene(servers, &round)).await;
    outcome.took.start = took;

    let path = scene.crew.path("orders.csv");
    let (seed, records, width) = (round.seed, round.records, round.width);
    let written = path.clone();
    let (totals, took) = measured(async move {
        let totals =
            tokio::task::spawn_blocking(move || file::write(&written, seed, records, width));
        totals.await.unwrap_or_else(|error| panic!("{error}"))
    })
    .await;
    outcome.took.file = took;
    outcome.totals = totals;

    let limit = LEAST_LIMIT + Duration::from_secs(records / LEAST_RECORDS_PER_SECOND);

    if let Some((proxy, _)) = scene.objects.as_ref().filter(|_| round.fault == Fault::S3) {
        // What lies ready in sockets would outlast a cut.
        proxy.cut_after(LEAST_PIECE_BYTES.max(totals.bytes / PIECES), usize::MAX);
    }
    let began = Instant::now();
    let query = "?spec=orders-e2e&process=true";
    let submitted = scene
        .crew
        .api()
        .with_deadline(limit)
        .upload_file(&path, query)
        .await
        .is(202)
        .json();
    let job = submitted["jobId"].as_str().unwrap_or_default().to_owned();
    let _ = std::fs::remove_file(&path);
    outcome.took.upload = began.elapsed();

    let plan = Plan {
        fault: round.fault,
        times: round.times,
        records,
        most_behind: round.pause.then(|| MOST_BEHIND.min(records / 2)),
        limit,
    };
    let ((), took) = measured(scene.disturb(&plan, &mut outcome)).await;
    outcome.took.load = took;
    if outcome.disturbances == 0 {
        let violation = "the job ended before it was disturbed".to_owned();
        outcome.violations.push(violation);
    }

    let verified = async {
        // It tells what a majority of the nodes has, and that comes a little after what the primary has.
        eventually("the service knows the end", LEAST_LIMIT, async || {
            let seen = scene.crew.api().get(&format!("/jobs/{job}")).await;
            let going_on = ["queued", "in_progress"];
            seen.status == 200
                && !going_on.contains(&seen.json()["state"].as_str().unwrap_or_default())
        })
        .await;
        scene.verify(&job, seed, &totals, &mut outcome).await;
    };
    let (verified, took) = measured(timeout(limit, verified)).await;
    if verified.is_err() {
        outcome
            .violations
            .push(format!("not verified after {limit:?}"));
    }
    outcome.took.verify = took;
    let (ran, took) = measured(scene.clear()).await;
    outcome.took.cleanup = took;
    outcome.judge_memory(round.limit_bytes, ran);
    outcome
}

impl Outcome {
    /// What a limit of a control group does not hold, `VmHWM` tells: a group counts more, and other limits count less.
    fn judge_memory(&mut self, limit_bytes: Option<u64>, ran: Vec<Ran>) {
        for process in &ran {
            let (name, peak) = (&process.name, process.peak_rss_bytes);
            if limit_bytes.is_some_and(|limit| peak > limit) {
                let violation = format!("{name} had {peak} bytes, more than it may");
                self.violations.push(violation);
            }
            if process.limit_kills.is_some_and(|kills| kills > 0) {
                let violation = format!("the kernel has killed {name} for its limit");
                self.violations.push(violation);
            }
        }
        self.ran = ran;
    }
}

async fn measured<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

async fn scene(servers: Arc<Servers>, round: &Round) -> Scene {
    let database = format!("crash{:x}", round.seed);
    let uri = match servers.client() {
        Some(_) => Some(servers.nodes().await.uri_for(&database)),
        None => None,
    };
    let mut environment = Vec::new();
    let mut objects = None;
    if servers.place().has_s3() {
        let s3 = S3::start().await;
        let proxy = Cutter::start(s3.port()).await;
        environment.extend(s3.env_at(proxy.port()));
        environment.push(("S3_BUCKET".to_owned(), s3.bucket().to_owned()));
        objects = Some((proxy, s3));
    }
    let settings = Settings {
        name: database.clone(),
        binary: round.binary.clone(),
        environment,
        mongodb_uri: uri,
        limit_bytes: round.limit_bytes,
    };
    let spec = match round.pause {
        true => format!("{SPEC}{SLOW}"),
        false => SPEC.to_owned(),
    };
    let crew = Crew::start(settings, &spec).await;
    let stores = match servers.client() {
        Some(client) => Stores::Mongo {
            documents: client.database(&database),
            state: client.database(&format!("{database}_state")),
        },
        None => Stores::Embedded(crew.data()),
    };
    Scene {
        servers,
        stores: Arc::new(stores),
        crew,
        objects,
        random: Random::new(round.seed),
    }
}

impl Scene {
    /// Ends the processes and removes what they loaded, so that no round needs more disk than one. Gives every process
    /// that has run.
    async fn clear(mut self) -> Vec<Ran> {
        self.crew.kill_all().await;
        if let Stores::Mongo { documents, state } = &*self.stores {
            for database in [documents, state] {
                let dropped = database.drop().await;
                dropped.unwrap_or_else(|error| panic!("{}: {error}", database.name()));
            }
        }
        self.crew.ran().to_vec()
    }
}
