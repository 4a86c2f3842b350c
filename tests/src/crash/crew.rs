//! The processes of ours in a round: `serve`, and where there is MongoDB two workers beside it.
//!
//! Each worker is a machine of its own: a folder of its own, a name by which MongoDB knows its connections, and where the
//! round has one a hard limit on its memory.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::LEASE_SECONDS;
use super::state::Seen;
use crate::api::Api;
use crate::limit::Limit;
use crate::process::{Ended, Running, Sluicegate};
use crate::service::Service;

/// Workers beside a service that has none itself.
const WORKERS: usize = 2;
/// The name of the script that enters a limit.
const SCRIPT: &str = "sluicegate";
/// What a process logs once it runs.
const BEGUN: &str = "the process begins";
/// The last characters of a log that a message holds.
const MAX_LOG_CHARS: usize = 1_500;

/// What every process of a round is started with.
#[derive(Clone)]
pub(super) struct Settings {
    /// What the names of its connections begin with: other rounds may use the same servers.
    pub name: String,
    /// The program.
    pub binary: PathBuf,
    /// The environment that leads to the servers.
    pub environment: Vec<(String, String)>,
    /// MongoDB with the round's database, where there is one.
    pub mongodb_uri: Option<String>,
    /// The most memory that each process may have, in bytes.
    pub limit_bytes: Option<u64>,
}

/// A process that has run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The name by which MongoDB knew its connections.
    pub name: String,
    /// The most memory that was resident at once (`VmHWM`).
    pub peak_rss_bytes: u64,
    /// What held it, where anything did.
    pub held_to: Option<String>,
    /// How often the kernel has killed for that limit; none where that is not counted.
    pub limit_kills: Option<u64>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// A process, by its place in the crew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// `serve`.
    Serve,
    /// A worker.
    Worker(usize),
}

/// The processes. Dropping them kills them.
pub(super) struct Crew {
    settings: Settings,
    /// Where `serve` runs; it has the specs, and the data where they are embedded.
    home: Machine,
    name: String,
    serve: Option<Service>,
    workers: Vec<Worker>,
    /// How many processes were started: names are never used again.
    started: u64,
    /// Those that have ended.
    ran: Vec<Ran>,
}

struct Worker {
    name: String,
    running: Running,
    machine: Machine,
}

/// Where processes run, one at a time.
pub(super) struct Machine {
    /// Its folder, and how a process is started in it.
    pub place: Sluicegate,
    limit: Option<Limit>,
    /// Holds the script that enters the limit.
    _script: Option<TempDir>,
}

impl Crew {
    /// Starts them, with `spec` as the operator's.
    ///
    /// # Panics
    /// Where one does not start.
    pub async fn start(settings: Settings, spec: &str) -> Crew {
        let name = format!("{}-serve", settings.name);
        let home = machine(&settings, &name, None);
        let specs = home.place.path("specs");
        std::fs::create_dir(&specs).unwrap_or_else(|error| panic!("{}: {error}", specs.display()));
        home.place.write("specs/orders.toml", spec);
        let mut crew = Crew {
            settings,
            home,
            name,
            serve: None,
            workers: Vec::new(),
            started: 0,
            ran: Vec::new(),
        };
        crew.start_all().await;
        crew
    }

    /// A client of the service.
    ///
    /// # Panics
    /// Where it is not there: between [`Crew::kill`] and [`Crew::start_all`].
    pub fn api(&self) -> &Api {
        let Some(serve) = &self.serve else {
            panic!("there is no service now");
        };
        &serve.api
    }

    /// The data folder of an embedded store.
    pub fn data(&self) -> PathBuf {
        self.home.place.path("data")
    }

