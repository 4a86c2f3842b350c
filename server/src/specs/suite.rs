//! What every registry of specs must do, as one function that the tests of each store call.
//!
//! It meets a store only through [`Specs`], and knows no database.

use super::{Owner, Put, Registered, Specs};
use crate::tenant::Tenant;
use std::sync::Arc;

/// Puts that are made at the same time.
const CONCURRENT: u32 = 12;

/// Checks a store. Each call of `make` gives a new one, empty and independent of the others, whose owners keep at most
/// so many versions.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn conforms<S: Specs + 'static>(mut make: impl AsyncFnMut(u64) -> S) {
    a_version_is_what_was_put(&make(100).await).await;
    a_version_never_changes(&make(100).await).await;
    owners_see_their_own(&make(100).await).await;
    versions_are_listed_from_the_highest(&make(100).await).await;
    the_newest_are_walked_by_name(&make(100).await).await;
    text_is_never_interpreted(&make(100).await).await;
    one_of_many_puts_wins(make(100).await).await;
    an_owner_is_full_at_its_limit(&make(3).await).await;
}

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

async fn put(specs: &dyn Specs, owner: Owner<'_>, name: &str, version: u32, text: &str) -> Put {
    let sha256 = format!("sha of {text}");
    let put = specs.put(owner, name, version, &sha256, text);
    put.await.unwrap()
}

async fn get(
    specs: &dyn Specs,
    owner: Owner<'_>,
    name: &str,
    version: Option<u32>,
) -> Option<Registered> {
    specs.get(owner, name, version).await.unwrap()
}

fn new(put: Put) -> Registered {
    match put {
        Put::New(registered) => registered,
        other => panic!("not new: {other:?}"),
    }
}

async fn a_version_is_what_was_put(specs: &dyn Specs) {
    let acme = acme();
    let owner = Owner::Tenant(&acme);
    assert_eq!(get(specs, owner, "orders", None).await, None);
    let text = "ä\n".repeat(500_000);
    let first = new(put(specs, owner, "orders", 1, &text).await);
    assert_eq!((first.name.as_str(), first.version), ("orders", 1));
    assert_eq!(first.sha256, format!("sha of {text}"));
    assert!(first.created_ms > 1_600_000_000_000, "{}", first.created_ms);
    assert_eq!(first.text, text);
    assert_eq!(
        get(specs, owner, "orders", Some(1)).await.as_ref(),
        Some(&first)
    );
    let highest = new(put(specs, owner, "orders", u32::MAX, "highest").await);
    new(put(specs, owner, "orders", 7, "between").await);
    assert_eq!(get(specs, owner, "orders", None).await, Some(highest));
    assert_eq!(get(specs, owner, "orders", Some(2)).await, None);
    assert_eq!(get(specs, owner, "order", None).await, None);
}

async fn a_version_never_changes(specs: &dyn Specs) {
    let acme = acme();
    let owner = Owner::Tenant(&acme);
    let first = new(put(specs, owner, "orders", 1, "a").await);
    assert_eq!(
        put(specs, owner, "orders", 1, "a").await,
        Put::Identical(first.clone())
    );
    assert_eq!(
        put(specs, owner, "orders", 1, "b").await,
        Put::Other(first.clone())
    );
    assert_eq!(get(specs, owner, "orders", None).await, Some(first));
    new(put(specs, owner, "orders", 2, "a").await);
}

async fn owners_see_their_own(specs: &dyn Specs) {
    let (acme, bolt) = (acme(), "bolt".parse().unwrap());
    let owners = [
        Owner::Tenant(&Tenant::NONE),
        Owner::Tenant(&acme),
        Owner::Tenant(&bolt),
        Owner::Operator,
    ];
    for (index, owner) in owners.into_iter().enumerate() {
        assert_eq!(get(specs, owner, "orders", None).await, None, "{owner:?}");
        assert_eq!(specs.newest(owner, None, 10).await.unwrap(), []);
        assert_eq!(specs.versions(owner, "orders").await.unwrap(), []);
        new(put(specs, owner, "orders", 1, &format!("text {index}")).await);
    }
    for (index, owner) in owners.into_iter().enumerate() {
        let found = get(specs, owner, "orders", None).await.unwrap();
        assert_eq!(found.text, format!("text {index}"));
        assert_eq!(specs.newest(owner, None, 10).await.unwrap().len(), 1);
        assert_eq!(specs.versions(owner, "orders").await.unwrap().len(), 1);
    }
}

