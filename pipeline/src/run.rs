//! The runner: one stream from the source to the ledger.
//!
//! ```text
//! read and frame ─► parse tasks ─► join into batches ─► write tasks ─► books ─► saver
//!  one task          max_parsers     judge, rate         max_in_flight            one task
//! ```
//!
//! Parsing and writing run in tasks of their own, so that no stage stalls while another is awaited; their
//! results are taken in the order of the input, so the books are a gap-free prefix. Nothing is read before
//! there is room for it: memory is bounded by the number of tasks, never by the size of the input. The
//! runner never decides what a record means, and never retries: parts heal what they can by themselves.

use crate::budget::Judge;
use crate::rate::Limiter;
use crate::{
    Accepted, Ack, Batch, BatchLimits, Block, Books, Breach, Budget, Checkpoint, Convert,
    Converted, Counters, Fatal, Framer, Ledger, OnBreach, Rate, Sink, Source, Stage, Tally, Timing,
};
use async_stream::try_stream;
use futures::stream::{BoxStream, Stream, StreamExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Blocks that are framed before a parse task is free for them.
const READ_AHEAD_BLOCKS: usize = 2;
/// Room made in the framer's buffer before each read, in bytes.
const READ_BYTES: usize = crate::BLOCK_BYTES;
/// The longest that a batch waits to be filled, once it holds a record.
const MAX_BATCH_WAIT_MS: u64 = 1000;
/// The least time between two saves of a checkpoint, the last one excepted.
const SAVE_INTERVAL_MS: u64 = 500;
/// How long an interrupted run waits for batches in flight.
const MAX_DRAIN_MS: u64 = 10_000;

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
    /// How large a batch is.
    pub batch: BatchLimits,
    /// How fast batches may be written.
    pub rate: Rate,
    /// Batches that may be written at once; at least 1.
    pub max_in_flight: usize,
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
    /// Bytes taken from the stored object, read-ahead included.
    pub bytes_read: u64,
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// Every record of the input has its outcome, and the books balance.
    Completed,
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
    /// Bytes taken from the stored object.
    pub bytes_read: u64,
    /// Where the time went.
    pub timing: Arc<Timing>,
}

/// Runs a job to its end, which may be a failure: whatever ended it, the report has the last checkpoint.
pub async fn run(job: Job) -> Report {
    let timing = Arc::new(Timing::new(job.max_parsers, job.max_in_flight));
    let stop = job.cancel.child_token();
    let start = Tally::from(&job.from.books.counters);
    let shared = Arc::new(Shared {
        judge: Mutex::new(Judge::new(job.budget, job.from.counted_from, start)),
        breach: Mutex::new(None),
        decoded_bytes: Mutex::new(None),
        bytes_read: watch::Sender::new(0),
        timing: timing.clone(),
        stop,
    });
    let saver = Saver::start(job.from.clone(), job.ledger.clone(), shared.stop.clone());

    let converted = convert(
        blocks(job.source, job.source_at, job.framer, shared.clone()),
        {
            let (convert, timing) = (job.convert, timing.clone());
            move |block| convert_in_task(block, convert.clone(), timing.clone())
        },
    );
    let converted = converted.buffered(job.max_parsers.max(1)).boxed();
    let batches = batches(converted, job.batch, Limiter::new(job.rate), shared.clone());
    let acks = batches
        .map(|batch| {
            let (sink, ledger, timing) = (job.sink.clone(), job.ledger.clone(), timing.clone());
            task(async move { write(batch?, &*sink, &*ledger, &timing).await })
        })
        .buffered(job.max_in_flight.max(1));

    let mut books = Clerk {
        saver: &saver,
        shared: &shared,
        progress: &job.progress,
    };
    let mut failure = books.enter_all(acks.boxed()).await.err();
    if let Err(fatal) = saver.finish(&*job.ledger).await {
        failure.get_or_insert(fatal);
    }
    let checkpoint = saver.checkpoint().clone();
    let end = match failure {
        Some(fatal) => End::Failed(fatal),
        None => {
            let closing = Closing {
                budget: job.budget,
                accepted: &job.accepted,
                shared: &shared,
            };
            closing
                .judge(&checkpoint.books, &*job.sink, &*job.ledger)
                .await
        }
    };
    let bytes_read = *shared.bytes_read.borrow();
    Report {
        end,
        checkpoint,
        bytes_read,
        timing,
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
    bytes_read: watch::Sender<u64>,
    timing: Arc<Timing>,
    /// Ends the flow behind the batches that are under way.
    stop: CancellationToken,
}

impl Shared {
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

/// Runs `work` in a task that ends when the future that is returned is dropped. A panic fails the job.
async fn task<T: Send + 'static>(
    work: impl Future<Output = Result<T, Fatal>> + Send + 'static,
) -> Result<T, Fatal> {
    match AbortOnDropHandle::new(tokio::spawn(work)).await {
        Ok(result) => result,
        Err(error) => Err(Fatal::new("panic", "a part of the pipeline panicked").because(&error)),
    }
}

/// Reads and frames in a task of its own, [`READ_AHEAD_BLOCKS`] ahead.
fn blocks(
    source: Box<dyn Source>,
    source_at: u64,
    framer: Box<dyn Framer>,
    shared: Arc<Shared>,
) -> impl Stream<Item = Result<Block, Fatal>> + Send {
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD_BLOCKS);
    let stop = shared.stop.clone();
    let reader = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut blocks = std::pin::pin!(read(source, source_at, framer, shared));
        while let Some(block) = blocks.next().await {
            if sender.send(block).await.is_err() {
                break;
            }
        }
    }));
    try_stream! {
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = receiver.recv() => next,
            };
            match next {
                Some(block) => yield block?,
                None => break,
            }
        }
        if !stop.is_cancelled() && let Err(error) = reader.await {
            Err(Fatal::new("panic", "the reader panicked").because(&error))?;
        }
    }
}

