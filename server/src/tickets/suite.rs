//! What every store of tickets must do, as one function that the tests of each store call.
//!
//! It meets a store only through [`Tickets`], and knows no database but by `age`, which makes all tickets too old.

use super::{LIFE_MS, MAX_LIVE, Tickets};
use crate::tenant::Tenant;
use std::sync::Arc;

/// Who asks for one ticket at the same time.
const CONCURRENT: usize = 24;

/// Checks a store. Each call of `make` gives a new one, empty and independent of the others; `age` makes every ticket of
/// one too old.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn conforms<T: Tickets + 'static>(
    mut make: impl AsyncFnMut() -> T,
    age: impl AsyncFn(&T),
) {
    a_ticket_is_good_once(make().await).await;
    one_of_many_takes_a_ticket(make().await).await;
    an_old_ticket_is_none(make().await, &age).await;
    a_tenant_has_few(make().await, &age).await;
    many_at_once_leave_few(make().await).await;
}

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

fn hash(number: u64) -> [u8; 32] {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

async fn a_ticket_is_good_once(tickets: impl Tickets) {
    assert_eq!(tickets.take(hash(1)).await.unwrap(), None);
    for (number, tenant) in [(1, tenant("acme")), (2, Tenant::NONE)] {
        let until = tickets.add(&tenant, hash(number)).await.unwrap();
        assert!(until.is_some_and(|until| until > 1_600_000_000_000 + LIFE_MS));
        assert_eq!(tickets.take(hash(9)).await.unwrap(), None);
        assert_eq!(tickets.take(hash(number)).await.unwrap(), Some(tenant));
        assert_eq!(tickets.take(hash(number)).await.unwrap(), None);
    }
}

async fn one_of_many_takes_a_ticket(tickets: impl Tickets + 'static) {
    let tickets = Arc::new(tickets);
    let acme = tenant("acme");
    assert!(tickets.add(&acme, hash(1)).await.unwrap().is_some());
    let takes = (0..CONCURRENT).map(|_| {
        let tickets = tickets.clone();
        tokio::spawn(async move { tickets.take(hash(1)).await.unwrap() })
    });
    let taken = futures::future::join_all(takes).await;
    let taken: Vec<Tenant> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken, [acme]);
}

async fn an_old_ticket_is_none<T: Tickets>(tickets: T, age: &impl AsyncFn(&T)) {
    let acme = tenant("acme");
    assert!(tickets.add(&acme, hash(1)).await.unwrap().is_some());
    age(&tickets).await;
    assert_eq!(tickets.take(hash(1)).await.unwrap(), None);
}

async fn a_tenant_has_few<T: Tickets>(tickets: T, age: &impl AsyncFn(&T)) {
    let (acme, bolt) = (tenant("acme"), tenant("bolt"));
    for number in 0..MAX_LIVE {
        let added = tickets.add(&acme, hash(number)).await.unwrap();
        assert!(added.is_some(), "{number}");
    }
    assert_eq!(tickets.add(&acme, hash(1_000)).await.unwrap(), None);
    assert!(tickets.add(&bolt, hash(1_001)).await.unwrap().is_some());
    // A place is free again once a ticket is used, or too old.
    assert_eq!(tickets.take(hash(3)).await.unwrap(), Some(acme.clone()));
    assert!(tickets.add(&acme, hash(1_002)).await.unwrap().is_some());
    assert_eq!(tickets.add(&acme, hash(1_003)).await.unwrap(), None);
    age(&tickets).await;
    assert!(tickets.add(&acme, hash(1_004)).await.unwrap().is_some());
    assert_eq!(tickets.take(hash(1_004)).await.unwrap(), Some(acme));
}

async fn many_at_once_leave_few(tickets: impl Tickets + 'static) {
    let tickets = Arc::new(tickets);
    let few = CONCURRENT as u64 / 2;
    for number in 0..MAX_LIVE - few {
        let added = tickets.add(&tenant("acme"), hash(number)).await.unwrap();
        assert!(added.is_some());
    }
    let adds = (0..CONCURRENT as u64).map(|number| {
        let tickets = tickets.clone();
        let hash = hash(2_000 + number);
        tokio::spawn(async move { tickets.add(&tenant("acme"), hash).await.unwrap() })
    });
    let added = futures::future::join_all(adds).await;
    let added = added
        .into_iter()
        .filter(|added| added.as_ref().unwrap().is_some());
    assert_eq!(added.count() as u64, few);
}