    /// A file in the folder of `serve`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.place.path(name)
    }

    /// Who has the job now.
    pub fn holder(&self, job: &Seen) -> Option<Member> {
        let worker = self
            .workers
            .iter()
            .position(|worker| job.is_with(worker.running.process()));
        let serve = self.serve.as_ref();
        worker.map(Member::Worker).or_else(|| {
            serve
                .is_some_and(|serve| job.is_with(serve.process()))
                .then_some(Member::Serve)
        })
    }

    /// The name by which MongoDB knows the connections of a member.
    pub fn name(&self, member: Member) -> &str {
        match member {
            Member::Serve => &self.name,
            Member::Worker(index) => &self.workers[index].name,
        }
    }

    /// Whether a process that takes jobs has told that it runs.
    pub fn is_manned(&self) -> bool {
        // Beside workers, `serve` takes none.
        match self.settings.mongodb_uri {
            Some(_) => (0..self.workers.len()).any(|worker| self.has_begun(Member::Worker(worker))),
            None => self.has_begun(Member::Serve),
        }
    }

    fn has_begun(&self, member: Member) -> bool {
        self.log(member).contains(BEGUN)
    }

    /// What a member has logged.
    pub fn log(&self, member: Member) -> String {
        match member {
            Member::Serve => self.serve.as_ref().map(Service::stderr).unwrap_or_default(),
            Member::Worker(index) => self.workers[index].running.stderr(),
        }
    }

    /// The ends of all logs, for a message.
    pub fn told(&self) -> String {
        let workers = (0..self.workers.len()).map(Member::Worker);
        let all = [Member::Serve].into_iter().chain(workers);
        let ends = all.map(|member| {
            let log = self.log(member);
            let from = log.chars().count().saturating_sub(MAX_LOG_CHARS);
            let end: String = log.chars().skip(from).collect();
            format!("{}: …{end}\n", self.name(member))
        });
        ends.collect()
    }

    /// Sends a signal by its name without `SIG`.
    ///
    /// # Panics
    /// Where the member has ended.
    pub async fn signal(&mut self, member: Member, name: &str) {
        match member {
            Member::Worker(index) => self.workers[index].running.signal(name).await,
            Member::Serve => {
                if let Some(serve) = &mut self.serve {
                    serve.signal(name).await;
                }
            }
        }
    }

    /// SIGKILL to a member; another one stands in a worker's place at once.
    ///
    /// # Panics
    /// Where it outlives that.
    pub async fn kill(&mut self, member: Member) {
        match member {
            Member::Worker(index) => {
                let next = self.worker();
                let old = std::mem::replace(&mut self.workers[index], next);
                let ended = old.running.kill().await;
                self.ran.push(old.machine.ran(old.name, &ended));
            }
            Member::Serve => {
                if let Some(serve) = self.serve.take() {
                    let ended = serve.kill().await;
                    self.ran.push(self.home.ran(self.name.clone(), &ended));
                }
            }
        }
    }

    /// Every process that has ended, in the order of their ends.
    pub fn ran(&self) -> &[Ran] {
        &self.ran
    }

    /// SIGKILL to every member, and the names of their connections.
    ///
    /// # Panics
    /// Where one outlives that.
    pub async fn kill_all(&mut self) -> Vec<String> {
        let mut names = vec![self.name(Member::Serve).to_owned()];
        let workers: Vec<Worker> = self.workers.drain(..).collect();
        self.kill(Member::Serve).await;
        for worker in workers {
            let ended = worker.running.kill().await;
            self.ran
                .push(worker.machine.ran(worker.name.clone(), &ended));
            names.push(worker.name);
        }
        names
    }

    /// Starts whoever is not there.
    ///
    /// # Panics
    /// Where one does not start.
    pub async fn start_all(&mut self) {
        let workers = match self.settings.mongodb_uri {
            Some(_) => WORKERS,
            None => 0,
        };
        if self.serve.is_none() {
            let args: &[&str] = match workers {
                0 => &[],
                _ => &["--workers", "0"],
            };
            self.serve = Some(Service::start(&self.home.place, args).await);
        }
        while self.workers.len() < workers {
            let worker = self.worker();
            self.workers.push(worker);
        }
    }

    fn worker(&mut self) -> Worker {
        self.started += 1;
        let name = format!("{}-worker-{}", self.settings.name, self.started);
        let specs = self.home.place.path("specs");
        let machine = machine(&self.settings, &name, Some(&specs));
        Worker {
            running: machine.place.start(["worker"]),
            machine,
            name,
        }
    }
}

impl Machine {
    /// What is told of the process that has ended here.
    fn ran(&self, name: String, ended: &Ended) -> Ran {
        Ran {
            name,
            peak_rss_bytes: ended.peak_rss_bytes,
            held_to: self.limit.as_ref().map(Limit::says),
            limit_kills: self.limit.as_ref().and_then(Limit::kills),
            signal: ended.signal,
        }
    }
}

/// A folder of its own, the environment that leads to the servers, and the limit of the round.
pub(super) fn machine(settings: &Settings, name: &str, specs: Option<&Path>) -> Machine {
    let limit = settings.limit_bytes.map(Limit::of);
    let script = limit.as_ref().map(|limit| enter(limit, &settings.binary));
    let binary = match &script {
        Some(folder) => folder.path().join(SCRIPT),
        None => settings.binary.clone(),
    };
    let mut place = Sluicegate::new(binary)
        .env("JOB_LEASE_SECONDS", LEASE_SECONDS.to_string())
        .envs(settings.environment.iter().cloned());
    if let Some(uri) = &settings.mongodb_uri {
        place = place.env("MONGODB_URI", format!("{uri}&appName={name}"));
    }
    if let Some(specs) = specs {
        place = place.env("SPECS_DIR", specs);
    }
    Machine {
        place,
        limit,
        _script: script,
    }
}

/// A folder with the script that runs the program inside a limit.
fn enter(limit: &Limit, binary: &Path) -> TempDir {
    let folder = tempfile::Builder::new()
        .prefix("sluicegate-limit-")
        .tempdir();
    let folder = folder.unwrap_or_else(|error| panic!("no folder for a script: {error}"));
    let written = limit.write_script(&folder.path().join(SCRIPT), binary);
    written.unwrap_or_else(|error| panic!("no script that enters a limit: {error}"));
    folder
}
