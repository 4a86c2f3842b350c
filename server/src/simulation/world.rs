//! A world: the stores, the network, processes, and the one order in which everything happens.
//!
//! Every process has a clock of its own, and runs until the next thing that happens to it is due or it sends a request;
//! what it sends takes at least a millisecond, so that nobody is ever told of what has not happened yet. The stores' time
//! is that of the event in hand. One thread does all of it, and all chance comes from the seed: the same scenario gives the same
//! trace, event by event.

use super::chance::{Chance, Seeded};
use super::client::Script;
use super::invariants::Invariants;
use super::menu::Menu;
use super::network::{
    Cut, Event, Link, NetDocuments, NetFiles, NetObjects, NetQueue, NetRejects, Network,
};
use super::process::{Process, runtime};
use super::scenario::{LEASE_MS, Scenario};
use super::stores::{Clock, MemoryStores};
use super::trace::Trace;
use crate::config::Config;
use crate::files::{Files as _, NewFile};
use crate::id::{Entropy, Id};
use crate::objects::Objects as _;
use crate::queue::Queue as _;
use crate::service::Service;
use crate::stores::Stores;
use crate::targets::Targets;
use crate::tenant::Tenant;
use bytes::Bytes;
use futures::FutureExt as _;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::{Instant, advance};

/// How long it may take until every job has ended once there are no faults any more, in milliseconds.
const MAX_RECOVERY_MS: u64 = 300_000;
/// How long a process may take to end by itself, in milliseconds.
const MAX_CLOSING_MS: u64 = 10_000;
/// The number of the clients' process.
const CLIENTS: usize = 0;
/// Where jobs would tell of their ends.
const HOOK: &str = "https://hook.example/";

/// What happens to processes. A number names one of those that are there, by its remainder.
#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// Another one starts.
    Start,
    /// One is killed.
    Kill(u64),
    /// All are killed.
    KillAll,
    /// One is stopped for so many milliseconds.
    Stop(u64, u64),
    /// It goes on.
    GoOn(usize),
    /// One is told to end.
    Close(u64),
    /// One reaches nobody for so many milliseconds.
    Cut(u64, u64),
    /// Faults are over.
    Fine,
    /// Everything should have ended by now.
    Late,
}

/// Where a crash is put: at the k-th event of a worker on the network.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// The event, from 0.
    pub at: u64,
    /// Whether what the event brings is still done.
    pub after: bool,
}

/// What came of a simulation.
pub struct Outcome {
    /// What happened.
    pub trace: Trace,
    /// The promises that were broken.
    pub broken: Vec<String>,
    /// Events of workers on the network.
    pub events: u64,
    /// How the jobs ended: state and code.
    pub ends: Vec<(String, Option<String>)>,
}

/// A world that runs.
pub struct World<'a> {
    menu: &'a Menu,
    scenario: Scenario,
    chance: Chance,
    server: Runtime,
    server_epoch: Instant,
    stores: MemoryStores,
    network: Arc<Network>,
    processes: BTreeMap<usize, Process>,
    started: usize,
    config: Config,
    invariants: Invariants,
    crash: Option<Crash>,
    events: u64,
}

impl<'a> World<'a> {
    /// A world in which `scenario` is about to begin.
    pub fn new(scenario: Scenario, menu: &'a Menu, keeps_trace: bool) -> Self {
        let mut chance = Chance::new(scenario.seed);
        let server = runtime();
        let (stores, server_epoch) = {
            let _here = server.enter();
            (MemoryStores::new(Clock::new()), Instant::now())
        };
        let trace = Trace::new(keeps_trace);
        let network = Network::new(
            chance.fork(),
            scenario.weather,
            scenario.fine_from_ms,
            trace,
        );
        let config = Config {
            workers: scenario.workers,
            specs_dir: PathBuf::from("no-such-folder"),
            data_dir: PathBuf::from("no-such-folder"),
            mongodb_uri: None,
            job_lease_ms: LEASE_MS,
            job_max_attempts: scenario.max_attempts,
            ..Config::defaults()
        };
        // Every job has a webhook: what it is to tell is judged; nobody sends it.
        let told = stores.queue.set_default_callback(&Tenant::NONE, Some(HOOK));
        assert!(matches!(told.now_or_never(), Some(Ok(()))));
        let spoilt = scenario.saboteur.plan.is_some();
        Self {
            menu,
            chance,
            server,
            server_epoch,
            invariants: Invariants::new(stores.clone(), spoilt),
            stores,
            network: Arc::new(network),
            processes: BTreeMap::new(),
            started: 0,
            config,
            scenario,
            crash: None,
            events: 0,
        }
    }