fn read(
    mut source: Box<dyn Source>,
    source_at: u64,
    mut framer: Box<dyn Framer>,
    shared: Arc<Shared>,
) -> impl Stream<Item = Result<Block, Fatal>> + Send {
    try_stream! {
        let mut at = source_at;
        let mut at_end = false;
        loop {
            loop {
                let from = Instant::now();
                let block = framer.next_block(at_end)?;
                shared.timing.add(Stage::Frame, from);
                match block {
                    Some(block) => yield block,
                    None => break,
                }
            }
            if at_end {
                break;
            }
            framer.buffer().reserve(READ_BYTES);
            let from = Instant::now();
            let read = source.read(framer.buffer()).await?;
            shared.timing.add(Stage::Read, from);
            shared.bytes_read.send_replace(source.bytes_read());
            at += read as u64;
            at_end = read == 0;
        }
        *lock(&shared.decoded_bytes) = Some(at);
    }
}

fn convert<F: Future<Output = Result<Converted, Fatal>>>(
    blocks: impl Stream<Item = Result<Block, Fatal>> + Send,
    spawn: impl Fn(Block) -> F + Send,
) -> impl Stream<Item = impl Future<Output = Result<Converted, Fatal>>> + Send {
    blocks.map(move |block| {
        let work = block.map(&spawn);
        async move { work?.await }
    })
}

/// The task starts here, not when it is first awaited.
fn convert_in_task(
    block: Block,
    convert: Arc<dyn Convert>,
    timing: Arc<Timing>,
) -> impl Future<Output = Result<Converted, Fatal>> + Send {
    let handle = AbortOnDropHandle::new(tokio::spawn(async move {
        let from = Instant::now();
        let converted = convert.convert(block);
        timing.add(Stage::Parse, from);
        converted
    }));
    async move {
        handle
            .await
            .map_err(|error| Fatal::new("panic", "a parser or a step panicked").because(&error))?
    }
}

