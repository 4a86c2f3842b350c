//! What an outage left of uploads is removed when the stores answer again, by a task for each.
//!
//! Twice, because what was under way when the outage began may land a little after its end; the record goes last. It never
//! keeps anybody waiting, and never takes the sweeper's place: an upload that finds no room here, or a process that
//! ends, leaves a record that nobody renews.

use super::keeper::{remove, remove_bytes};
use super::sweeper;
use crate::files::{Files, NewFile};
use crate::objects::Objects;
use pipeline::Fatal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

/// The most uploads that are removed late at the same time.
const MAX_LATE: usize = 64;
/// The longest wait between two tries, in milliseconds; the first one is doubled up to it.
const MAX_WAIT_MS: u64 = 30_000;
/// How long the store of objects has answered when the record goes, in milliseconds.
const SETTLED_MS: u64 = 3_000;

/// Who removes late. Clones share the room that there is.
#[derive(Clone)]
pub(super) struct Late {
    room: Arc<Semaphore>,
    first_wait_ms: u64,
}

impl Late {
    /// Tries for the first time after `first_wait_ms` milliseconds.
    pub fn new(first_wait_ms: u64) -> Self {
        Self {
            room: Arc::new(Semaphore::new(MAX_LATE)),
            first_wait_ms,
        }
    }

    /// Removes what is left of an upload that is not committed, as soon as that can be done.
    pub fn clean_up(&self, objects: Arc<dyn Objects>, files: Arc<dyn Files>, new: NewFile) {
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            return;
        };
        let first_wait_ms = self.first_wait_ms;
        let clean_up = async move {
            let _room = room;
            let mut wait_ms = first_wait_ms;
            loop {
                sleep(Duration::from_millis(wait_ms)).await;
                match twice(&*objects, &*files, &new).await {
                    Ok(()) => break,
                    Err(fatal) => tracing::warn!(
                        file_id = %new.id, code = fatal.code, causes = ?fatal.causes,
                        "the rest of an upload cannot be removed yet: {}", fatal.message,
                    ),
                }
                wait_ms = wait_ms.saturating_mul(2).min(MAX_WAIT_MS);
            }
            tracing::info!(file_id = %new.id, "nothing is left of an upload that an outage has broken");
        };
        // From then on the sweeper has it.
        let limit = Duration::from_millis(sweeper::IDLE_MS);
        tokio::spawn(timeout(limit, clean_up).in_current_span());
    }
}

async fn twice(objects: &dyn Objects, files: &dyn Files, new: &NewFile) -> Result<(), Fatal> {
    remove_bytes(objects, new).await?;
    sleep(Duration::from_millis(SETTLED_MS)).await;
    remove(objects, files, new).await
}
