//! What every store of entries must do, as one function that the tests of each store call.
//!
//! It promises to meet a store only through [`Loads`], and knows no database, nor the crate that it is compiled in: the
//! server's tests compile it once more, for a store of their own. Leases that must run out are short; whether one has is
//! asked of the store, never of a clock.

use super::{Entry, LoadIdentity, LoadName, Loads, Request};
use std::sync::Arc;
use std::time::Duration;

/// Requests that are made at the same time.
const CONCURRENT: usize = 20;
/// A lease that no case outlives, in milliseconds.
const LONG_MS: u64 = 600_000;
/// A lease that is waited out, in milliseconds.
const SHORT_MS: u64 = 50;
/// How long a lease is waited for, at most.
const DEADLINE: Duration = Duration::from_secs(30);

/// Checks a store. Each call of `make` gives a new one, empty and independent of the others.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn conforms<L: Loads + 'static>(make: impl AsyncFn() -> L) {
    an_entry_is_what_was_requested(&make().await).await;
    text_is_never_interpreted(&make().await).await;
    one_of_many_enters(make().await).await;
    load_numbers_follow_the_order_of_entering(&make().await).await;
    one_of_many_takes(make().await).await;
    a_running_lease_is_not_taken(&make().await).await;
    strangers_change_nothing(&make().await).await;
    a_lease_can_be_renewed_while_nobody_has_taken_it(&make().await).await;
    closing_ends_the_lease(&make().await).await;
    a_job_goes_on_with_another_version(&make().await).await;
    the_newest_generation_counts(&make().await).await;
    newer_loads_are_seen(&make().await).await;
    live_rivals_are_seen(&make().await).await;
}

/// A request for the content `content`, and the identity of its generation 0.
fn request(content: &str, collection: &str) -> Request {
    Request {
        base: identity(content, collection, 0),
        spec: "orders".into(),
        version: 3,
        spec_sha256: "aa".repeat(32),
        collection: collection.into(),
        job: "job-1".into(),
        owner: "owner-1".into(),
        lease_ms: LONG_MS,
        numbered: false,
    }
}

fn identity(content: &str, collection: &str, generation: u32) -> LoadIdentity {
    let name = LoadName {
        tenant: None,
        content,
        spec: "orders",
        collection,
    };
    LoadIdentity::new(name, generation)
}

fn numbered(content: &str, collection: &str) -> Request {
    Request {
        numbered: true,
        ..request(content, collection)
    }
}

/// Enters generation 0.
async fn enter(store: &impl Loads, request: &Request) -> Entry {
    let entered = store.enter(request, request.base, 0).await.unwrap();
    entered.expect("it was not entered before")
}

/// Enters generation 0 with a lease that has run out when this returns.
async fn enter_and_expire(store: &impl Loads, request: &Request) -> Entry {
    let short = Request {
        lease_ms: SHORT_MS,
        ..request.clone()
    };
    enter(store, &short).await;
    expired(store, request.base).await
}

