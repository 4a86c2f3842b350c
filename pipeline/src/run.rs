//! The runner: one stream from the source to the ledger.
//!
//! ```text
//! read and frame ─► parse tasks ─► join into batches ─► write tasks ─► rejects ─► books ─► saver
//!  one task          max_parsers     judge, rate         max_in_flight, one task             one task
//!                                                        or fewer: gate
//! ```
//!
//! Parsing and writing run in tasks of their own, so that no stage stalls while another is awaited; their
//! results are taken in the order of the input, so the books are a gap-free prefix. Nothing is read before
//! there is room for it: memory is bounded by the number of tasks, never by the size of the input. The
//! runner never decides what a record means, and never retries: parts heal what they can by themselves.

mod close;
mod gate;
mod join;
mod read;
mod saver;
mod shared;
mod store;

use crate::batch::Halted;
use crate::books::unbalanced;
use crate::budget::Judge;
use crate::rate::Limiter;
use crate::timing::Timing;
use crate::unique::Duplicates;
use crate::{
    Accepted, Ack, Batch, BatchLimits, Breach, Budget, Busy, Checkpoint, Control, Convert,
    Counters, Fatal, Framer, Holdings, Ledger, Rate, Reject, Sink, Source, Stage, Tally, Total,
    Unique, Written,
};
use close::Closing;
use futures::stream::{BoxStream, StreamExt};
use gate::Gate;
use join::{Again, Due, batches};
use read::blocks;
use saver::Saver;
pub use shared::SharedWrites;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::stored;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// How long an interrupted run waits for batches in flight.
const MAX_DRAIN_MS: u64 = 10_000;

/// Batches that a run keeps whole where so many may be written at once: half as many wait behind them, done or ready.
pub const fn most_batches(max_in_flight: usize) -> usize {
    max_in_flight + max_in_flight / 2
}

/// A run that is ready to start: opened parts, limits, and where it goes on.
pub struct Job {
    /// Where bytes come from.
    pub source: Box<dyn Source>,
    /// Decoded bytes before the next read of `source`. What lies before the framer's place is discarded.
    pub source_at: u64,
    /// The framer, made at the end of `from`; its buffer may hold bytes that were read already.
    pub framer: Box<dyn Framer>,
    /// The pure half.
    pub convert: Arc<dyn Convert>,
    /// Where records go.
    pub sink: Arc<dyn Sink>,
    /// What remembers.
    pub ledger: Arc<dyn Ledger>,
    /// Where to go on.
    pub from: Checkpoint,
    /// Causes that were approved.
    pub accepted: Accepted,
    /// How many rejects there may be.
    pub budget: Budget,
    /// What is compared at the end of the input.
    pub controls: Vec<Control>,
    /// What must be unique in the input; nothing without it.
    pub unique: Option<Unique>,
    /// How large a batch is.
    pub batch: BatchLimits,
    /// How fast batches may be written.
    pub rate: Rate,
    /// Batches that may be written at once; at least 1. Fewer are while the target is slow, where `rate` says so.
    pub max_in_flight: usize,
    /// Turns at writing, which other runs share; none: this one need not wait for any other.
    pub writes: Option<Arc<SharedWrites>>,
    /// Blocks that may be parsed at once; at least 1.
    pub max_parsers: usize,
    /// Ends the run at the next batch.
    pub cancel: CancellationToken,
    /// Told after every batch.
    pub progress: watch::Sender<Progress>,
}

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The counters up to the last acknowledged batch.
    pub counters: Counters,
    /// Bytes of the stored object up to the same place. Compressed ones are estimated from how far the reader is.
    pub bytes_read: u64,
    /// Where the time went up to the last acknowledged batch; none before the first.
    pub busy: Option<Busy>,
    /// Whether every record has its outcome and the sink is being finished, which may take long and shows no other progress.
    pub is_closing: bool,
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// Every record of the input has its outcome, and the books balance.
    Completed(Holdings),
    /// The budget was exceeded: nothing lies beyond the checkpoint, somebody must decide.
    Held(Breach),
    /// The run was cancelled: it can go on from the checkpoint.
    Interrupted,
    /// The run cannot go on.
    Failed(Fatal),
}

