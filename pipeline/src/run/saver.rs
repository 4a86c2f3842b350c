//! The saver: keeps the newest checkpoint, and saves it from a task of its own.
//!
//! Saving never holds up writing: while one save is under way, checkpoints replace each other, and only the
//! newest is saved next. The first acknowledged batch is saved at once.

use super::lock;
use crate::{Ack, Busy, Checkpoint, Counters, Fatal, Ledger};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// The least time between two saves of a checkpoint, the last one excepted.
const SAVE_INTERVAL_MS: u64 = 500;

/// Keeps the newest checkpoint, and saves it from a task of its own.
pub(super) struct Saver {
    state: Arc<SaverState>,
    task: Mutex<Option<AbortOnDropHandle<Result<(), Fatal>>>>,
}

struct SaverState {
    checkpoint: Mutex<Checkpoint>,
    changed: Notify,
    ending: CancellationToken,
    failed: CancellationToken,
}

impl Saver {
    pub(super) fn start(checkpoint: Checkpoint, ledger: Arc<dyn Ledger>) -> Self {
        let state = Arc::new(SaverState {
            checkpoint: Mutex::new(checkpoint),
            changed: Notify::new(),
            ending: CancellationToken::new(),
            failed: CancellationToken::new(),
        });
        let shared = state.clone();
        let saving = async move {
            loop {
                tokio::select! {
                    biased;
                    () = shared.ending.cancelled() => return Ok(()),
                    () = shared.changed.notified() => {}
                }
                let checkpoint = lock(&shared.checkpoint).clone();
                if let Err(fatal) = ledger.save(&checkpoint).await {
                    shared.failed.cancel();
                    return Err(fatal);
                }
                let next = Instant::now() + Duration::from_millis(SAVE_INTERVAL_MS);
                tokio::select! {
                    biased;
                    () = shared.ending.cancelled() => return Ok(()),
                    () = sleep_until(next) => {}
                }
            }
        };
        let task = tokio::spawn(saving.in_current_span());
        Self {
            state,
            task: Mutex::new(Some(AbortOnDropHandle::new(task))),
        }
    }

    /// Enters an acknowledgement into the books, to be saved soon, and how far the run was then.
    pub(super) fn enter(&self, ack: &Ack, bytes_read: u64, busy: Busy) -> Result<Counters, Fatal> {
        let mut checkpoint = lock(&self.state.checkpoint);
        checkpoint.books.enter(ack)?;
        checkpoint.carried.clone_from(&ack.carried);
        checkpoint.bytes_read = bytes_read;
        checkpoint.busy = Some(busy);
        if ack.written.mark.is_some() {
            checkpoint.mark = ack.written.mark;
        }
        self.state.changed.notify_one();
        Ok(checkpoint.books.counters.clone())
    }

    /// Returns once a checkpoint could not be saved; [`Self::finish`] says why.
    pub(super) async fn failed(&self) {
        self.state.failed.cancelled().await;
    }

    pub(super) fn checkpoint(&self) -> MutexGuard<'_, Checkpoint> {
        lock(&self.state.checkpoint)
    }

    /// Ends the task and saves the newest checkpoint, unless an earlier save failed.
    pub(super) async fn finish(&self, ledger: Arc<dyn Ledger>) -> Result<(), Fatal> {
        self.state.ending.cancel();
        let task = lock(&self.task).take();
        if let Some(task) = task {
            task.await
                .map_err(|_| Fatal::new("panic", "the ledger panicked"))??;
        }
        let checkpoint = self.checkpoint().clone();
        super::task(async move { ledger.save(&checkpoint).await }).await
    }
}
