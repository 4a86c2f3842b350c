//! What becomes of jobs whose workers are gone: leases that run out, attempts, and the end of a job that never moves.

use super::*;

/// Claims this job, whose lease has run out or will at once, with another lease that runs out at once.
async fn taken_over(store: &Store, job: Id) -> Job {
    let next = wait_for("an expired lease", async || {
        let brief = Claimant {
            lease_ms: TINY_MS,
            ..claimant()
        };
        store.claim(&brief).await.unwrap()
    });
    let next = next.await;
    assert_eq!(next.id, job);
    next
}

pub(super) async fn a_lease_that_ran_out_is_taken(store: Store) {
    let tenant = tenant("acme");
    let job = submit(&store, &tenant).await;
    let first = taken_briefly(&store, job.id).await;
    let before = get(&store, &job).await;
    clock_is_past(&store, before.lock_until_ms.unwrap()).await;
    // It comes before what waits.
    let waiting = submit(&store, &tenant).await;
    let by = Claimant {
        worker: "host-2".into(),
        ..claimant()
    };
    let next = store.claim(&by).await.unwrap().expect("a job is due");
    assert_eq!((next.id, next.fence, next.attempts), (job.id, 2, 1));
    assert_ne!(next.owner, Some(first.owner));
    assert_eq!(next.worker.as_deref(), Some("host-2"));
    assert_eq!(next.started_ms, before.started_ms);
    assert!(next.lock_until_ms >= Some(next.updated_ms + LONG_MS));
    assert_eq!(claim(&store).await.map(|job| job.id), Some(waiting.id));
}

pub(super) async fn a_lease_that_is_renewed_is_not_taken(store: Store) {
    let job = submit(&store, &tenant("acme")).await;
    let claim = taken_briefly(&store, job.id).await;
    let until = get(&store, &job).await.lock_until_ms.unwrap();
    clock_is_past(&store, until).await;
    let renewed = store.renew(&claim, &renewal(0)).await.unwrap();
    assert!(renewed, "nobody has taken it");
    assert!(super::claim(&store).await.is_none());
    assert!(
        store
            .finish(&claim, &progress(0), &receipt())
            .await
            .unwrap()
    );
}

pub(super) async fn after_an_outage_expired_leases_are_left_alone(store: Store) {
    let tenant = tenant("acme");
    let job = submit(&store, &tenant).await;
    taken_briefly(&store, job.id).await;
    let before = get(&store, &job).await;
    clock_is_past(&store, before.lock_until_ms.unwrap()).await;
    let careful = || Claimant {
        take_expired: false,
        ..claimant()
    };
    assert!(store.claim(&careful()).await.unwrap().is_none());
    assert_eq!(shown(&get(&store, &job).await), shown(&before));
    let waiting = submit(&store, &tenant).await;
    let next = store.claim(&careful()).await.unwrap();
    assert_eq!(next.map(|job| job.id), Some(waiting.id));
    assert_eq!(claim(&store).await.map(|next| next.id), Some(job.id));
}

pub(super) async fn leases_that_run_out_without_progress_end_the_job(store: Store) {
    let tenant = tenant("acme");
    let job = submit(&store, &tenant).await;
    let mut late = taken_briefly(&store, job.id).await;
    for attempts in [1, 2] {
        let next = taken_over(&store, job.id).await;
        assert_eq!(
            (next.attempts, next.fence),
            (attempts, u64::from(attempts) + 1)
        );
        late = next.claim().unwrap();
    }
    // The third is the last: the claim ends it and says so, and the next one goes on to another job.
    let until = get(&store, &job).await.lock_until_ms.unwrap();
    clock_is_past(&store, until).await;
    let other = submit(&store, &tenant).await;
    let given_up = claim(&store).await.expect("a lease has run out");
    let ended = get(&store, &job).await;
    assert_eq!(shown(&given_up), shown(&ended));
    let next = claim(&store).await.expect("another job is due");
    assert_eq!(next.id, other.id);
    assert_eq!((ended.state, ended.attempts), (State::Failed, 3));
    let why = ended.failure.as_ref().map(|failure| failure.code.as_str());
    assert_eq!(why, Some("crash_loop"));
    assert_eq!((&ended.owner, ended.lock_until_ms), (&None, None));
    assert_eq!(ended.finished_ms, Some(ended.updated_ms));
    assert!(!store.renew(&late, &renewal(9)).await.unwrap());
    let retried = done(store.retry(&tenant, job.id, false).await.unwrap());
    assert_eq!((retried.attempts, retried.failure), (0, None));
    taken_again(&store, job.id).await;
}

pub(super) async fn progress_begins_attempts_anew(store: Store) {
    let job = submit(&store, &tenant("acme")).await;
    let mut claim = taken_briefly(&store, job.id).await;
    let brief = |furthest| Renewal {
        lease_ms: TINY_MS,
        ..renewal(furthest)
    };
    // How far the worker comes before it dies, and the attempts that the next one finds.
    for (furthest, attempts) in [(0, 1), (0, 2), (4, 0), (4, 1), (3, 2), (5, 0), (5, 1)] {
        assert!(store.renew(&claim, &brief(furthest)).await.unwrap());
        let next = taken_over(&store, job.id).await;
        assert_eq!(next.attempts, attempts, "{furthest}");
        claim = next.claim().unwrap();
    }
    // A checkpoint is progress as well.
    assert!(store.save(&claim, 0, &checkpoint(6)).await.unwrap());
    assert_eq!(taken_over(&store, job.id).await.attempts, 0);
}