/// What is left of a run.
pub struct Report {
    /// How it ended.
    pub end: End,
    /// The last checkpoint.
    pub checkpoint: Checkpoint,
    /// Bytes of the stored object up to the last acknowledged batch; all of them at the end.
    pub bytes_read: u64,
    /// Where the time went.
    pub busy: Busy,
}

/// Runs a job to its end, which may be a failure: whatever ended it, the report has the last checkpoint.
pub async fn run(job: Job) -> Report {
    let timing = Timing::start();
    let stop = job.cancel.child_token();
    let start = Tally::from(&job.from.books.counters);
    let shared = Arc::new(Shared {
        judge: Mutex::new(Judge::new(job.budget, job.from.counted_from, start)),
        breach: Mutex::new(None),
        decoded_bytes: Mutex::new(None),
        read: watch::Sender::new(BytesRead::default()),
        timing: timing.clone(),
        stop,
        cancel: job.cancel,
    });
    // What a checkpoint holds already is judged before anything is read: a job that was held and goes on without
    // anybody's word is held where it stood.
    let exceeded = lock(&shared.judge).judge_start(start);
    shared.breach(exceeded.filter(|breach| !job.accepted.covers(&breach.cause)));
    let saver = Saver::start(job.from.clone(), job.ledger.clone());

    let blocks = blocks(job.source, job.source_at, job.framer, shared.clone());
    let again = Again {
        duplicates: Duplicates::new(job.unique),
        convert: job.convert.clone(),
        max_parsers: job.max_parsers,
    };
    let (convert, timed) = (job.convert, timing.clone());
    let converted = blocks.map(move |block| {
        let convert = convert.clone();
        // From here on: a block that waits for a core waits for this stage.
        let work = timed.begin(Stage::Parse);
        task(async move {
            let block = block?;
            block.check()?;
            let converted = convert.convert(block);
            drop(work);
            converted
        })
    });
    let converted = converted.buffered(job.max_parsers.max(1)).boxed();
    let limiter = Limiter::new(job.rate);
    let batches = batches(
        converted,
        Due {
            at: job.from.books.end,
            carried: job.from.carried.clone(),
        },
        job.batch,
        limiter,
        again,
        shared.clone(),
    );
    let written = timing.clone();
    let max_in_flight = job.max_in_flight.max(1);
    let gate = Arc::new(Gate::new(max_in_flight, job.rate.adaptive, job.writes));
    let acks = batches
        .map(|batch| {
            let (sink, gate, timing) = (job.sink.clone(), gate.clone(), written.clone());
            task(async move { write(batch?, &gate, &*sink, &timing).await })
        })
        // What is written waits here for those before it, and a batch that is ready takes its place at the sink.
        .buffered(most_batches(max_in_flight));
    let acks = stored(acks.boxed(), job.ledger.clone(), timing.clone());

    let mut books = Clerk {
        saver: &saver,
        shared: &shared,
        progress: &job.progress,
    };
    let (drained, mut failure) = match books.enter_all(acks.boxed()).await {
        Ok(drained) => (drained, None),
        Err(fatal) => (false, Some(fatal)),
    };
    timing.stop();
    if let Err(fatal) = saver.finish(job.ledger.clone()).await {
        failure.get_or_insert(fatal);
    }
    let checkpoint = saver.checkpoint().clone();
    let end = match failure {
        Some(fatal) => End::Failed(fatal),
        None => {
            let closing = Closing {
                budget: job.budget,
                controls: &job.controls,
                accepted: &job.accepted,
                shared: &shared,
                progress: &job.progress,
                drained,
            };
            closing.judge(&checkpoint.books, job.sink, job.ledger).await
        }
    };
    let bytes_read = shared.read.borrow().up_to(checkpoint.books.end.offset);
    Report {
        end,
        checkpoint,
        bytes_read,
        busy: timing.busy(),
    }
}