/// Joins converted blocks into batches, judges the budget in the order of the file, keeps the rate.
fn batches(
    mut converted: BoxStream<'static, Result<Converted, Fatal>>,
    limits: BatchLimits,
    mut limiter: Limiter,
    shared: Arc<Shared>,
) -> BoxStream<'static, Result<Batch, Fatal>> {
    try_stream! {
        let mut open = Open::default();
        loop {
            let next = if open.parts.is_empty() {
                converted.next().await
            } else {
                match timeout(Duration::from_millis(MAX_BATCH_WAIT_MS), converted.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        yield open.take(&mut limiter, &shared.timing).await;
                        continue;
                    }
                }
            };
            let mut part = match next {
                Some(Ok(part)) => part,
                Some(Err(fatal)) => {
                    // What was read before the error stays.
                    if !open.parts.is_empty() {
                        yield open.take(&mut limiter, &shared.timing).await;
                    }
                    Err(fatal)?
                }
                None => break,
            };
            let breach = lock(&shared.judge).judge_block(&mut part);
            if !open.has_room_for(&part, limits) {
                yield open.take(&mut limiter, &shared.timing).await;
            }
            open.push(part);
            if shared.breach(breach) {
                break;
            }
            if open.is_full(limits) {
                yield open.take(&mut limiter, &shared.timing).await;
            }
        }
        if !open.parts.is_empty() {
            yield open.take(&mut limiter, &shared.timing).await;
        }
    }
    .boxed()
}

/// A batch that is being filled.
#[derive(Default)]
struct Open {
    parts: Vec<Converted>,
    records: usize,
    bytes: usize,
}

impl Open {
    fn has_room_for(&self, part: &Converted, limits: BatchLimits) -> bool {
        self.parts.is_empty()
            || (self.records + part.len() <= limits.max_records
                && self.bytes + part.bytes().len() <= limits.max_bytes)
    }

    fn is_full(&self, limits: BatchLimits) -> bool {
        self.records >= limits.max_records || self.bytes >= limits.max_bytes
    }

    fn push(&mut self, part: Converted) {
        self.records += part.len();
        self.bytes += part.bytes().len();
        self.parts.push(part);
    }

    async fn take(&mut self, limiter: &mut Limiter, timing: &Timing) -> Batch {
        let from = Instant::now();
        limiter.admit(self.records as u64).await;
        timing.add(Stage::Rate, from);
        let parts = std::mem::take(self).parts;
        Batch { parts }
    }
}

/// Writes the records of a batch, then its rejects.
async fn write(
    batch: Batch,
    sink: &dyn Sink,
    ledger: &dyn Ledger,
    timing: &Timing,
) -> Result<Ack, Fatal> {
    let from = Instant::now();
    let written = sink.write(&batch).await?;
    let (start, end) = (batch.start(), batch.end());
    let mut ack = Ack {
        start,
        end,
        written,
        rejects: Vec::new(),
        dropped: Default::default(),
        skipped: 0,
    };
    for part in batch.parts {
        ack.rejects.extend(part.rejects);
        ack.skipped += part.skipped;
        for (_, name) in part.drops {
            *ack.dropped.entry(name.to_string()).or_default() += 1;
        }
    }
    ack.rejects.extend(ack.written.rejects.iter().cloned());
    ack.rejects.sort_by_key(|reject| reject.at.ordinal);
    if !ack.rejects.is_empty() {
        ledger.store_rejects(&ack.rejects).await?;
    }
    timing.add(Stage::Write, from);
    Ok(ack)
}

/// Enters acknowledgements into the books, in order.
struct Clerk<'a> {
    saver: &'a Saver,
    shared: &'a Shared,
    progress: &'a watch::Sender<Progress>,
}

