//! Jobs that a worker loses: it is killed, the job is cancelled, somebody else has the job or its load.

use super::place::{LEASE_MS, Place, Process, end_of, lines, outcome, slow_spec, wait_for};
use crate::queue::{Changed, Claimant, State};
use crate::tenant::Tenant;

/// Records that take some seconds.
const MANY: u64 = 4_000;

#[tokio::test]
async fn what_a_killed_worker_left_is_finished_by_another() {
    let place = Place::embedded().await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(MANY))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 200).await;
    process.kill();
    let left = place.job(&job).await;
    assert_eq!(left.state, State::InProgress, "nobody gave it back");
    let process = Process::start(&place, "host:2");
    let job = place.ended(&job, State::Completed).await;
    assert_eq!(outcome(&job), format!("{MANY} 0 0"));
    assert_eq!(place.documents("c").len() as u64, MANY);
    assert_eq!(job.receipt.unwrap().documents, MANY);
    assert_eq!((job.fence, job.attempts), (2, 0), "progress begins anew");
    assert_eq!(job.worker.as_deref(), Some("host:2"));
    process.shutdown().await;
}

#[tokio::test]
async fn a_cancelled_job_is_dropped_and_its_worker_is_free() {
    let place = Place::embedded().await.workers(1);
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(MANY))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 100).await;
    let queue = &place.service.stores.queue;
    let cancelled = queue.cancel(&Tenant::NONE, job.id).await.unwrap();
    assert!(matches!(cancelled, Changed::Done(_)));
    let next = place.submit(&slow_spec("d", ""), "b.jsonl", lines(5)).await;
    place.ended(&next, State::Completed).await;
    let left = place.job(&job).await;
    assert_eq!(left.state, State::Cancelled);
    assert!(!place.entry(&job).await.live, "the load is let go of");
    let (in_target, checkpoint) = (place.documents("c").len() as u64, end_of(&left));
    assert!((checkpoint..MANY).contains(&in_target));
    let retried = queue.retry(&Tenant::NONE, job.id, false).await.unwrap();
    assert!(matches!(retried, Changed::Done(_)));
    let job = place.ended(&job, State::Completed).await;
    assert_eq!(outcome(&job), format!("{MANY} 0 0"));
    assert_eq!(place.documents("c").len() as u64, MANY);
    process.shutdown().await;
}

#[tokio::test]
async fn a_job_that_another_owner_has_is_dropped() {
    let place = Place::embedded().await.workers(1);
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(MANY))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 100).await;
    let queue = &place.service.stores.queue;
    queue.cancel(&Tenant::NONE, job.id).await.unwrap();
    queue.retry(&Tenant::NONE, job.id, true).await.unwrap();
    let claimant = Claimant {
        worker: "stranger".into(),
        owner: place.id().to_string(),
        lease_ms: 600_000,
        max_attempts: 2,
        take_expired: true,
    };
    let stranger = queue.claim(&claimant).await.unwrap().expect("it is due");
    assert_eq!(stranger.id, job.id);
    wait_for("the loss", async || {
        place.service.metrics.lost_leases.get() == 1 && !place.entry(&job).await.live
    })
    .await;
    // Nothing of the run is left: neither the target nor the stranger's job changes any more.
    let (documents, before) = (place.documents("c").len(), place.job(&job).await);
    let next = place
        .submit(&slow_spec("d", ""), "b.jsonl", lines(50))
        .await;
    place.ended(&next, State::Completed).await;
    assert_eq!(place.documents("c").len(), documents);
    let now = place.job(&job).await;
    assert_eq!(format!("{now:?}"), format!("{before:?}"));
    assert_eq!((now.owner, end_of(&before)), (stranger.owner, 0));
    process.shutdown().await;
}

#[tokio::test]
async fn a_load_that_another_process_writes_is_waited_for() {
    let place = Place::embedded().await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(30))
        .await;
    let held = place.take_load(&job, 600_000).await;
    let process = Process::start(&place, "host:1");
    let released = |job: &crate::queue::Job| job.failure.is_some();
    let back = place.until(&job, "the release", released).await;
    assert_eq!((back.state, back.attempts), (State::Queued, 0));
    assert_eq!(back.failure.unwrap().code, "load_in_progress");
    assert!(place.documents("c").is_empty());
    place.let_go(&job, &held).await;
    let job = place.ended(&job, State::Completed).await;
    assert_eq!((outcome(&job).as_str(), job.attempts), ("30 0 0", 0));
    process.shutdown().await;
}

#[tokio::test]
async fn a_load_that_is_taken_in_the_middle_is_lost() {
    let place = Place::embedded().await.workers(1);
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(MANY))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 100).await;
    let held = place.take_load(&job, 4 * LEASE_MS).await;
    let back = place
        .until(&job, "the release", |job| job.state == State::Queued)
        .await;
    assert_eq!(back.attempts, 0);
    place.let_go(&job, &held).await;
    let job = place.ended(&job, State::Completed).await;
    assert_eq!(outcome(&job), format!("{MANY} 0 0"));
    assert_eq!(place.documents("c").len() as u64, MANY);
    process.shutdown().await;
}
