//! A queue that a crash or another hand has left with a job that no claim looks at.

use super::place::{Place, Process, lines, slow_spec};
use crate::queue::{Claimant, State};

/// A lease that the test does not outlive, in milliseconds.
const LONG_MS: u64 = 600_000;

#[tokio::test]
async fn workers_mend_the_queue_when_they_start() {
    let place = Place::embedded().await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(30))
        .await;
    place.put_turns_to_sleep().await;
    let claimant = Claimant {
        worker: "stranger".into(),
        owner: place.id().to_string(),
        lease_ms: LONG_MS,
        max_attempts: 2,
        take_expired: true,
    };
    let claimed = place.service.stores.queue.claim(&claimant).await;
    assert!(claimed.unwrap().is_none(), "no claim looks at it");
    let process = Process::start(&place, "host:1");
    let job = place.ended(&job, State::Completed).await;
    assert_eq!((job.fence, place.documents("c").len()), (1, 30));
    process.shutdown().await;
}
