//! The suite on the queue in memory, and the queue in SQLite beside it.

use crate::queue::{Queue, suite};
use crate::simulation::stores::{Clock, MemoryQueue};
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn it_conforms() {
    suite::conforms(async || {
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Clock::new()));
        queue
    })
    .await;
}
