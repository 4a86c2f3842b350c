//! The suite on the queue in memory, and random calls beside the queue in SQLite: both give the same answers.

mod calls;
mod samples;
mod shown;

use crate::queue::sqlite::{SCHEMA, SqliteQueue};
use crate::queue::{Queue, suite};
use crate::simulation::stores::{Clock, MemoryQueue};
use calls::Pair;
use stages::sqlite::Database;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn it_conforms() {
    suite::conforms(async || {
        let queue: Arc<dyn Queue> = Arc::new(MemoryQueue::new(Clock::new()));
        queue
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_in_sqlite_answers_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let seeds = match std::env::var_os("SLUICEGATE_FULL") {
        Some(_) => 40,
        None => 3,
    };
    for seed in 0..seeds {
        let path = folder.path().join(format!("{seed}.db"));
        let sqlite = SqliteQueue::new(Database::open(&path, &[SCHEMA]).await.unwrap());
        let clock = Clock::new();
        let memory = MemoryQueue::new(clock.clone());
        Pair::new(memory, sqlite, clock, seed).run().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_sent_again_has_a_whole_lease_again() {
    let clock = Clock::new();
    let queue = MemoryQueue::new(clock.clone());
    queue.submit(&samples::new_job(1, "acme", 0)).await.unwrap();
    let claimant = samples::claimant("owner-1", 9_000);
    let first = queue.claim(&claimant).await.unwrap().unwrap();
    let begun = first.created_ms;
    for (wait_ms, until_ms) in [(3_000, 9_000), (1, 12_001), (1, 12_001)] {
        tokio::time::advance(Duration::from_millis(wait_ms)).await;
        let again = queue.claim(&claimant).await.unwrap().unwrap();
        assert_eq!((again.id, again.fence), (first.id, 1));
        assert_eq!(again.lock_until_ms, Some(begun + until_ms));
    }
}
