//! Idempotency keys: which request came first under a key, and which job answered it.

use super::*;
use crate::queue::Remembered;

pub(super) async fn a_key_is_new_the_same_or_anothers(store: Store) {
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let (first, other) = (id(), id());
    for key in ["a", "$a.b", "{\"$ne\": 1}", ""] {
        let remember = async |tenant: &Tenant, request: &str, job: Id| {
            store.remember(tenant, key, request, job).await.unwrap()
        };
        assert_eq!(remember(&acme, "r1", first).await, Remembered::New, "{key}");
        // The answer was lost: it finds its own.
        assert_eq!(remember(&acme, "r1", first).await, Remembered::New);
        assert_eq!(remember(&acme, "r1", other).await, Remembered::Same(first));
        assert_eq!(remember(&acme, "r2", other).await, Remembered::Other);
        assert_eq!(remember(&acme, "r2", first).await, Remembered::Other);
        // Another tenant's keys are its own.
        store.settle(&globex, key, other).await.unwrap();
        assert_eq!(remember(&acme, "r1", other).await, Remembered::Same(first));
        assert_eq!(remember(&globex, "r2", other).await, Remembered::New);
        assert_eq!(remember(&Tenant::NONE, "r3", other).await, Remembered::New);
        store.settle(&acme, key, other).await.unwrap();
        store.settle(&acme, key, other).await.unwrap();
        assert_eq!(remember(&acme, "r1", id()).await, Remembered::Same(other));
        assert_eq!(remember(&acme, "r2", id()).await, Remembered::Other);
        store.repair().await.unwrap();
        assert_eq!(
            remember(&acme, "r1", id()).await,
            Remembered::Same(other),
            "it is young"
        );
    }
}

pub(super) async fn one_of_many_is_new(store: Store) {
    let tenant = tenant("acme");
    let tries = (0..CONCURRENT).map(|_| {
        let (store, tenant) = (store.clone(), tenant.clone());
        tokio::spawn(async move {
            let job = id();
            (job, store.remember(&tenant, "k", "r", job).await.unwrap())
        })
    });
    let (mut new, mut same) = (vec![], vec![]);
    for one in tries.collect::<Vec<_>>() {
        match one.await.unwrap() {
            (job, Remembered::New) => new.push(job),
            (_, Remembered::Same(job)) => same.push(job),
            (_, Remembered::Other) => panic!("it is the same request"),
        }
    }
    assert_eq!((new.len(), same.len()), (1, CONCURRENT - 1));
    assert!(same.iter().all(|job| *job == new[0]));
}
