//! One run of a load: everything is opened, and runs to its end.
//!
//! It decides nothing about records, remembers nothing and holds no lease: the ledger remembers, and whoever runs it
//! drops it when the lease is lost. What is known of a run is written as it goes, so that a run that is
//! dropped in the middle can still be told about.

use pipeline::{
    Accepted, Books, Budget, Busy, Checkpoint, End, Fatal, Job, Ledger, OnBreach, Position,
    Progress, Report, SharedWrites, Sink,
};
use stages::corrected::Referred;
use stages::open::{Connected, Finds, LeftOut, Opening, open, open_corrected};
use stages::plan::Plan;
use stages::sink::Load;
use stages::source::Origin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Puts something around the sink of a load: a note before the first write, a limit in time.
pub type Guard<'a> = &'a (dyn Fn(Arc<dyn Sink>) -> Arc<dyn Sink> + Send + Sync);

/// Blocks that a job may parse at once: as many as the machine has cores.
pub fn max_parsers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a run is given.
pub struct Flow<'a> {
    /// The spec.
    pub plan: &'a Plan,
    /// The pinned input.
    pub origin: &'a dyn Origin,
    /// Where it goes.
    pub connected: &'a Connected,
    /// What the sink is to know.
    pub load: Load,
    /// What remembers.
    pub ledger: Arc<dyn Ledger>,
    /// What stands around the sink.
    pub guard: Guard<'a>,
    /// Where to go on; none: at the start.
    pub resume: Option<Checkpoint>,
    /// Turns at writing, which other runs share; none: this run is alone.
    pub writes: Option<Arc<SharedWrites>>,
    /// Blocks that may be parsed at once.
    pub max_parsers: usize,
    /// What the references of corrected records mean, where the input is such; none: it is what the spec describes.
    pub referred: Option<Arc<[Referred]>>,
    /// Causes that were approved.
    pub accepted: Accepted,
    /// The most rejects, instead of the spec's budget.
    pub max_rejects: Option<u64>,
    /// Ends the run at a batch.
    pub cancel: CancellationToken,
    /// Told where the run goes on once everything is open, and after every batch. Dropped at the end.
    pub progress: watch::Sender<Progress>,
}

/// What is known of a run, whatever ends it.
pub struct Known {
    /// Its books.
    pub books: Books,
    /// Records that were read before this run began.
    pub read_before: u64,
    /// Bytes of the stored object that this run did not read: those before it, unless they must be unpacked again.
    pub bytes_before: u64,
    /// Bytes of the stored object that are done.
    pub bytes_read: u64,
    /// Where its time went; nothing before it began.
    pub busy: Option<Busy>,
    /// What the header has beyond the spec, and the spec beyond the header.
    left_out: LeftOut,
    /// Which fields the records have.
    finds: Option<Arc<Finds>>,
}

impl Known {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self {
            books: Books::open(Position::START, 0),
            read_before: 0,
            bytes_before: 0,
            bytes_read: 0,
            busy: None,
            left_out: LeftOut::default(),
            finds: None,
        }
    }

    /// What input and spec do not use of each other, as far as it was read.
    pub fn left_out(&self) -> LeftOut {
        let mut left_out = self.left_out.clone();
        if let Some(finds) = &self.finds {
            left_out.never_found = finds.never();
            (left_out.keys, left_out.more_keys) = finds.left_keys.names();
        }
        left_out
    }

    /// Takes the counters of a run that was dropped in the middle.
    pub fn break_off(&mut self, progress: &Progress) {
        self.books.counters = progress.counters.clone();
        self.bytes_read = progress.bytes_read;
        self.busy = progress.busy;
    }
}

impl Flow<'_> {
    /// Opens everything and runs it to its end.
    ///
    /// # Errors
    /// What opening says; what goes wrong later is in the [`End`].
    pub async fn run(self, known: &mut Known) -> Result<End, Fatal> {
        let from = self
            .resume
            .as_ref()
            .map(|checkpoint| checkpoint.books.clone());
        let (plan, origin, resume) = (self.plan, self.origin, self.resume);
        let opening = async {
            match &self.referred {
                None => open(plan, origin, resume, &self.accepted).await,
                Some(_) => open_corrected(plan, origin, resume, &self.accepted).await,
            }
        };
        let opening = tokio::select! {
            biased;
            opening = opening => opening?,
            // A pipe may give nothing for as long as it likes.
            () = self.cancel.cancelled() => {
                known.books = from.unwrap_or_else(|| known.books.clone());
                return Ok(End::Interrupted);
            }
        };
        let mut opened = match opening {
            Opening::Ready(opened) => match self.referred {
                Some(referred) => opened.referring(referred),
                None => opened,
            },
            Opening::Held(breach, checkpoint) => {
                self.ledger.save(&checkpoint).await?;
                known.books = checkpoint.books;
                return Ok(End::Held(breach));
            }
        };
        opened.remember_in(self.connected.folder());
        known.books = opened.from.books.clone();
        known.left_out = (*opened.left_out).clone();
        known.finds = opened.finds();
        known.read_before = opened.from.books.counters.read;
        known.bytes_before = opened.bytes_before;
        // Before the sink is opened, which may build an index: a run that is dropped then has its counters too.
        self.progress.send_replace(Progress {
            counters: opened.from.books.counters.clone(),
            bytes_read: opened.bytes_before,
            ..Progress::default()
        });
        let mut sink = self.connected.open(self.load).await?;
        sink.sink = (self.guard)(sink.sink);
        let flow = self.connected.destination().flow();
        let job = Job {
            accepted: self.accepted,
            budget: budget(self.plan.budget, self.max_rejects),
            writes: self.writes,
            max_parsers: self.max_parsers,
            cancel: self.cancel,
            progress: self.progress,
            ..opened.job(self.plan, sink, self.ledger, flow)
        };
        let Report {
            end,
            checkpoint,
            bytes_read,
            busy,
        } = pipeline::run(job).await;
        known.books = checkpoint.books;
        known.bytes_read = bytes_read;
        known.busy = Some(busy);
        Ok(end)
    }
}

/// The spec's budget, or that of whoever names another limit.
fn budget(spec: Budget, max_rejects: Option<u64>) -> Budget {
    match max_rejects {
        Some(max_records) => Budget {
            max_records,
            max_ratio: 1.0,
            // Whoever names a limit wants it kept, also where the spec goes on whatever comes.
            on_breach: match spec.on_breach {
                OnBreach::Continue => OnBreach::Hold,
                kept => kept,
            },
            ..spec
        },
        None => spec,
    }
}