impl Clerk<'_> {
    async fn enter_all(
        &mut self,
        mut acks: BoxStream<'_, Result<Ack, Fatal>>,
    ) -> Result<(), Fatal> {
        let stop = self.shared.stop.clone();
        let mut deadline = None;
        loop {
            let next = tokio::select! {
                biased;
                next = acks.next() => next,
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + Duration::from_millis(MAX_DRAIN_MS));
                    continue;
                }
                () = wait_until(deadline) => return Ok(()),
            };
            let Some(ack) = next else { return Ok(()) };
            let ack = ack?;
            let counters = self.saver.enter(&ack)?;
            let refused = ack.written.rejects.len() as u64;
            let breach = lock(&self.shared.judge).refused(refused, counters.read);
            self.shared.breach(breach);
            let bytes_read = *self.shared.bytes_read.borrow();
            self.progress.send_replace(Progress {
                counters,
                bytes_read,
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

/// Keeps the newest checkpoint, and saves it from a task of its own.
struct Saver {
    state: Arc<SaverState>,
    task: Mutex<Option<AbortOnDropHandle<Result<(), Fatal>>>>,
}

struct SaverState {
    checkpoint: Mutex<Checkpoint>,
    changed: Notify,
    ending: CancellationToken,
}

impl Saver {
    fn start(checkpoint: Checkpoint, ledger: Arc<dyn Ledger>, stop: CancellationToken) -> Self {
        let state = Arc::new(SaverState {
            checkpoint: Mutex::new(checkpoint),
            changed: Notify::new(),
            ending: CancellationToken::new(),
        });
        let shared = state.clone();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = shared.ending.cancelled() => return Ok(()),
                    () = shared.changed.notified() => {}
                }
                let checkpoint = lock(&shared.checkpoint).clone();
                if let Err(fatal) = ledger.save(&checkpoint).await {
                    stop.cancel();
                    return Err(fatal);
                }
                let next = Instant::now() + Duration::from_millis(SAVE_INTERVAL_MS);
                tokio::select! {
                    () = shared.ending.cancelled() => return Ok(()),
                    () = sleep_until(next) => {}
                }
            }
        });
        Self {
            state,
            task: Mutex::new(Some(AbortOnDropHandle::new(task))),
        }
    }

    fn enter(&self, ack: &Ack) -> Result<Counters, Fatal> {
        let mut checkpoint = lock(&self.state.checkpoint);
        checkpoint.books.enter(ack)?;
        if ack.written.mark.is_some() {
            checkpoint.mark = ack.written.mark;
        }
        self.state.changed.notify_one();
        Ok(checkpoint.books.counters.clone())
    }

    fn checkpoint(&self) -> MutexGuard<'_, Checkpoint> {
        lock(&self.state.checkpoint)
    }

    /// Ends the task and saves the newest checkpoint, unless an earlier save failed.
    async fn finish(&self, ledger: &dyn Ledger) -> Result<(), Fatal> {
        self.state.ending.cancel();
        let task = lock(&self.task).take();
        if let Some(task) = task {
            task.await
                .map_err(|error| Fatal::new("panic", "the ledger panicked").because(&error))??;
        }
        let checkpoint = self.checkpoint().clone();
        ledger.save(&checkpoint).await
    }
}

/// Decides how a run ended that met no error.
struct Closing<'a> {
    budget: Budget,
    accepted: &'a Accepted,
    shared: &'a Shared,
}

impl Closing<'_> {
    async fn judge(&self, books: &Books, sink: &dyn Sink, ledger: &dyn Ledger) -> End {
        let breach = lock(&self.shared.breach).take();
        if let Some(breach) = breach {
            return self.breached(breach);
        }
        let decoded_bytes = *lock(&self.shared.decoded_bytes);
        let complete = decoded_bytes == Some(books.end.offset);
        if self.shared.stop.is_cancelled() && !complete {
            return End::Interrupted;
        }
        let breach = lock(&self.shared.judge).judge_end(books.counters.read);
        if let Some(breach) = breach.filter(|breach| !self.accepted.covers(&breach.cause)) {
            return self.breached(breach);
        }
        let closed = async {
            let stored = ledger.stored_rejects().await?;
            books.close(decoded_bytes.unwrap_or_default(), stored)?;
            sink.finish().await
        };
        match closed.await {
            Ok(()) => End::Completed,
            Err(fatal) => End::Failed(fatal),
        }
    }

    fn breached(&self, breach: Breach) -> End {
        match self.budget.on_breach {
            OnBreach::Fail => End::Failed(Fatal::new(breach.cause.code(), breach.message)),
            OnBreach::Hold | OnBreach::Continue => End::Held(breach),
        }
    }
}

#[cfg(test)]
mod tests;
