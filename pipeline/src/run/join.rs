//! Joining: converted blocks become batches, in the order of the file.
//!
//! Here blocks are checked to follow each other without a gap, the budget is judged on the rejects that are known before
//! a batch is written, and the rate is kept. A
//! batch never waits longer than [`MAX_BATCH_WAIT_MS`] to be filled, and is bounded by what it keeps in memory, also
//! where nothing of it is to be written.

use super::{Shared, lock};
use crate::books::{follows, unbalanced};
use crate::rate::Limiter;
use crate::timing::Timing;
use crate::unique::Duplicates;
use crate::{Batch, BatchLimits, Carried, Convert, Converted, Fatal, Position, Stage};
use async_stream::try_stream;
use futures::stream::{BoxStream, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The longest that a batch waits to be filled, once it holds a record.
const MAX_BATCH_WAIT_MS: u64 = 1000;

/// What the next block must begin with.
pub(super) struct Due {
    /// Where.
    pub at: Position,
    /// What is carried to it.
    pub carried: Vec<Carried>,
}

impl Due {
    fn check(&self, part: &Converted) -> Result<(), Fatal> {
        follows(part.start, self.at)?;
        if part.carried == self.carried {
            return Ok(());
        }
        // Records behind it would get the values of another header, or none.
        Err(unbalanced(format!(
            "record {} does not have the context that the records before it leave",
            part.start.ordinal + 1
        )))
    }
}

/// What judges duplicates, and what it needs to see the records before the first block once more.
pub(super) struct Again {
    pub(super) duplicates: Duplicates,
    pub(super) convert: Arc<dyn Convert>,
    /// Blocks that may be converted at once.
    pub(super) max_parsers: usize,
}

/// Joins converted blocks into batches, of which the first begins at `due`; judges the budget in the order of the file,
/// keeps the rate.
pub(super) fn batches(
    mut converted: BoxStream<'static, Result<Converted, Fatal>>,
    mut due: Due,
    limits: BatchLimits,
    mut limiter: Limiter,
    again: Again,
    shared: Arc<Shared>,
) -> BoxStream<'static, Result<Batch, Fatal>> {
    let Again {
        mut duplicates,
        convert,
        max_parsers,
    } = again;
    try_stream! {
        duplicates.see_before(due.at.ordinal, &convert, max_parsers, &shared.stop).await?;
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
            // Within a batch, a block that comes twice would make up for one that does not come at all.
            let next = next.map(|part| part.and_then(|part| due.check(&part).map(|()| part)));
            let next = match next {
                Some(Ok(part)) => Some(duplicates.judge(part).await),
                other => other,
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
            due = Due {
                at: part.end,
                carried: part.carried_on.clone(),
            };
            let halt = part.cut_at_halt();
            if halt.as_ref().is_some_and(|halt| halt.from == part.start.ordinal) {
                if !open.parts.is_empty() {
                    yield open.take(&mut limiter, &shared.timing).await;
                }
                shared.halt(halt)?;
                break;
            }
            let breach = lock(&shared.judge).judge_block(&mut part);
            if !open.has_room_for(&part, limits) {
                yield open.take(&mut limiter, &shared.timing).await;
            }
            open.push(part);
            if shared.breach(breach) {
                break;
            }
            if halt.is_some() {
                yield open.take(&mut limiter, &shared.timing).await;
                shared.halt(halt)?;
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
    /// Records, whatever became of them: one that is rejected or dropped costs memory as well.
    records: u64,
    /// Bytes of the encoded operations.
    bytes: usize,
    /// Bytes of the input and of the rejects that the parts keep in memory.
    kept_bytes: usize,
}

impl Open {
    fn has_room_for(&self, part: &Converted, limits: BatchLimits) -> bool {
        self.parts.is_empty()
            || (self.records + part.records() <= limits.max_records as u64
                && self.bytes + part.bytes().len() <= limits.max_bytes
                && self.kept_bytes + part.kept_bytes() <= limits.max_bytes)
    }

    fn is_full(&self, limits: BatchLimits) -> bool {
        self.records >= limits.max_records as u64
            || self.bytes >= limits.max_bytes
            || self.kept_bytes >= limits.max_bytes
    }

    fn push(&mut self, part: Converted) {
        self.records += part.records();
        self.bytes += part.bytes().len();
        self.kept_bytes += part.kept_bytes();
        self.parts.push(part);
    }

    async fn take(&mut self, limiter: &mut Limiter, timing: &Arc<Timing>) -> Batch {
        let work = timing.begin(Stage::Rate);
        let written: usize = self.parts.iter().map(Converted::len).sum();
        limiter.admit(written as u64).await;
        drop(work);
        let parts = std::mem::take(self).parts;
        Batch { parts }
    }
}