async fn versions_are_listed_from_the_highest(specs: &dyn Specs) {
    let acme = acme();
    let owner = Owner::Tenant(&acme);
    for version in [2, 10, 1, 9] {
        new(put(specs, owner, "orders", version, "text").await);
    }
    new(put(specs, owner, "orders2", 11, "text").await);
    let listed = specs.versions(owner, "orders").await.unwrap();
    let versions: Vec<u32> = listed.iter().map(|found| found.version).collect();
    assert_eq!(versions, [10, 9, 2, 1]);
    assert!(listed.iter().all(|found| found.text.is_empty()));
    assert!(listed.iter().all(|found| found.sha256 == "sha of text"));
    assert!(listed.iter().all(|found| found.created_ms > 0));
}

async fn the_newest_are_walked_by_name(specs: &dyn Specs) {
    let acme = acme();
    let owner = Owner::Tenant(&acme);
    for (name, version) in [("b", 1), ("a", 2), ("B", 3), ("b", 10), ("_c", 4), ("b", 9)] {
        new(put(specs, owner, name, version, "text").await);
    }
    new(put(specs, Owner::Operator, "aa", 1, "text").await);
    let mut walked = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = specs.newest(owner, after.as_deref(), 3).await.unwrap();
        assert!(page.len() <= 3 && page.iter().all(|found| found.text.is_empty()));
        walked.extend(page.iter().map(|found| (found.name.clone(), found.version)));
        match page.last() {
            Some(last) => after = Some(last.name.clone()),
            None => break,
        }
    }
    let expected = [("B", 3), ("_c", 4), ("a", 2), ("b", 10)];
    assert_eq!(
        walked,
        expected.map(|(name, version)| (name.to_owned(), version))
    );
}

async fn text_is_never_interpreted(specs: &dyn Specs) {
    let acme = acme();
    let owner = Owner::Tenant(&acme);
    for text in [
        "$$NOW",
        "$text",
        "'; DROP TABLE specs; --",
        "{\"$ne\":1}",
        "",
    ] {
        let made = new(put(specs, owner, &format!("n{text}"), 1, text).await);
        assert_eq!(made.text, text);
        assert_eq!(
            get(specs, owner, &format!("n{text}"), Some(1)).await,
            Some(made)
        );
    }
    assert_eq!(get(specs, owner, "{\"$gt\":\"\"}", None).await, None);
}

async fn one_of_many_puts_wins<S: Specs + 'static>(specs: S) {
    let specs = Arc::new(specs);
    let puts = (0..CONCURRENT).map(|text| {
        let specs = specs.clone();
        tokio::spawn(async move {
            let owner = Owner::Tenant(&Tenant::NONE);
            put(&*specs, owner, "orders", 1, &format!("text {text}")).await
        })
    });
    let (mut won, mut met) = (Vec::new(), Vec::new());
    for put in futures::future::join_all(puts).await {
        match put.unwrap() {
            Put::New(registered) => won.push(registered),
            Put::Other(registered) => met.push(registered),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won.len(), met.len()), (1, CONCURRENT as usize - 1));
    assert!(met.iter().all(|met| *met == won[0]));
}

async fn an_owner_is_full_at_its_limit(specs: &dyn Specs) {
    let acme = acme();
    let owner = Owner::Tenant(&acme);
    for version in 1..=3 {
        new(put(specs, owner, "orders", version, "text").await);
    }
    assert_eq!(put(specs, owner, "orders", 4, "text").await, Put::Full);
    assert_eq!(put(specs, owner, "other", 1, "text").await, Put::Full);
    let known = put(specs, owner, "orders", 3, "text").await;
    assert!(matches!(known, Put::Identical(_)), "{known:?}");
    let other = put(specs, owner, "orders", 3, "other").await;
    assert!(matches!(other, Put::Other(_)), "{other:?}");
    new(put(specs, Owner::Operator, "orders", 1, "text").await);
}
