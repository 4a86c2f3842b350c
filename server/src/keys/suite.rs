//! What every store of keys must do, as one function that the tests of each store call.
//!
//! It meets a store only through [`Keys`], and knows no database.

use super::{Keys, MAX_LIVE_KEYS};
use crate::id::Id;
use crate::tenant::Tenant;
use std::sync::Arc;

/// Keys that are added at the same time.
const CONCURRENT: u8 = 12;

/// Checks a store. Each call of `make` gives a new one, empty and independent of the others.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn conforms<K: Keys + 'static>(mut make: impl AsyncFnMut() -> K) {
    a_key_is_found_until_it_is_revoked(&make().await).await;
    a_tenant_has_few_live_keys(&make().await).await;
    keys_are_listed_by_tenant_and_newest_first(&make().await).await;
    many_at_once_leave_few(make().await).await;
}

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

async fn add(keys: &dyn Keys, number: u8, tenant: &Tenant) -> bool {
    let added = keys.add(Id([number; 12]), tenant, [number; 32]).await;
    let added = added.unwrap();
    if let Some(key) = &added {
        assert_eq!((key.id, &key.tenant), (Id([number; 12]), tenant));
        assert_eq!((key.sha256, key.revoked_ms), ([number; 32], None));
        assert!(key.created_ms > 1_600_000_000_000, "{}", key.created_ms);
    }
    added.is_some()
}

async fn a_key_is_found_until_it_is_revoked(keys: &dyn Keys) {
    let acme = tenant("acme");
    assert!(!keys.any().await.unwrap());
    assert!(!keys.knows(&acme).await.unwrap());
    assert_eq!(keys.list().await.unwrap(), []);
    assert!(!keys.revoke(Id([1; 12])).await.unwrap());
    assert!(add(keys, 1, &acme).await);
    assert!(keys.any().await.unwrap());
    let found = keys.find([1; 32]).await.unwrap().unwrap();
    assert_eq!((found.id, &found.tenant), (Id([1; 12]), &acme));
    assert_eq!(keys.find([2; 32]).await.unwrap(), None);
    assert!(!keys.revoke(Id([2; 12])).await.unwrap());
    assert!(keys.revoke(Id([1; 12])).await.unwrap());
    assert!(!keys.revoke(Id([1; 12])).await.unwrap());
    assert_eq!(keys.find([1; 32]).await.unwrap(), None);
    assert!(!keys.any().await.unwrap());
    assert!(keys.knows(&acme).await.unwrap(), "whose key is revoked too");
    assert!(!keys.knows(&tenant("bolt")).await.unwrap());
    assert!(!keys.knows(&Tenant::NONE).await.unwrap());
    let listed = keys.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    let revoked = listed[0].revoked_ms.unwrap();
    assert!(revoked >= listed[0].created_ms);
    // The tenant without a name can have one too.
    assert!(add(keys, 3, &Tenant::NONE).await);
    let found = keys.find([3; 32]).await.unwrap().unwrap();
    assert_eq!(found.tenant, Tenant::NONE);
}

async fn a_tenant_has_few_live_keys(keys: &dyn Keys) {
    let (acme, bolt) = (tenant("acme"), tenant("bolt"));
    assert!(add(keys, 1, &acme).await);
    assert!(add(keys, 2, &acme).await);
    assert!(!add(keys, 3, &acme).await);
    assert!(add(keys, 4, &bolt).await);
    for (revoked, added) in [(1, 5), (2, 6), (5, 7)] {
        assert!(keys.revoke(Id([revoked; 12])).await.unwrap());
        assert!(add(keys, added, &acme).await, "{added}");
        assert!(!add(keys, 99, &acme).await);
    }
    let listed = keys.list().await.unwrap();
    let live = |key: &&super::Key| key.tenant == acme && key.revoked_ms.is_none();
    assert_eq!(listed.iter().filter(live).count() as u64, MAX_LIVE_KEYS);
    assert_eq!(listed.len(), 6);
}

async fn keys_are_listed_by_tenant_and_newest_first(keys: &dyn Keys) {
    for (number, name) in [(1, "bolt"), (2, "acme"), (3, "bolt"), (4, "acme")] {
        assert!(add(keys, number, &tenant(name)).await);
    }
    assert!(keys.revoke(Id([3; 12])).await.unwrap());
    let listed = keys.list().await.unwrap();
    let ids: Vec<u8> = listed.iter().map(|key| key.id.0[0]).collect();
    assert_eq!(ids, [4, 2, 3, 1]);
}

async fn many_at_once_leave_few<K: Keys + 'static>(keys: K) {
    let keys = Arc::new(keys);
    let adds = (1..=CONCURRENT).map(|number| {
        let keys = keys.clone();
        tokio::spawn(async move { add(&*keys, number, &tenant("acme")).await })
    });
    let added = futures::future::join_all(adds).await;
    let added = added.into_iter().filter(|added| *added.as_ref().unwrap());
    assert_eq!(added.count() as u64, MAX_LIVE_KEYS);
    assert_eq!(keys.list().await.unwrap().len() as u64, MAX_LIVE_KEYS);
}
