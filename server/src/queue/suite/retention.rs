//! Retention: what ended long enough ago loses its details, keeps its figures, and is never begun again.

use super::*;
use std::collections::BTreeSet;

pub(super) async fn ended_jobs_expire_and_others_do_not(store: Store) {
    let mut ended = BTreeSet::new();
    for (number, state) in State::ALL.into_iter().rev().enumerate() {
        let tenant = tenant(["acme", "globex"][number % 2]);
        let (job, _) = in_state(&store, &tenant, state).await;
        if state.is_terminal() {
            ended.insert(job.id);
        }
    }
    assert!(
        store.expire(LONG_MS, 100).await.unwrap().is_empty(),
        "they are too young"
    );
    wait_for("two to expire", async || {
        let all = store.expire(0, 2).await.unwrap();
        assert!(all.len() <= 2, "no more than were asked for");
        (all.len() == 2).then_some(())
    })
    .await;
    let expired = wait_for("all to expire", async || {
        let expired = store.expire(0, 100).await.unwrap();
        (expired.len() == ended.len()).then_some(expired)
    })
    .await;
    let seen: BTreeSet<_> = expired.iter().map(|job| job.id).collect();
    assert_eq!(seen, ended);
    assert!(
        expired
            .iter()
            .all(|job| job.expired && job.state.is_terminal())
    );

    // Those whose rejects are not removed come again, the others do not.
    let (gone, left) = (&expired[0], &expired[1..]);
    store.forget(&gone.tenant, gone.id).await.unwrap();
    store.forget(&gone.tenant, gone.id).await.unwrap();
    store.forget(&tenant("nobody"), left[0].id).await.unwrap();
    let again = store.expire(0, 100).await.unwrap();
    let again: BTreeSet<_> = again.iter().map(|job| job.id).collect();
    assert_eq!(again, left.iter().map(|job| job.id).collect());
    for job in left {
        store.forget(&job.tenant, job.id).await.unwrap();
    }
    assert!(store.expire(0, 100).await.unwrap().is_empty());

    for job in &expired {
        let now = get(&store, job).await;
        assert!(now.expired);
        for reset in [false, true] {
            let retried = store.retry(&job.tenant, job.id, reset).await.unwrap();
            assert!(refused(retried).expired, "its spec and its place are gone");
        }
    }
}

pub(super) async fn an_expired_job_keeps_its_figures(store: Store) {
    let tenant = tenant("acme");
    let (completed, _) = in_state(&store, &tenant, State::Completed).await;
    let (failed, claim) = taken(&store, &tenant).await;
    assert!(store.save(&claim, 0, &checkpoint(4)).await.unwrap());
    assert!(
        store
            .fail(&claim, &progress(4), &failure("x"))
            .await
            .unwrap()
    );
    let failed = get(&store, &failed).await;
    wait_for("both to expire", async || {
        let expired = store.expire(0, 100).await.unwrap();
        (expired.len() == 2).then_some(())
    })
    .await;
    for before in [&completed, &failed] {
        let after = get(&store, before).await;
        let mut kept = before.checkpoint.clone().unwrap();
        kept.head.clear();
        kept.books.summary = pipeline::Summary::default();
        let mut why = before.failure.clone();
        if let Some(why) = &mut why {
            why.causes.clear();
        }
        let expected = Job {
            spec: SpecText {
                text: String::new(),
                ..before.spec.clone()
            },
            checkpoint: Some(kept),
            failure: why,
            expired: true,
            updated_ms: after.updated_ms,
            ..before.clone()
        };
        assert_eq!(shown(&after), shown(&expected));
    }
}