/// What the tasks of one run share.
struct Shared {
    judge: Mutex<Judge>,
    /// Written by the join and the clerk, read at the end.
    breach: Mutex<Option<Breach>>,
    /// Length of the decoded input, written by the reader at its end.
    decoded_bytes: Mutex<Option<u64>>,
    /// Written by the reader, read for progress.
    read: watch::Sender<BytesRead>,
    timing: Arc<Timing>,
    /// Ends the flow behind the batches that are under way.
    stop: CancellationToken,
    /// Somebody wants the run to end: what is under way has [`MAX_DRAIN_MS`].
    cancel: CancellationToken,
}

/// How far the reader is.
#[derive(Clone, Copy, Debug, Default)]
struct BytesRead {
    /// Bytes taken from the stored object.
    stored: u64,
    /// What they were decoded to.
    decoded: u64,
}

impl BytesRead {
    /// Bytes of the stored object before a decoded offset: exact where it is not compressed.
    fn up_to(self, offset: u64) -> u64 {
        if offset >= self.decoded {
            return self.stored;
        }
        let share = u128::from(self.stored) * u128::from(offset) / u128::from(self.decoded);
        share.try_into().unwrap_or(self.stored)
    }
}

impl Shared {
    /// Ends the flow where it must not go on.
    fn halt(&self, halted: Option<Halted>) -> Result<(), Fatal> {
        let Some(Halted { record, halt, .. }) = halted else {
            return Ok(());
        };
        let Breach { cause, message } = halt.breach;
        let message = format!("record {}: {message}", record + 1);
        match halt.fails {
            Some(hint) => Err(Fatal::new(cause.kind(), message).hint(hint)),
            None => {
                self.breach(Some(Breach { cause, message }));
                Ok(())
            }
        }
    }

