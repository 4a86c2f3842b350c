//! A job whose records are all loaded, and whose workers die while they finish it.

use super::super::allowance::Allowance;
use super::super::control::{Control, Gauge, MAX_CLOSINGS};
use super::super::outages::Outages;
use super::place::{Place, lines, slow_spec, wait_for};
use crate::queue::{Claimant, Job, Progress, Renewal, State};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// A lease that no case outlives, in milliseconds.
const LONG_MS: u64 = 600_000;
/// Records of the job.
const RECORDS: u64 = 5;

/// Claims the job as soon as its lease has run out, or sees it fail for that.
async fn claimed(place: &Place) -> Job {
    let claimant = Claimant {
        worker: "host:1".into(),
        owner: place.id().to_string(),
        lease_ms: LONG_MS,
        max_attempts: 3,
        take_expired: true,
    };
    loop {
        let claimed = place.service.stores.queue.claim(&claimant).await.unwrap();
        if let Some(job) = claimed {
            return job;
        }
    }
}

/// A worker has the job, comes as far as that the sink is finished, and is killed there.
async fn dies_closing(place: &Place, job: &Job) {
    let claimed = Instant::now();
    let (progress, told) = watch::channel(pipeline::Progress::default());
    let queue = place.service.stores.queue.clone();
    let control = Control {
        queue: queue.clone(),
        claim: job.claim().unwrap(),
        lease_ms: LONG_MS,
        claimed,
        allowance: Allowance::new(claimed, LONG_MS),
        outages: Arc::new(Outages::new(LONG_MS)),
        load: Arc::default(),
        gauge: Gauge::new(job, claimed, told, place.service.metrics.clone()),
    };
    progress.send_modify(|progress| progress.counters.read = RECORDS);
    let told = async {
        progress.send_modify(|progress| progress.is_closing = true);
        let before = job.updated_ms;
        wait_for("the renewal", async || {
            let now = place.job(job).await;
            now.updated_ms > before && now.progress.furthest > 0
        })
        .await;
    };
    tokio::select! {
        biased;
        lost = control.keep() => panic!("{lost:?}"),
        () = told => {}
    }
    // Its lease runs out.
    let over = Renewal {
        progress: Progress::default(),
        lease_ms: 0,
    };
    assert!(queue.renew(&control.claim, &over).await.unwrap());
}

#[tokio::test]
async fn a_kill_while_the_sink_is_finished_is_charged_only_when_there_is_no_end_to_it() {
    let place = Place::embedded().await;
    place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(RECORDS))
        .await;
    for closing in 1..=MAX_CLOSINGS {
        let job = claimed(&place).await;
        assert_eq!((job.attempts, job.state), (0, State::InProgress));
        dies_closing(&place, &job).await;
        let furthest = place.job(&job).await.progress.furthest;
        assert_eq!(furthest, RECORDS + closing);
    }
    for attempts in [0, 1, 2] {
        let job = claimed(&place).await;
        assert_eq!((job.attempts, job.state), (attempts, State::InProgress));
        dies_closing(&place, &job).await;
    }
    let job = claimed(&place).await;
    assert_eq!(job.state, State::Failed);
    assert_eq!(job.failure.unwrap().code, "crash_loop");
}
