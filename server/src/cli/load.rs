//! One load from its input to its last checkpoint: what `run` and `check` do for each file.
//!
//! ```text
//! pin the input ─► connect the target ─► enter `_loads` ─► open ─► run, lease kept ─► close
//! ```
//!
//! It decides nothing about records: the engine, which the service shares, is `crate::load`. Whatever ends the run, the
//! lease is let go of and the outcome says where to go on.

use super::progress;
use super::rejects_file::RejectsFile;
use crate::job::{BusyView, ErrorKind, Failure, Job, SpecPin, Stats};
use crate::load::flow::{Flow, Guard, Known, max_parsers};
use crate::load::lease::{Entered, Lease, enter};
use pipeline::{
    Accepted, Books, Busy, Checkpoint, End, Fatal, Ledger, Progress, Reject, Retry, Stage,
};
use stages::identity::{LoadIdentity, LoadName};
use stages::ledger::{MemoryLedger, RunLedger};
use stages::load::{Entry, Loads, Request, Wish};
use stages::open::{Connected, Destination, LeftOut};
use stages::plan::Plan;
use stages::sink::{Load, Met, Mode};
use stages::source::Origin;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The file of the ledger, in the data directory.
const STATE_FILE: &str = "state.db";

/// Whoever is told rejects.
pub type Each = Arc<dyn Fn(&Reject) + Send + Sync>;

/// What is asked.
pub struct Asked<'a> {
    /// The spec.
    pub plan: &'a Plan,
    /// What it is called in messages.
    pub input: String,
    /// The pinned input.
    pub origin: &'a dyn Origin,
    /// The content, when the caller names it (`--id`).
    pub id: Option<&'a str>,
    /// Where it goes.
    pub destination: &'a Destination,
    /// Where the ledger is.
    pub data_dir: &'a Path,
    /// Anew, on from a checkpoint, or once more.
    pub wish: Wish,
    /// The most rejects, instead of the spec's budget.
    pub max_rejects: Option<u64>,
    /// Where rejects go besides.
    pub rejects: Option<&'a Path>,
    /// How long the load is held without being renewed.
    pub lease_ms: u64,
    /// Told every reject of a load that is not remembered: of a dry run.
    pub each: Option<Each>,
    /// Interrupts the run once at least so many records have their outcome.
    pub max_records: Option<u64>,
    /// Ends the run at a batch.
    pub cancel: CancellationToken,
    /// Whether progress is shown.
    pub show_progress: bool,
}

/// What came of it.
pub struct Outcome {
    /// The job, for programs.
    pub job: Job,
    /// Its books, for people.
    pub books: Books,
    /// Bytes of the input that were done before this run.
    pub bytes_before: u64,
    /// How long this run took, without the wait for a lease.
    pub elapsed: Duration,
    /// Where that time went, where anything was done.
    pub busy: Option<Busy>,
    /// Whether what failed may be over at another try.
    pub may_heal: bool,
    /// What input and spec do not use of each other.
    pub left_out: LeftOut,
    /// What records would meet, where the target was only read.
    pub met: Option<Met>,
}

/// What a run is given besides its input.
struct Given<'a> {
    connected: &'a Connected,
    load: Load,
    ledger: Arc<dyn Ledger>,
    guard: Guard<'a>,
    resume: Option<Checkpoint>,
    accepted: Accepted,
}

/// How a load ended.
enum Ended {
    /// It was loaded before: nothing was done.
    Existing,
    /// It ran.
    Over(End),
}

/// What is known of a load, whatever ends it.
struct State {
    job: String,
    run: Known,
    /// Set while it runs: what is known when it is broken off.
    progress: Option<watch::Receiver<Progress>>,
    /// How long it waited for somebody else's lease to run out: no part of the run.
    waited: Duration,
    met: Option<Met>,
}

