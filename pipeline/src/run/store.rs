//! Storing rejects: what stands between the writes and the books.
//!
//! Batches enter the books in the order of the input, each once its rejects are stored. Storing them costs about the same
//! for few as for many, so those of several batches are stored together: of all that were written while the store before
//! was under way, or within [`MAX_WAIT_MS`]. Writing goes on meanwhile. A batch without rejects waits only for those
//! before it.

use super::{task, wait_until};
use crate::timing::Timing;
use crate::{Ack, Fatal, Ledger, Reject};
use async_stream::try_stream;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, Stream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that rejects wait for others.
const MAX_WAIT_MS: u64 = 50;
/// Rejects that wait, in bytes; the batch that goes beyond it is the last one.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
/// Batches that wait.
const MAX_WAITING_BATCHES: usize = 64;

/// Stores the rejects of what was written, and hands it on.
pub(super) fn stored<'a>(
    mut acks: BoxStream<'a, Result<Ack, Fatal>>,
    ledger: Arc<dyn Ledger>,
    timing: Arc<Timing>,
) -> impl Stream<Item = Result<Ack, Fatal>> + Send + 'a {
    try_stream! {
        let mut waiting = Waiting::default();
        let mut storing: Option<BoxFuture<'static, Result<Vec<Ack>, Fatal>>> = None;
        let mut end = None;
        loop {
            if storing.is_none() {
                for ack in waiting.take_without_rejects() {
                    yield ack;
                }
                if waiting.is_full() || end.is_some() || waiting.is_due() {
                    storing = waiting.store(&ledger, &timing);
                }
            }
            if storing.is_none() && end.is_some() {
                break;
            }
            let due = waiting.due.filter(|_| storing.is_none());
            let has_room = end.is_none() && !waiting.is_full();
            let event = tokio::select! {
                biased;
                stored = of(&mut storing) => Event::Stored(stored),
                next = acks.next(), if has_room => Event::Written(next),
                () = wait_until(due) => Event::Due,
            };
            match event {
                Event::Stored(stored) => {
                    storing = None;
                    for ack in stored? {
                        yield ack;
                    }
                }
                Event::Written(Some(Ok(ack))) => waiting.push(ack),
                // What was written before an error stays.
                Event::Written(Some(Err(fatal))) => end = Some(Err(fatal)),
                Event::Written(None) => end = Some(Ok(())),
                Event::Due => {}
            }
        }
        if let Some(Err(fatal)) = end {
            Err(fatal)?;
        }
    }
}

enum Event {
    Stored(Result<Vec<Ack>, Fatal>),
    Written(Option<Result<Ack, Fatal>>),
    Due,
}

async fn of<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

/// Batches that were written, and whose rejects are not stored.
#[derive(Default)]
struct Waiting {
    acks: Vec<Ack>,
    bytes: usize,
    /// When the oldest rejects have waited long enough.
    due: Option<Instant>,
}

impl Waiting {
    fn push(&mut self, ack: Ack) {
        if !ack.rejects.is_empty() {
            let wait = Duration::from_millis(MAX_WAIT_MS);
            self.due.get_or_insert_with(|| Instant::now() + wait);
        }
        self.bytes += ack.rejects.iter().map(Reject::bytes).sum::<usize>();
        self.acks.push(ack);
    }

    fn is_full(&self) -> bool {
        self.bytes >= MAX_WAITING_BYTES || self.acks.len() >= MAX_WAITING_BATCHES
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    /// The first batches, as long as they have no rejects.
    fn take_without_rejects(&mut self) -> Vec<Ack> {
        let with = self.acks.iter().position(|ack| !ack.rejects.is_empty());
        self.acks.drain(..with.unwrap_or(self.acks.len())).collect()
    }

    /// Begins to store what waits; none where nothing does.
    fn store(
        &mut self,
        ledger: &Arc<dyn Ledger>,
        timing: &Arc<Timing>,
    ) -> Option<BoxFuture<'static, Result<Vec<Ack>, Fatal>>> {
        let Self { mut acks, .. } = std::mem::take(self);
        if acks.is_empty() {
            return None;
        }
        let ledger = ledger.clone();
        let work = timing.begin_rejects();
        let store = task(async move {
            // As one list, and back into their batches: they are not copied.
            let counts: Vec<usize> = acks.iter().map(|ack| ack.rejects.len()).collect();
            let rejects = acks.iter_mut().flat_map(|ack| ack.rejects.drain(..));
            let rejects: Vec<Reject> = rejects.collect();
            ledger.store_rejects(&rejects).await?;
            drop(work);
            let mut rejects = rejects.into_iter();
            for (ack, count) in acks.iter_mut().zip(counts) {
                ack.rejects.extend(rejects.by_ref().take(count));
            }
            Ok(acks)
        });
        Some(Box::pin(store))
    }
}
