//! Whose job is next: the tenant that was served longest ago, however many jobs each has and whatever their priority.

use super::*;
use futures::{StreamExt as _, stream};
use std::collections::BTreeMap;

/// Jobs that each of the large tenants has.
const CROWD: [(&str, usize); 3] = [("huge", 1_500), ("large", 400), ("medium", 150)];
/// Tenants with one job now and then.
const LONERS: usize = 5;
/// Claims that are watched.
const CLAIMS: usize = 150;

/// Submits `count` jobs of a tenant, many at once, with priorities that follow no order.
async fn submit_many(store: &Store, tenant: &Tenant, count: usize) {
    let submitted = stream::iter(0..count).map(|number| {
        let new = NewJob {
            priority: (number * 7 % 10) as u8,
            ..new_job(tenant)
        };
        async move { store.submit(&new).await.map(drop) }
    });
    let submitted: Vec<_> = submitted.buffer_unordered(CONCURRENT).collect().await;
    assert!(submitted.iter().all(Result::is_ok));
}

pub(super) async fn a_tenant_with_one_job_is_served_soon(store: Store) {
    let mut due = BTreeMap::<Tenant, usize>::new();
    for (name, count) in CROWD {
        submit_many(&store, &tenant(name), count).await;
        due.insert(tenant(name), count);
    }
    // Claims since a tenant has had a due job and was not served.
    let mut waited = BTreeMap::<Tenant, usize>::new();
    let most = CROWD.len() + LONERS + 1;
    for number in 0..CLAIMS {
        if number % 4 == 0 {
            let loner = tenant(&format!("loner{}", number / 4 % LONERS));
            let new = NewJob {
                priority: 0,
                ..new_job(&loner)
            };
            store.submit(&new).await.unwrap();
            *due.entry(loner).or_default() += 1;
        }
        let job = claim(&store).await.expect("jobs are due");
        let left = due.get_mut(&job.tenant).expect("a tenant with jobs");
        *left -= 1;
        waited.insert(job.tenant.clone(), 0);
        for (tenant, left) in &due {
            if *left == 0 || *tenant == job.tenant {
                waited.remove(tenant);
                continue;
            }
            let waited = waited.entry(tenant.clone()).or_default();
            *waited += 1;
            assert!(*waited < most, "{tenant:?} waited for {waited} claims");
        }
    }
}

pub(super) async fn priority_does_not_count_between_tenants(store: Store) {
    for (name, priority) in [("urgent", 9), ("patient", 0)] {
        for _ in 0..10 {
            let new = NewJob {
                priority,
                ..new_job(&tenant(name))
            };
            store.submit(&new).await.unwrap();
        }
    }
    let mut served = vec![];
    while let Some(job) = claim(&store).await {
        served.push(job.tenant);
    }
    assert_eq!(served.len(), 20);
    for pair in served.chunks(2) {
        assert_ne!(pair[0], pair[1], "they take turns");
    }
}