/// Loads one input. What goes wrong is in the outcome's job.
pub async fn load(asked: Asked<'_>) -> Outcome {
    let (started, started_at) = (Instant::now(), now());
    let mut state = State {
        job: random_hex(),
        run: Known::nothing(),
        progress: None,
        waited: Duration::ZERO,
        met: None,
    };
    let ended = match asked.run(&mut state).await {
        Ok(ended) => ended,
        Err(fatal) => Ended::Over(End::Failed(fatal)),
    };
    let elapsed = started.elapsed().saturating_sub(state.waited);
    let may_heal = match &ended {
        Ended::Over(End::Failed(fatal)) => {
            fatal.retry != Retry::Never || matches!(fatal.code, "lease_lost" | "target_refused")
        }
        _ => false,
    };
    let job = asked.job(&state, ended, started_at, elapsed);
    Outcome {
        job,
        left_out: state.run.left_out(),
        books: state.run.books,
        bytes_before: state.run.bytes_before,
        elapsed,
        busy: state.run.busy,
        may_heal,
        met: state.met,
    }
}

impl Asked<'_> {
    async fn run(&self, state: &mut State) -> Result<Ended, Fatal> {
        let connected = self.destination.connect(self.data_dir).await?;
        match connected.loads() {
            Some(loads) => self.remembered(&connected, loads, state).await,
            None => self.unremembered(&connected, state).await,
        }
    }

    /// A load into a target that remembers nothing: the null sink, every dry run, and what is only read.
    async fn unremembered(&self, connected: &Connected, state: &mut State) -> Result<Ended, Fatal> {
        let file = self.rejects.map(RejectsFile::create).transpose()?;
        let file = Arc::new(Mutex::new(file));
        let each = file.clone();
        let told = self.each.clone();
        let ledger = MemoryLedger::with_each(move |reject| {
            if let Some(told) = &told {
                told(reject);
            }
            match &mut *lock(&each) {
                Some(file) => file.write(reject),
                None => Ok(()),
            }
        });
        let content = self.content()?;
        let identity = LoadIdentity::new(self.load_name(&content), 0);
        let load = self.sink_load(identity, 0, &state.job, None);
        let ledger: Arc<dyn Ledger> = Arc::new(ledger);
        let given = Given {
            connected,
            load,
            ledger,
            guard: &|sink| sink,
            resume: None,
            accepted: Accepted::default(),
        };
        let end = self.flow(given, state).await?;
        state.met = connected.met();
        lock(&file).as_mut().map_or(Ok(()), RejectsFile::finish)?;
        Ok(Ended::Over(end))
    }

    /// A load that is entered into `_loads` and goes on where it stopped.
    async fn remembered(
        &self,
        connected: &Connected,
        loads: Arc<dyn Loads>,
        state: &mut State,
    ) -> Result<Ended, Fatal> {
        let content = self.content()?;
        let target = self.destination.target();
        let name = self.load_name(&content);
        let request = Request {
            base: LoadIdentity::new(name, 0),
            spec: self.plan.name.clone(),
            version: self.plan.version,
            spec_sha256: self.plan.sha256.clone(),
            collection: target.collection.clone(),
            job: state.job.clone(),
            owner: random_hex(),
            lease_ms: self.lease_ms,
            numbered: target.mode.has_key(),
        };
        let identity = |generation| LoadIdentity::new(name, generation);
        let gone = connected.target_file_is_gone();
        let merge = target.mode == Mode::Merge;
        let waits = OnceLock::new();
        let entered = enter(
            &*loads,
            request,
            identity,
            self.wish,
            gone,
            merge,
            async |entry, is_first| {
                waits.get_or_init(Instant::now);
                if is_first {
                    eprintln!(
                        "Job {} may still be written; waiting for its lease to run out.",
                        entry.job
                    );
                }
                self.cancel.cancelled().await;
            },
        );
        let entered = entered.await;
        state.waited = waits.get().map(Instant::elapsed).unwrap_or_default();
        let (entry, lease) = match entered? {
            Entered::Existing(entry) => {
                let ledger = self.ledger(&entry).await?;
                state.job.clone_from(&entry.job);
                if let Some(checkpoint) = ledger.load_checkpoint().await? {
                    state.run.books = checkpoint.books;
                    self.write_rejects(&ledger)?;
                }
                return Ok(Ended::Existing);
            }
            Entered::GivenUp(entry) => {
                state.job = entry.job;
                return Ok(Ended::Over(End::Interrupted));
            }
            Entered::Ours(entry, taken) => {
                let lease = Lease::new(loads, entry.clone(), taken, self.lease_ms);
                (entry, Arc::new(lease))
            }
        };
        state.job.clone_from(&entry.job);
        let ledger = match self.ledger(&entry).await {
            Ok(ledger) => Arc::new(ledger),
            Err(fatal) => {
                // Nobody should have to wait for a lease under which nothing was done.
                lease.close(false).await?;
                return Err(fatal);
            }
        };
        // From here on: opening may take longer than a lease (an index that is built, a pipe that is slow).
        let ended = tokio::select! {
            ended = self.leased(connected, &entry, &lease, &ledger, state) => ended,
            lost = lease.keep() => Err(lost),
        };
        // A lease that was lost belongs to somebody else: there is nothing to let go of.
        let lost =
            matches!(&ended, Ok(End::Failed(fatal)) | Err(fatal) if fatal.code == "lease_lost");
        if lost {
            if let Some(progress) = state.progress.take() {
                state.run.break_off(&progress.borrow());
            }
        } else {
            lease.close(matches!(ended, Ok(End::Completed(_)))).await?;
            self.write_rejects(&ledger)?;
        }
        ended.map(Ended::Over)
    }

    async fn leased(
        &self,
        connected: &Connected,
        entry: &Entry,
        lease: &Arc<Lease>,
        ledger: &Arc<RunLedger>,
        state: &mut State,
    ) -> Result<End, Fatal> {
        // A file that is finished cannot be begun anew, only noted as what it is.
        let resume = match self.wish {
            Wish::Load if !connected.target_file_may_be_finished() => None,
            Wish::Load | Wish::Resume => ledger.load_checkpoint().await?,
            Wish::Again => None,
        };
        let (resume, accepted) = match resume {
            Some(checkpoint) => {
                ledger
                    .remove_rejects_from(checkpoint.books.end.ordinal)
                    .await?;
                let (checkpoint, accepted) = ledger.approve(checkpoint).await?;
                (Some(checkpoint), accepted)
            }
            None => {
                ledger.reset().await?;
                (None, Accepted::default())
            }
        };
        let mark = resume.as_ref().map(|checkpoint| checkpoint.mark);
        let load = self.sink_load(entry.identity, entry.load_number, &entry.job, mark);
        let remembering: Arc<dyn Ledger> = ledger.clone();
        let given = Given {
            connected,
            load,
            ledger: remembering,
            guard: &|sink| lease.announce(sink),
            resume,
            accepted,
        };
        let end = self.flow(given, state).await?;
        let (noted, cause) = match &end {
            End::Completed(_) => ("completed", None),
            End::Held(breach) => ("held", Some(&breach.cause)),
            End::Interrupted => ("interrupted", None),
            End::Failed(_) => ("failed", None),
        };
        ledger.note_state(noted, cause).await?;
        Ok(end)
    }

    /// Opens everything and runs it to its end, and shows how far it is.
    async fn flow(&self, given: Given<'_>, state: &mut State) -> Result<End, Fatal> {
        let (progress, told) = watch::channel(Progress::default());
        state.progress = Some(told.clone());
        let cancel = self.cancel.child_token();
        let _limit = self.max_records.map(|most| {
            let (mut told, cancel) = (told.clone(), cancel.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                let over = told.wait_for(|progress| progress.counters.read >= most);
                if over.await.is_ok() {
                    cancel.cancel();
                }
            }))
        });
        let bytes_total = self.origin.pinned().size_bytes;
        let shown = self.show_progress.then(|| {
            let show = progress::show(told, bytes_total);
            AbortOnDropHandle::new(tokio::spawn(show))
        });
        let flow = Flow {
            plan: self.plan,
            origin: self.origin,
            connected: given.connected,
            load: given.load,
            ledger: given.ledger,
            guard: given.guard,
            resume: given.resume,
            writes: None,
            max_parsers: max_parsers(),
            referred: None,
            accepted: given.accepted,
            max_rejects: self.max_rejects,
            cancel,
            progress,
        };
        let end = flow.run(&mut state.run).await;
        if let Some(shown) = shown {
            // It ends with the run, and clears its bar before anything else is printed.
            let _ = shown.await;
        }
        end
    }

    /// What makes this content itself. Standard input is itself only once.
    fn content(&self) -> Result<String, Fatal> {
        match (self.id, &self.origin.pinned().content) {
            (Some(id), _) => Ok(format!("id:{id}")),
            (None, Some(content)) => Ok(content.clone()),
            (None, None) if self.wish == Wish::Resume => Err(Fatal::new(
                "not_restartable",
                "standard input has no identity, so there is nothing to resume",
            )
            .hint("name the content with --id when you start, and again when you resume")),
            (None, None) => Ok(format!("once:{}", random_hex())),
        }
    }

    fn load_name<'n>(&'n self, content: &'n str) -> LoadName<'n> {
        LoadName {
            tenant: None,
            content,
            spec: &self.plan.name,
            collection: &self.destination.target().collection,
        }
    }

    fn sink_load(
        &self,
        identity: LoadIdentity,
        load_number: u64,
        job: &str,
        resume: Option<Option<u64>>,
    ) -> Load {
        Load {
            identity,
            load_number,
            tenant: None,
            job: job.to_owned(),
            file: self.origin.pinned().name.clone(),
            schema: self.plan.schema.clone(),
            resume,
        }
    }

    fn write_rejects(&self, ledger: &RunLedger) -> Result<(), Fatal> {
        let Some(path) = self.rejects else {
            return Ok(());
        };
        let mut file = RejectsFile::create(path)?;
        for reject in ledger.rejects()? {
            file.write(&reject?)?;
        }
        file.finish()
    }

    /// The ledger of `run`, which remembers checkpoints and rejects.
    async fn ledger(&self, entry: &Entry) -> Result<RunLedger, Fatal> {
        let path = self.data_dir.join(STATE_FILE);
        RunLedger::open(&path, &entry.job, &entry.owner, entry.fence).await
    }

    fn job(&self, state: &State, ended: Ended, started_at: String, elapsed: Duration) -> Job {
        let (name, failure) = match &ended {
            Ended::Existing | Ended::Over(End::Completed(_)) => ("completed", None),
            Ended::Over(End::Held(breach)) => ("held", Some(Failure::of_breach(breach))),
            Ended::Over(End::Interrupted) => ("interrupted", None),
            Ended::Over(End::Failed(fatal)) => ("failed", Some(Failure::from(fatal))),
        };
        let existing = matches!(ended, Ended::Existing);
        let bytes_total = self.origin.pinned().size_bytes;
        let progress = match bytes_total {
            _ if name == "completed" => 1.0,
            Some(total) if total > 0 => (state.run.bytes_read as f64 / total as f64).min(1.0),
            _ => 0.0,
        };
        let run = &state.run;
        let read = run.books.counters.read.saturating_sub(run.read_before);
        Job {
            job_id: state.job.clone(),
            file_id: None,
            input: self.input.clone(),
            target: self.destination.to_string(),
            spec: SpecPin::from(self.plan),
            state: name,
            existing,
            attempts: 0,
            started_at,
            finished_at: now(),
            progress,
            bytes_read: run.bytes_read,
            bytes_total,
            records_per_second: if existing {
                0
            } else {
                (read as f64 / elapsed.as_secs_f64().max(0.001)) as u64
            },
            stats: Stats::from(&run.books),
            errors: run
                .books
                .summary
                .kinds()
                .iter()
                .map(ErrorKind::from)
                .collect(),
            failure,
            bottleneck: run.busy.and_then(|busy| busy.bottleneck()).map(Stage::name),
            busy: run.busy.map(BusyView::from),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// 24 random hexadecimal digits.
fn random_hex() -> String {
    let mut bytes = [0; 12];
    match getrandom::fill(&mut bytes) {
        Ok(()) => hex::encode(bytes),
        // Without the system's randomness the process and the time still tell two runs apart.
        Err(_) => format!(
            "{:08x}{:016x}",
            std::process::id(),
            jiff::Timestamp::now().as_microsecond()
        ),
    }
}