/// Waits until the lease of the newest entry has run out.
async fn expired(store: &impl Loads, base: LoadIdentity) -> Entry {
    let wait = async {
        loop {
            let entry = newest(store, base).await;
            if !entry.live {
                return entry;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    waited.expect("a lease of 50 ms runs out")
}

async fn newest(store: &impl Loads, base: LoadIdentity) -> Entry {
    store.newest(base).await.unwrap().expect("it was entered")
}

async fn an_entry_is_what_was_requested(store: &impl Loads) {
    let request = request("a", "orders");
    assert_eq!(store.newest(request.base).await.unwrap(), None);
    let entry = enter(store, &request).await;
    let expected = Entry {
        identity: request.base,
        base: request.base,
        generation: 0,
        spec: "orders".into(),
        version: 3,
        spec_sha256: request.spec_sha256.clone(),
        collection: "orders".into(),
        job: "job-1".into(),
        load_number: 0,
        acknowledged: false,
        completed: false,
        owner: "owner-1".into(),
        fence: 1,
        live: true,
    };
    assert_eq!(entry, expected);
    assert_eq!(newest(store, request.base).await, expected);
    let other = identity("b", "orders", 0);
    assert_eq!(store.newest(other).await.unwrap(), None);
    let again = Request {
        owner: "owner-2".into(),
        ..request.clone()
    };
    let entered = store.enter(&again, request.base, 0).await.unwrap();
    assert_eq!(entered, None, "a generation is entered once");
    assert_eq!(newest(store, request.base).await, expected);
}

async fn text_is_never_interpreted(store: &impl Loads) {
    let odd = |suffix: &str| Request {
        spec: format!("$$NOW{suffix}"),
        spec_sha256: format!("$owner{suffix}"),
        job: format!("{{\"$gt\":''}}{suffix}"),
        owner: format!("$$REMOVE'; --{suffix}"),
        ..request("a", "orders")
    };
    let texts = |entry: &Entry| {
        let texts = [&entry.spec_sha256, &entry.job, &entry.owner];
        texts.map(String::clone)
    };
    let first = enter_and_expire(store, &odd("")).await;
    assert_eq!(first.spec, "$$NOW");
    let expected = [odd("").spec_sha256, odd("").job, odd("").owner];
    assert_eq!(texts(&first), expected);
    let taken = store.take(&odd("2"), &first).await.unwrap();
    let expected = [odd("2").spec_sha256, odd("2").job, odd("2").owner];
    assert_eq!(texts(&taken.expect("the lease has run out")), expected);
    let entry = newest(store, first.base).await;
    assert_eq!(texts(&entry), expected);
    assert!(store.renew(&entry, LONG_MS, true).await.unwrap());
    assert!(store.close(&entry, true, true).await.unwrap());
}

async fn one_of_many_enters<L: Loads + 'static>(store: L) {
    let store = Arc::new(store);
    let tries = (0..CONCURRENT).map(|index| {
        let request = Request {
            owner: format!("owner-{index}"),
            ..numbered("a", "orders")
        };
        let store = store.clone();
        tokio::spawn(async move { store.enter(&request, request.base, 0).await })
    });
    let winner = only_one(tries.collect()).await;
    assert_eq!(newest(&*store, winner.base).await, winner);
}

/// The one entry that came of many tries.
async fn only_one(
    tries: Vec<tokio::task::JoinHandle<Result<Option<Entry>, pipeline::Fatal>>>,
) -> Entry {
    let mut entries = Vec::new();
    for one in tries {
        entries.extend(one.await.unwrap().unwrap());
    }
    assert_eq!(entries.len(), 1, "one of many tries succeeds");
    entries.remove(0)
}

async fn load_numbers_follow_the_order_of_entering(store: &impl Loads) {
    let mut last = 0;
    for content in ["a", "b", "c"] {
        let number = enter(store, &numbered(content, "orders")).await.load_number;
        assert!(number > last, "{number} comes after {last}");
        last = number;
    }
    let plain = enter(store, &request("d", "orders")).await;
    assert_eq!(plain.load_number, 0, "only key modes want a number");
    let other = enter(store, &numbered("a", "customers")).await;
    assert!(other.load_number > 0);
    let base = identity("a", "orders", 0);
    let again = identity("a", "orders", 1);
    let second = store.enter(&numbered("a", "orders"), again, 1).await;
    let second = second.unwrap().expect("generation 1 is new");
    assert!(second.load_number > last, "a generation has its own number");
    assert_eq!(second.base, base);
}

async fn one_of_many_takes<L: Loads + 'static>(store: L) {
    let first = enter_and_expire(&store, &numbered("a", "orders")).await;
    let store = Arc::new(store);
    let tries = (0..CONCURRENT).map(|index| {
        let request = Request {
            version: 4,
            spec_sha256: "bb".repeat(32),
            job: "job-2".into(),
            owner: format!("taker-{index}"),
            ..numbered("a", "orders")
        };
        let (store, first) = (store.clone(), first.clone());
        tokio::spawn(async move { store.take(&request, &first).await })
    });
    let taken = only_one(tries.collect()).await;
    let expected = Entry {
        version: 4,
        spec_sha256: "bb".repeat(32),
        job: "job-2".into(),
        owner: taken.owner.clone(),
        fence: first.fence + 1,
        live: true,
        ..first.clone()
    };
    assert_eq!(taken, expected, "the load number stays");
    assert!(taken.owner.starts_with("taker-"));
    assert_eq!(newest(&*store, first.base).await, taken);
}

async fn a_running_lease_is_not_taken(store: &impl Loads) {
    let request = request("a", "orders");
    let entry = enter(store, &request).await;
    assert_eq!(store.take(&request, &entry).await.unwrap(), None);
    // Closed without completion: it can be taken at once, and what was acknowledged stays noted.
    assert!(store.close(&entry, true, false).await.unwrap());
    let closed = newest(store, request.base).await;
    let taker = Request {
        owner: "owner-2".into(),
        ..request.clone()
    };
    let taken = store.take(&taker, &closed).await.unwrap();
    let taken = taken.expect("nobody holds it");
    assert!(taken.acknowledged && taken.live && !taken.completed);
    let late = Request {
        owner: "owner-3".into(),
        ..request.clone()
    };
    assert_eq!(store.take(&late, &closed).await.unwrap(), None);
    // A completed one is not completed any more once it is taken.
    assert!(store.close(&taken, true, true).await.unwrap());
    let completed = newest(store, request.base).await;
    assert!(completed.completed);
    let taken = store.take(&request, &completed).await.unwrap();
    let taken = taken.expect("nobody holds it");
    assert!(!taken.completed);
    assert_eq!(taken.fence, 3);
}

async fn strangers_change_nothing(store: &impl Loads) {
    let request = request("a", "orders");
    let entry = enter(store, &request).await;
    let other_owner = Entry {
        owner: "owner-2".into(),
        ..entry.clone()
    };
    let other_fence = Entry {
        fence: entry.fence + 1,
        ..entry.clone()
    };
    let unknown = Entry {
        identity: identity("b", "orders", 0),
        ..entry.clone()
    };
    for stranger in [&other_owner, &other_fence, &unknown] {
        assert!(!store.renew(stranger, 1, true).await.unwrap());
        assert!(!store.close(stranger, true, true).await.unwrap());
    }
    assert_eq!(newest(store, request.base).await, entry);
    // The former owner of a load that was taken over is a stranger too.
    assert!(store.close(&entry, false, false).await.unwrap());
    let closed = newest(store, request.base).await;
    let taker = Request {
        owner: "owner-2".into(),
        ..request.clone()
    };
    let taken = store.take(&taker, &closed).await.unwrap();
    let taken = taken.expect("nobody holds it");
    assert!(!store.renew(&entry, 1, true).await.unwrap());
    assert!(!store.close(&entry, true, true).await.unwrap());
    assert_eq!(newest(store, request.base).await, taken);
}

async fn a_lease_can_be_renewed_while_nobody_has_taken_it(store: &impl Loads) {
    let request = request("a", "orders");
    let entry = enter_and_expire(store, &request).await;
    assert!(store.renew(&entry, LONG_MS, false).await.unwrap());
    let renewed = newest(store, request.base).await;
    assert!(renewed.live && !renewed.acknowledged);
    assert_eq!(store.take(&request, &entry).await.unwrap(), None);
    assert!(store.renew(&entry, LONG_MS, true).await.unwrap());
    assert!(newest(store, request.base).await.acknowledged);
    assert!(store.renew(&entry, SHORT_MS, false).await.unwrap());
    let entry = expired(store, request.base).await;
    assert!(entry.acknowledged, "what was acknowledged stays noted");
    assert_eq!(entry.fence, 1, "renewing is no change of owner");
}

async fn closing_ends_the_lease(store: &impl Loads) {
    for (content, acknowledged, completed) in
        [("a", true, true), ("b", true, false), ("c", false, false)]
    {
        let request = request(content, "orders");
        let entry = enter(store, &request).await;
        // Twice, because the answer to the first may have been lost.
        for _ in 0..2 {
            assert!(store.close(&entry, acknowledged, completed).await.unwrap());
        }
        let closed = newest(store, request.base).await;
        let expected = Entry {
            acknowledged,
            completed,
            live: false,
            ..entry
        };
        assert_eq!(closed, expected);
    }
    let request = request("d", "orders");
    let entry = enter(store, &request).await;
    assert!(store.renew(&entry, LONG_MS, true).await.unwrap());
    assert!(store.close(&entry, false, false).await.unwrap());
    assert!(newest(store, request.base).await.acknowledged);
}

async fn a_job_goes_on_with_another_version(store: &impl Loads) {
    let request = numbered("a", "orders");
    let entry = enter(store, &request).await;
    assert!(store.close(&entry, true, false).await.unwrap());
    let sha256 = "$owner";
    // Twice, because the answer to the first may have been lost.
    for _ in 0..2 {
        assert!(store.repin(&entry, 4, sha256).await.unwrap());
    }
    let expected = Entry {
        version: 4,
        spec_sha256: sha256.into(),
        acknowledged: true,
        live: false,
        ..entry.clone()
    };
    assert_eq!(newest(store, request.base).await, expected);
    // Whoever has it by now is not told another version.
    let taker = Request {
        owner: "owner-2".into(),
        job: "job-2".into(),
        ..request.clone()
    };
    let taken = store.take(&taker, &expected).await.unwrap();
    let taken = taken.expect("nobody holds it");
    assert!(!store.repin(&entry, 5, "cc").await.unwrap());
    assert_eq!(newest(store, request.base).await, taken);
}

async fn the_newest_generation_counts(store: &impl Loads) {
    let request = request("a", "orders");
    let first = enter(store, &request).await;
    for generation in [1, 2, 10] {
        let identity = identity("a", "orders", generation);
        let entered = store.enter(&request, identity, generation).await.unwrap();
        let entered = entered.expect("this generation is new");
        assert_eq!(
            (entered.generation, entered.base),
            (generation, request.base)
        );
        assert_eq!(entered.identity, identity);
        assert_eq!(newest(store, request.base).await, entered);
        assert_eq!(store.entry(identity).await.unwrap(), Some(entered));
        let late = Request {
            owner: "owner-2".into(),
            ..request.clone()
        };
        let again = store.enter(&late, identity, generation).await.unwrap();
        assert_eq!(again, None);
    }
    assert_eq!(
        store.entry(request.base).await.unwrap(),
        Some(first),
        "an older one is still found by its own identity"
    );
    let unknown = identity("b", "orders", 0);
    assert_eq!(store.entry(unknown).await.unwrap(), None);
}

async fn newer_loads_are_seen(store: &impl Loads) {
    let first = enter(store, &numbered("a", "orders")).await;
    assert!(!store.newer_exists(&first).await.unwrap());
    enter(store, &numbered("a", "customers")).await;
    enter(store, &request("b", "orders")).await;
    let unseen = "neither another collection nor a load without a number is newer";
    assert!(!store.newer_exists(&first).await.unwrap(), "{unseen}");
    let second = enter(store, &numbered("c", "orders")).await;
    assert!(store.newer_exists(&first).await.unwrap());
    assert!(!store.newer_exists(&second).await.unwrap());
    assert!(store.close(&second, true, true).await.unwrap());
    assert!(
        store.newer_exists(&first).await.unwrap(),
        "a load that has ended is newer all the same"
    );
    let refused = enter(store, &numbered("d", "orders")).await;
    assert!(store.close(&refused, false, false).await.unwrap());
    let unseen = "a load that ended with nothing acknowledged is not newer";
    assert!(!store.newer_exists(&second).await.unwrap(), "{unseen}");
}

async fn live_rivals_are_seen(store: &impl Loads) {
    let first = enter(store, &numbered("a", "orders")).await;
    assert!(!store.rival_is_live(&first).await.unwrap(), "not itself");
    enter(store, &numbered("a", "customers")).await;
    assert!(!store.rival_is_live(&first).await.unwrap());
    let second = enter(store, &numbered("b", "orders")).await;
    assert!(store.rival_is_live(&first).await.unwrap());
    assert!(store.rival_is_live(&second).await.unwrap());
    assert!(store.close(&second, false, false).await.unwrap());
    assert!(!store.rival_is_live(&first).await.unwrap());
    assert!(store.rival_is_live(&second).await.unwrap());
}
