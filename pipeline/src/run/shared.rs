//! What runs of one process share, so that all of them together load the target no more than one would.

use crate::Fatal;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many batches may be written at once by all the runs that share it. They take turns, first come, first served.
#[derive(Debug)]
pub struct SharedWrites {
    most: usize,
    room: Semaphore,
}

impl SharedWrites {
    /// So many batches at once, at least 1.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            room: Semaphore::new(most),
        }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Batches that are being written.
    pub(super) fn under_way(&self) -> usize {
        self.most.saturating_sub(self.room.available_permits())
    }

    /// A turn, which ends when it is dropped.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Fatal> {
        let turn = self.room.acquire().await;
        turn.map_err(|_| Fatal::new("internal", "nothing more is to be written"))
    }
}
