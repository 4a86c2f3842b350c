//! Which job a worker is given, and that each is given to one worker only.

use super::*;
use std::collections::BTreeSet;

pub(super) async fn an_empty_queue_gives_nothing(store: Store) {
    assert!(claim(&store).await.is_none());
    store.ping().await.unwrap();
    let (job, _) = taken(&store, &Tenant::NONE).await;
    assert_eq!(job.tenant, Tenant::NONE);
    assert!(claim(&store).await.is_none());
}

pub(super) async fn one_of_many_claims_each_job(store: Store) {
    let mut submitted = BTreeSet::new();
    for number in 0..20 {
        let tenant = tenant(["acme", "globex", ""][number % 3]);
        submitted.insert(submit(&store, &tenant).await.id);
    }
    let claims = (0..CONCURRENT).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { claim(&store).await })
    });
    let mut claimed = vec![];
    for one in claims.collect::<Vec<_>>() {
        claimed.extend(one.await.unwrap());
    }
    // Many at once may each have lost a race for the last ones.
    while let Some(job) = claim(&store).await {
        claimed.push(job);
    }
    assert_eq!(claimed.len(), submitted.len(), "none twice");
    let seen: BTreeSet<_> = claimed.iter().map(|job| job.id).collect();
    assert_eq!(seen, submitted, "none left out");
    let owners: BTreeSet<_> = claimed.iter().map(|job| job.owner.clone()).collect();
    assert_eq!(owners.len(), submitted.len());
    assert!(claimed.iter().all(|job| job.fence == 1));
}

pub(super) async fn the_same_owner_finds_the_same_claim(store: Store) {
    let tenant = tenant("acme");
    for _ in 0..3 {
        submit(&store, &tenant).await;
    }
    let by = claimant();
    let first = store.claim(&by).await.unwrap().expect("a job is due");
    for _ in 0..3 {
        let again = store.claim(&by).await.unwrap().expect("its own claim");
        assert_eq!(shown(&again), shown(&first));
    }
    let many = (0..CONCURRENT).map(|_| {
        let (store, by) = (store.clone(), by.clone());
        tokio::spawn(async move { store.claim(&by).await.unwrap() })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().expect("its own claim").id, first.id);
    }
    for _ in 0..2 {
        assert_ne!(claim(&store).await.expect("a job is due").id, first.id);
    }
    assert!(claim(&store).await.is_none());
}

pub(super) async fn priority_is_first_then_age(store: Store) {
    let tenant = tenant("acme");
    for priority in [0, 9, 3, 0, 5, 9, 3, 0, 1, 9, 8, 0] {
        let new = NewJob {
            priority,
            ..new_job(&tenant)
        };
        store.submit(&new).await.unwrap();
    }
    let mut order = vec![];
    while let Some(job) = claim(&store).await {
        order.push((9 - job.priority, job.due_ms));
    }
    assert_eq!(order.len(), 12);
    assert!(order.is_sorted(), "{order:?}");
}

pub(super) async fn a_job_is_not_claimed_before_it_is_due(store: Store) {
    let (job, claim) = taken(&store, &tenant("acme")).await;
    let released = store.release(&claim, &release(LONG_MS, false)).await;
    assert!(released.unwrap());
    let job = get(&store, &job).await;
    assert_eq!(job.due_ms, job.queued_ms + LONG_MS);
    for _ in 0..3 {
        assert!(super::claim(&store).await.is_none());
    }
    // A shorter wait ends by itself.
    let (job, claim) = taken(&store, &tenant("globex")).await;
    assert!(store.release(&claim, &release(20, false)).await.unwrap());
    let again = wait_for("a due job", async || super::claim(&store).await).await;
    assert_eq!((again.id, again.fence), (job.id, 2));
    assert!(again.updated_ms >= again.due_ms, "by the store's own clock");
    assert!(super::claim(&store).await.is_none());
}

pub(super) async fn a_job_that_is_not_due_hides_no_other(store: Store) {
    let tenant = tenant("acme");
    let urgent = NewJob {
        priority: 9,
        ..new_job(&tenant)
    };
    store.submit(&urgent).await.unwrap();
    let (_, claim) = taken_again(&store, urgent.id).await;
    assert!(
        store
            .release(&claim, &release(LONG_MS, false))
            .await
            .unwrap()
    );
    assert!(super::claim(&store).await.is_none());
    // The tenant was found without due jobs: a new one, a retried and an approved one wake it.
    let (job, claim) = taken(&store, &tenant).await;
    assert!(super::claim(&store).await.is_none());
    assert!(store.hold(&claim, &progress(0), &held()).await.unwrap());
    let approved = store
        .approve(&tenant, job.id, claim.fence, &approval())
        .await;
    done(approved.unwrap());
    taken_again(&store, job.id).await;
    assert!(super::claim(&store).await.is_none());
    done(store.cancel(&tenant, job.id).await.unwrap());
    done(store.retry(&tenant, job.id, false).await.unwrap());
    let (_, claim) = taken_again(&store, job.id).await;
    assert!(super::claim(&store).await.is_none());
    assert!(store.release(&claim, &release(0, false)).await.unwrap());
    taken_again(&store, job.id).await;
    // What is cancelled before it is due never comes.
    done(store.cancel(&tenant, urgent.id).await.unwrap());
    assert!(super::claim(&store).await.is_none());
}

pub(super) async fn nothing_is_left_to_repair(store: Store) {
    assert_eq!(store.repair().await.unwrap(), 0);
    for name in ["acme", "globex", ""] {
        submit(&store, &tenant(name)).await;
    }
    assert_eq!(store.repair().await.unwrap(), 0, "all of them have a turn");
    for _ in 0..3 {
        assert!(claim(&store).await.is_some());
    }
    assert!(claim(&store).await.is_none());
    assert_eq!(store.repair().await.unwrap(), 0, "none has queued jobs");
    let (_, claim) = taken(&store, &tenant("acme")).await;
    assert!(
        store
            .release(&claim, &release(LONG_MS, false))
            .await
            .unwrap()
    );
    assert!(super::claim(&store).await.is_none());
    assert_eq!(store.repair().await.unwrap(), 0, "it wakes by itself");
}