    /// The process whose event is the one that is named is killed there, and another one starts.
    pub fn with_crash(mut self, crash: Crash) -> Self {
        self.crash = Some(crash);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Outcome {
        self.begin();
        let mut was_late = false;
        while self.processes[&CLIENTS].ended_ms().is_none() && !was_late {
            was_late = self.step();
        }
        // What is under way still arrives, when nobody is there any more.
        self.kill_all();
        while let Some((at_ms, event)) = self.network.take() {
            if let Event::Deliver { .. } = event {
                self.happens(at_ms, event);
            }
        }
        let stores = self.stores.clone();
        let _here = self.server.enter();
        let ends = self.invariants.at_the_end(&stores, &self.network);
        Outcome {
            trace: self.network.trace(),
            broken: self.network.all_broken(),
            events: self.events,
            ends,
        }
    }

    fn begin(&mut self) {
        let mut tasks = Vec::new();
        let entropy: Arc<dyn Entropy> = Arc::new(Seeded::new(self.chance.fork()));
        for task in self.scenario.tasks.clone() {
            let id = entropy.id();
            let dish = &self.menu.dishes[task.dish];
            tasks.push((id, dish.name.clone()));
            let _here = self.server.enter();
            now(upload(&self.stores, id, &task.text));
            if task.is_unique {
                assert!(self.stores.documents.make_unique(&dish.name, "u"));
            }
            self.invariants.expects(id, dish.clone(), task.truth);
        }
        for &(at_ms, control) in &self.scenario.controls {
            self.network.at(at_ms, Event::Control(control));
        }
        let fine_ms = self.scenario.fine_from_ms.max(2);
        self.network.at(fine_ms, Event::Control(Control::Fine));
        let late_ms = fine_ms + MAX_RECOVERY_MS;
        self.network.at(late_ms, Event::Control(Control::Late));
        let link = self.link(CLIENTS, 0);
        let script = Script {
            service: self.service(&link),
            link: link.clone(),
            tasks,
            acts: self.scenario.acts.clone(),
            fine_from_ms: fine_ms,
            insists: self.scenario.saboteur.plan.is_none(),
        };
        let clients = Process::of_script(link, 0, script.run());
        self.processes.insert(CLIENTS, clients);
    }

    /// Lets every process come to the next event, or lets it happen. Says whether it is too late.
    fn step(&mut self) -> bool {
        let Some(next_ms) = self.network.next_ms() else {
            return true;
        };
        let behind = |process: &&mut Process| !process.is_stopped && process.local_ms < next_ms;
        if let Some(process) = self.processes.values_mut().find(behind) {
            process.run_until(next_ms);
            let (number, closing_ms) = (process.link.process, process.closing_ms);
            if let (Some(closing_ms), Some(ended_ms)) = (closing_ms, process.ended_ms()) {
                let took_ms = ended_ms - closing_ms;
                self.network.note(ended_ms, number, "ended", "");
                if took_ms > MAX_CLOSING_MS {
                    let message = format!("process {number} took {took_ms} ms to end");
                    self.network.broken(message);
                }
                self.kill(number);
            }
            return false;
        }
        match self.network.take() {
            Some((at_ms, event)) => self.happens(at_ms, event),
            None => true,
        }
    }

    /// Lets an event happen. Says whether it is too late.
    fn happens(&mut self, at_ms: u64, event: Event) -> bool {
        match event {
            Event::Deliver { from, what, apply } => {
                let crash = self.counted(from);
                if crash.is_some_and(|crash| !crash.after) {
                    self.crashed(at_ms, from);
                    return false;
                }
                self.set_time(at_ms);
                let _here = self.server.enter();
                let how = apply();
                self.network.note(at_ms, from, what, how);
                let closing = self
                    .processes
                    .get(&from)
                    .is_some_and(|p| p.closing_ms.is_some());
                self.invariants
                    .after(at_ms, from, what, closing, &self.network);
                drop(_here);
                if crash.is_some() {
                    self.crashed(at_ms, from);
                }
            }
            Event::Reply { to, what, give } => {
                let crash = self.counted(to);
                if crash.is_some_and(|crash| !crash.after) {
                    self.crashed(at_ms, to);
                    return false;
                }
                if self.processes.contains_key(&to) {
                    self.network.note(at_ms, to, what, "heard");
                    give();
                }
                if crash.is_some() {
                    // It hears it, and dies at the next thing that it does.
                    if let Some(process) = self.processes.get_mut(&to) {
                        process.run_until(at_ms + 1);
                    }
                    self.crashed(at_ms, to);
                }
            }
            Event::Control(control) => return self.control(at_ms, control),
        }
        false
    }

    /// Counts an event of a worker; says whether it is the one at which it dies.
    fn counted(&mut self, process: usize) -> Option<Crash> {
        if process == CLIENTS || !self.processes.contains_key(&process) {
            return None;
        }
        let this = self.events;
        self.events += 1;
        self.crash.filter(|crash| crash.at == this)
    }

    fn crashed(&mut self, at_ms: u64, process: usize) {
        self.network.note(at_ms, process, "crashed", "");
        self.kill(process);
        self.start(at_ms);
    }

    fn control(&mut self, at_ms: u64, control: Control) -> bool {
        self.network
            .note(at_ms, CLIENTS, "control", &format!("{control:?}"));
        match control {
            Control::Start => self.start(at_ms),
            Control::Kill(which) => {
                if let Some(number) = self.worker(which) {
                    self.kill(number);
                }
            }
            Control::KillAll => {
                let workers = self.processes.keys().copied().filter(|&p| p != CLIENTS);
                for number in workers.collect::<Vec<_>>() {
                    self.kill(number);
                }
            }
            Control::Stop(which, for_ms) => {
                if let Some(number) = self.worker(which)
                    && let Some(process) = self.processes.get_mut(&number)
                    && !process.is_stopped
                {
                    process.is_stopped = true;
                    let go_on = Event::Control(Control::GoOn(number));
                    self.network.at(at_ms + for_ms, go_on);
                }
            }
            Control::GoOn(number) => {
                if let Some(process) = self.processes.get_mut(&number) {
                    process.go_on(at_ms);
                }
            }
            Control::Close(which) => {
                if let Some(number) = self.worker(which)
                    && let Some(process) = self.processes.get_mut(&number)
                    && !process.is_stopped
                {
                    process.close(at_ms);
                }
            }
            Control::Cut(which, for_ms) => {
                if let Some(process) = self.worker(which) {
                    self.network.cut(Cut {
                        process,
                        from_ms: at_ms,
                        until_ms: at_ms + for_ms,
                    });
                }
            }
            Control::Fine => {
                let awake = |process: &Process| process.is_worker() && !process.is_stopped;
                if !self.processes.values().any(awake) {
                    self.start(at_ms);
                }
            }
            Control::Late => {
                let message = "jobs have not ended, long after the last fault".to_owned();
                self.network.broken(message);
                return true;
            }
        }
        false
    }

    /// One of the processes that work.
    fn worker(&self, which: u64) -> Option<usize> {
        let workers = self
            .processes
            .values()
            .filter(|process| process.is_worker());
        let workers: Vec<usize> = workers.map(|process| process.link.process).collect();
        let count = workers.len() as u64;
        (count > 0).then(|| workers[(which % count) as usize])
    }

    fn start(&mut self, at_ms: u64) {
        self.started += 1;
        let link = self.link(self.started, at_ms);
        let service = self.service(&link);
        let process = Process::of_workers(link, at_ms, service);
        self.processes.insert(self.started, process);
    }

    fn kill(&mut self, number: usize) {
        if let Some(process) = self.processes.remove(&number) {
            process.kill();
        }
    }

    fn kill_all(&mut self) {
        while let Some((_, process)) = self.processes.pop_first() {
            process.kill();
        }
    }

    fn link(&self, process: usize, now_ms: u64) -> Arc<Link> {
        Arc::new(Link::new(self.network.clone(), process, now_ms))
    }

    /// The service of a process, which reaches the stores over the network only.
    fn service(&mut self, link: &Arc<Link>) -> Service {
        let saboteur = self.scenario.saboteur;
        let inner = &self.stores;
        let rejects = NetRejects {
            link: link.clone(),
            inner: inner.rejects.clone(),
        };
        let stores = Stores {
            queue: Arc::new(NetQueue {
                link: link.clone(),
                inner: inner.queue.clone(),
                asked: Mutex::default(),
            }),
            files: Arc::new(NetFiles {
                link: link.clone(),
                inner: inner.files.clone(),
            }),
            rejects: saboteur.spoils_rejects(Arc::new(rejects)),
            specs: inner.specs.clone(),
            keys: inner.keys.clone(),
            tickets: inner.tickets.clone(),
            objects: Arc::new(NetObjects {
                link: link.clone(),
                inner: inner.objects.clone(),
                most_bytes: saboteur.object_bytes(),
            }),
        };
        let (documents, link) = (inner.documents.clone(), link.clone());
        let targets = Targets::on(
            Some(Box::new(move |_| {
                Ok(Arc::new(NetDocuments {
                    link: link.clone(),
                    inner: documents.clone(),
                    saboteur,
                }))
            })),
            PathBuf::from("no-such-folder"),
        );
        let entropy = Arc::new(Seeded::new(self.chance.fork()));
        let mut service = Service::with_entropy(self.config.clone(), stores, targets, entropy);
        service.catalog = self.menu.catalog.clone();
        service.max_parsers = self.scenario.parsers;
        service
    }

    /// Sets the stores' time.
    fn set_time(&self, at_ms: u64) {
        let epoch = self.server_epoch;
        self.server.block_on(async {
            let gap = (epoch + Duration::from_millis(at_ms)).duration_since(Instant::now());
            if !gap.is_zero() {
                advance(gap).await;
            }
        });
    }
}

/// What a store in memory answers.
fn now<T>(work: impl Future<Output = T>) -> T {
    use futures::FutureExt as _;
    work.now_or_never()
        .expect("a store in memory answers at once")
}

/// Puts an uploaded file into the stores.
async fn upload(stores: &MemoryStores, id: Id, text: &str) {
    let key = id.to_string();
    let file = NewFile {
        id,
        tenant: Tenant::NONE,
        original_name: format!("{id}.jsonl"),
        content_type: "application/x-ndjson".to_owned(),
        key: key.clone(),
        bucket: None,
        upload: None,
    };
    stores.files.begin(&file).await.unwrap();
    let bytes = Bytes::from(text.to_owned());
    let (size_bytes, sha256) = (bytes.len() as u64, hex::encode(Sha256::digest(&bytes)));
    let put = stores.objects.put(&key, "application/x-ndjson", bytes);
    put.await.unwrap();
    let committed = stores
        .files
        .commit(&Tenant::NONE, id, size_bytes, &sha256, None);
    assert!(committed.await.unwrap().is_some());
}