    fn breach(&self, breach: Option<Breach>) -> bool {
        let Some(breach) = breach else { return false };
        lock(&self.breach).get_or_insert(breach);
        self.stop.cancel();
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` in a task, which starts now and ends when the future that is returned is dropped. A panic fails
/// the job.
pub(crate) fn task<T: Send + 'static>(
    work: impl Future<Output = Result<T, Fatal>> + Send + 'static,
) -> impl Future<Output = Result<T, Fatal>> + Send {
    let handle = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
    async move {
        match handle.await {
            Ok(result) => result,
            // Where, and why, the program's panic hook tells: the message may hold values of the input.
            Err(_) => Err(Fatal::new("panic", "a part of the pipeline panicked")),
        }
    }
}

/// Writes the records of a batch.
async fn write(
    batch: Batch,
    gate: &Gate,
    sink: &dyn Sink,
    timing: &Arc<Timing>,
) -> Result<Ack, Fatal> {
    // Where the gate holds a batch back, it waits for the target too; one that waits for a core or its turn does not.
    let work = timing.begin(Stage::Write);
    let written = gate.write(&batch, sink).await?;
    drop(work);
    check_refused(&batch, &written)?;
    let (start, end) = (batch.start(), batch.end());
    let mut ack = Ack {
        start,
        end,
        written,
        rejects: Vec::new(),
        dropped: Default::default(),
        warned: Default::default(),
        skipped: 0,
        carried: Vec::new(),
        totals: totals(&batch)?,
    };
    // A record that the target refuses was warned of, and added up, for nothing: it is a reject.
    let refused = ack.written.rejects.iter().map(|reject| reject.at.ordinal);
    let refused: HashSet<u64> = refused.collect();
    for part in batch.parts {
        for amount in &part.amounts {
            let total = ack.totals.get_mut(usize::from(amount.total));
            if let Some(total) = total.filter(|_| !refused.contains(&amount.ordinal)) {
                total.take(amount.value);
            }
        }
        ack.carried = part.carried_on;
        ack.rejects.extend(part.rejects);
        ack.skipped += part.skipped;
        for (_, name) in part.drops {
            *ack.dropped.entry(name.to_string()).or_default() += 1;
        }
        for (ordinal, name) in part.warnings {
            if !refused.contains(&ordinal) {
                *ack.warned.entry(name.to_string()).or_default() += 1;
            }
        }
    }
    ack.rejects.extend(ack.written.rejects.iter().cloned());
    ack.rejects.sort_by_key(|reject| reject.at.ordinal);
    Ok(ack)
}

/// The totals of a batch, with nothing in them.
fn totals(batch: &Batch) -> Result<Vec<Total>, Fatal> {
    let terms = batch.parts.first().and_then(|part| part.terms.clone());
    if batch.parts.iter().any(|part| part.terms != terms) {
        let what = "the blocks of one batch do not add to the same totals";
        return Err(unbalanced(what.to_owned()));
    }
    let terms = terms.iter().flat_map(|terms| terms.iter());
    Ok(terms.map(|term| Total::of(term)).collect())
}

/// Checks that a sink refused only what it was to write, each record once and all records of an operation: a reject of
/// another record would make up for an outcome that is missing. And that it acknowledged every operation of the others,
/// and none that it was not given: a part that is lost would show nowhere else.
fn check_refused(batch: &Batch, written: &Written) -> Result<(), Fatal> {
    let all = batch.len() as u64;
    if written.rejects.is_empty() {
        return check_documents(written.documents, all, all);
    }
    let mut left: HashSet<u64> = batch.operations().flat_map(|one| one.ordinals()).collect();
    let refused = |reject: &&Reject| !left.remove(&reject.at.ordinal);
    if let Some(stray) = written.rejects.iter().find(refused) {
        return Err(unbalanced(format!(
            "the target refused record {}, which it was not to write, or has refused already",
            stray.at.ordinal + 1
        )));
    }
    let mut kept = 0;
    for operation in batch.operations() {
        let mut ordinals = operation.ordinals();
        let is_kept = ordinals.next().is_some_and(|first| left.contains(&first));
        if ordinals.any(|other| left.contains(&other) != is_kept) {
            return Err(unbalanced(format!(
                "the target refused some of the records that share a document with record {}",
                operation.position().ordinal + 1
            )));
        }
        kept += u64::from(is_kept);
    }
    check_documents(written.documents, kept, all)
}

/// Checks that as many operations were acknowledged as must be, `least`, and as there are, `most`.
fn check_documents(documents: u64, least: u64, most: u64) -> Result<(), Fatal> {
    if (least..=most).contains(&documents) {
        return Ok(());
    }
    Err(unbalanced(format!(
        "the target acknowledged {documents} documents of a batch with {most}, {least} of which stand for loaded records"
    )))
}

/// Enters acknowledgements into the books, in order.
struct Clerk<'a> {
    saver: &'a Saver,
    shared: &'a Shared,
    progress: &'a watch::Sender<Progress>,
}

impl Clerk<'_> {
    /// Whether all that was under way has its outcome. A run that is to be held waits for that as long as the
    /// sink takes: nothing may lie beyond the checkpoint of a held job. When a checkpoint cannot be saved, the
    /// job may be somebody else's already: then what is under way is dropped at once.
    async fn enter_all(
        &mut self,
        mut acks: BoxStream<'_, Result<Ack, Fatal>>,
    ) -> Result<bool, Fatal> {
        let cancel = self.shared.cancel.clone();
        let mut deadline = None;
        loop {
            let next = tokio::select! {
                biased;
                () = self.saver.failed() => return Ok(false),
                next = acks.next() => next,
                () = cancel.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + Duration::from_millis(MAX_DRAIN_MS));
                    continue;
                }
                () = wait_until(deadline) => return Ok(false),
            };
            let Some(ack) = next else { return Ok(true) };
            let ack = ack?;
            let bytes_read = self.shared.read.borrow().up_to(ack.end.offset);
            // An estimate may fall behind an earlier one.
            let bytes_read = bytes_read.max(self.progress.borrow().bytes_read);
            let busy = self.shared.timing.busy();
            let counters = self.saver.enter(&ack, bytes_read, busy)?;
            let refused = ack.written.rejects.len() as u64;
            let breach = lock(&self.shared.judge).acknowledged(refused, Tally::from(&counters));
            self.shared.breach(breach);
            self.progress.send_modify(|progress| {
                progress.counters = counters;
                progress.bytes_read = bytes_read;
                progress.busy = Some(busy);
            });
        }
    }
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
