//! What every store of rejects must do, as one function that the tests of each store call.
//!
//! It meets a store only through [`Rejects`], and knows no database. Each case has a job of its own, so that all share a
//! store.

use super::{Filter, Rejects, Run};
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::{MAX_PROBLEMS, MAX_RAW_BYTES, Position, Problem, Reject};

/// Rejects of the largest case.
const MANY: u64 = 5_000;
/// The fence number of the claim that stores them.
const CLAIM: u64 = 7;

/// Checks a store that is empty.
///
/// # Panics
/// When the store does not keep the contract.
pub async fn conforms(store: &dyn Rejects) {
    what_is_stored_comes_back(store).await;
    storing_again_changes_nothing(store).await;
    pages_are_in_the_order_of_the_file(store).await;
    filters_are_by_the_leading_problem(store).await;
    text_is_never_interpreted(store).await;
    what_lies_behind_a_checkpoint_is_removed(store).await;
    what_a_newer_claim_has_stored_is_its_own(store).await;
    what_was_loaded_after_all_is_removed(store).await;
    new_reasons_make_no_rejects(store).await;
    rejects_of_some_records_are_found(store).await;
    runs_are_removed_in_portions(store).await;
    strangers_see_nothing(store).await;
}

/// A run of the job that is called `job`.
pub fn run(tenant: &str, job: u8, run: u32) -> Run {
    Run {
        tenant: Tenant::of_key(tenant).unwrap(),
        job: Id([job; 12]),
        run,
    }
}

/// A reject of record `ordinal`; even ones are of the code `type`, every third one is of no field.
fn reject(ordinal: u64) -> Reject {
    let code = ["type", "pattern"][(ordinal % 2) as usize];
    let field = (!ordinal.is_multiple_of(3)).then(|| format!("field_{}", ordinal % 3));
    let at = Position {
        ordinal,
        line: ordinal + 2,
        offset: ordinal * 100,
    };
    let message = format!("record {ordinal} is wrong");
    let problem = Problem {
        code: code.into(),
        field,
        message,
    };
    let raw = format!("{ordinal};a;\"b\"");
    Reject::new(at, vec![problem], raw.as_bytes())
}

fn filter(code: Option<&str>, field: Option<&str>) -> Filter {
    Filter {
        code: code.map(str::to_owned),
        field: field.map(str::to_owned),
    }
}

/// The ordinals of a page.
async fn ordinals(
    store: &dyn Rejects,
    run: &Run,
    filter: &Filter,
    from: u64,
    skip: u64,
    limit: u32,
) -> Vec<u64> {
    let page = store.page(run, filter, from, skip, limit).await.unwrap();
    page.iter().map(|reject| reject.at.ordinal).collect()
}

async fn count(store: &dyn Rejects, run: &Run) -> u64 {
    store.count(run, &Filter::default()).await.unwrap()
}

async fn what_is_stored_comes_back(store: &dyn Rejects) {
    let run = run("acme", 1, 0);
    let mut odd = reject(7);
    odd.raw = (0..=255).cycle().take(MAX_RAW_BYTES).collect();
    odd.problems.push(Problem::of_record("late", "ü\0\u{fffd}"));
    let mut far = reject(1 << 53);
    far.at.offset = 1 << 60;
    far.raw.clear();
    let problem = |n: usize| Problem::of_field("unknown_field", n.to_string(), "x".repeat(2_000));
    let large = Reject::new(
        reject(8).at,
        (0..2 * MAX_PROBLEMS).map(problem).collect(),
        &[0xff; 2 * MAX_RAW_BYTES],
    );
    let rejects = [odd, large, far];
    store.store(&run, CLAIM, &[]).await.unwrap();
    store.store(&run, CLAIM, &rejects).await.unwrap();
    let found = store.page(&run, &Filter::default(), 0, 0, 10).await;
    assert_eq!(found.unwrap(), rejects);
}

async fn storing_again_changes_nothing(store: &dyn Rejects) {
    let run = run("acme", 2, 0);
    store
        .store(&run, CLAIM, &[reject(1), reject(3)])
        .await
        .unwrap();
    let mut other = reject(1);
    other.raw = b"other".to_vec();
    let again = [reject(0), other, reject(2), reject(3), reject(4)];
    store.store(&run, CLAIM, &again).await.unwrap();
    store.store(&run, CLAIM, &again).await.unwrap();
    let found = store.page(&run, &Filter::default(), 0, 0, 10).await;
    let expected: Vec<_> = (0..5).map(reject).collect();
    assert_eq!(found.unwrap(), expected);
    assert_eq!(count(store, &run).await, 5);
}

async fn what_was_loaded_after_all_is_removed(store: &dyn Rejects) {
    let one = run("acme", 11, 0);
    let others = [run("acme", 11, 1), run("acme", 12, 0), run("globex", 13, 0)];
    let rejects: Vec<_> = (0..6).map(reject).collect();
    store.store(&one, CLAIM, &rejects).await.unwrap();
    for other in &others {
        store.store(other, CLAIM, &rejects).await.unwrap();
    }
    for gone in [&[1, 4, 9][..], &[4], &[]] {
        store.remove(&one, gone).await.unwrap();
        let left = ordinals(store, &one, &Filter::default(), 0, 0, 10).await;
        assert_eq!(left, [0, 2, 3, 5]);
    }
    for other in &others {
        assert_eq!(count(store, other).await, 6);
    }
}

async fn new_reasons_make_no_rejects(store: &dyn Rejects) {
    let one = run("acme", 14, 0);
    let rejects: Vec<_> = (0..4).map(reject).collect();
    store.store(&one, CLAIM, &rejects).await.unwrap();
    let now = |ordinal: u64, code: &'static str| Reject {
        problems: vec![Problem::of_record(code, "it is bad still")],
        ..reject(ordinal)
    };
    store.remove(&one, &[1]).await.unwrap();
    store.replace(&one, CLAIM + 1, &[]).await.unwrap();
    // Some are there, some were loaded since, some were never rejects.
    let again = [1, 2, 3, 9].map(|ordinal| now(ordinal, "again"));
    store.replace(&one, CLAIM + 2, &again).await.unwrap();
    // What comes late, or once more, changes nothing.
    for (fence, code) in [(CLAIM + 1, "late"), (CLAIM + 2, "twice")] {
        let late = [1, 2].map(|ordinal| now(ordinal, code));
        store.replace(&one, fence, &late).await.unwrap();
    }
    let found = store.page(&one, &Filter::default(), 0, 0, 10).await;
    let expected = [reject(0), now(2, "again"), now(3, "again")];
    assert_eq!(found.unwrap(), expected);
    let found = ordinals(store, &one, &filter(Some("again"), None), 0, 0, 10).await;
    assert_eq!(found, [2, 3]);
    assert_eq!(
        store
            .count(&one, &filter(None, Some("field_2")))
            .await
            .unwrap(),
        0
    );
    let stranger = run("globex", 14, 0);
    store
        .replace(&stranger, CLAIM + 9, &[now(0, "theirs")])
        .await
        .unwrap();
    let found = store.of_records(&one, &[0]).await.unwrap();
    assert_eq!(found, [reject(0)]);
}

async fn rejects_of_some_records_are_found(store: &dyn Rejects) {
    let one = run("acme", 15, 0);
    let large = |ordinal: u64| {
        let problem = |n: usize| Problem::of_field("x", n.to_string(), "x".repeat(2_000));
        Reject::new(
            reject(ordinal).at,
            (0..2 * MAX_PROBLEMS).map(problem).collect(),
            &[0xff; 2 * MAX_RAW_BYTES],
        )
    };
    // More than one answer of a server holds.
    let rejects: Vec<_> = (0..200).map(large).collect();
    for portion in rejects.chunks(50) {
        store.store(&one, CLAIM, portion).await.unwrap();
    }
    let all: Vec<u64> = (0..200).collect();
    let some: Vec<u64> = (0..250).step_by(3).collect();
    for asked in [&[][..], &[7], &[200, 201], &some, &all] {
        let found = store.of_records(&one, asked).await.unwrap();
        let expected: Vec<_> = asked.iter().filter(|at| **at < 200).copied().collect();
        let ordinals: Vec<_> = found.iter().map(|reject| reject.at.ordinal).collect();
        assert_eq!(ordinals, expected);
        assert!(
            found
                .iter()
                .all(|reject| reject.problems.len() > MAX_PROBLEMS)
        );
    }
    let stranger = run("globex", 15, 0);
    assert_eq!(store.of_records(&stranger, &all).await.unwrap(), []);
}

async fn pages_are_in_the_order_of_the_file(store: &dyn Rejects) {
    let run = run("acme", 3, 0);
    let all = Filter::default();
    assert_eq!(
        ordinals(store, &run, &all, 0, 0, 10).await,
        Vec::<u64>::new()
    );
    assert_eq!(count(store, &run).await, 0);
    // Batches are acknowledged in any order.
    for from in [MANY / 2, 0] {
        let batch: Vec<_> = (from..from + MANY / 2).map(reject).collect();
        store.store(&run, CLAIM, &batch).await.unwrap();
    }
    assert_eq!(count(store, &run).await, MANY);
    for (from, skip, limit, expected) in [
        (0, 0, 3, 0..3),
        (0, 4_998, 3, 4_998..5_000),
        (255, 1, 2, 256..258),
        (4_999, 0, 200, 4_999..5_000),
        (5_000, 0, 200, 0..0),
        (0, 5_000, 200, 0..0),
        (0, 0, 5_000, 0..5_000),
        (u64::MAX, 0, 200, 0..0),
        (0, u64::MAX, 200, 0..0),
    ] {
        let found = ordinals(store, &run, &all, from, skip, limit).await;
        let expected: Vec<_> = expected.collect();
        assert_eq!(found, expected, "from {from}, skip {skip}, limit {limit}");
    }
    let mut found = Vec::new();
    loop {
        let from = found.last().map_or(0, |last| last + 1);
        let page = ordinals(store, &run, &all, from, 0, 700).await;
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, (0..MANY).collect::<Vec<_>>());
}

async fn filters_are_by_the_leading_problem(store: &dyn Rejects) {
    let run = run("acme", 4, 0);
    let mut rejects: Vec<_> = (0..12).map(reject).collect();
    let second = Problem::of_field("second", "second", "not the first");
    rejects[5].problems.push(second);
    store.store(&run, CLAIM, &rejects).await.unwrap();
    let check = async |code, field, from, skip, expected: &[u64], total| {
        let filter = filter(code, field);
        let found = ordinals(store, &run, &filter, from, skip, 10).await;
        assert_eq!(found, expected, "{filter:?} from {from}, skip {skip}");
        assert_eq!(store.count(&run, &filter).await.unwrap(), total);
    };
    check(Some("type"), None, 0, 0, &[0, 2, 4, 6, 8, 10], 6).await;
    check(Some("type"), None, 3, 1, &[6, 8, 10], 6).await;
    check(None, Some("field_1"), 0, 0, &[1, 4, 7, 10], 4).await;
    check(None, Some("field_1"), 5, 1, &[10], 4).await;
    check(Some("pattern"), Some("field_1"), 0, 0, &[1, 7], 2).await;
    check(Some("pattern"), Some("field_1"), 2, 0, &[7], 2).await;
    check(Some("type"), Some("nowhere"), 0, 0, &[], 0).await;
    check(Some("second"), None, 0, 0, &[], 0).await;
    check(None, Some("second"), 0, 0, &[], 0).await;
    check(Some(""), None, 0, 0, &[], 0).await;
    check(None, Some(""), 0, 0, &[], 0).await;
}

async fn text_is_never_interpreted(store: &dyn Rejects) {
    let run = run("acme", 5, 0);
    let texts = ["$code", "{\"$ne\":1}", "a.b", "' OR 1=1 --", "\0", "ü"];
    for (ordinal, text) in texts.iter().enumerate() {
        let mut odd = reject(ordinal as u64);
        odd.problems = vec![Problem::of_field(text.to_string(), *text, *text)];
        store.store(&run, CLAIM, &[odd.clone()]).await.unwrap();
        let filter = filter(Some(text), Some(text));
        let found = store.page(&run, &filter, 0, 0, 10).await.unwrap();
        assert_eq!(found, [odd]);
    }
}

async fn what_lies_behind_a_checkpoint_is_removed(store: &dyn Rejects) {
    let (run, reset) = (run("acme", 6, 0), run("acme", 6, 1));
    let rejects: Vec<_> = (0..600).map(reject).collect();
    store.store(&run, CLAIM, &rejects).await.unwrap();
    store.store(&reset, CLAIM, &rejects).await.unwrap();
    for (from, left) in [(600, 600), (256, 256), (256, 256), (1, 1), (0, 0)] {
        store.remove_from(&run, CLAIM + 1, from).await.unwrap();
        assert_eq!(count(store, &run).await, left, "from {from}");
    }
    assert_eq!(count(store, &reset).await, 600);
    store
        .remove_from(&reset, CLAIM + 1, u64::MAX)
        .await
        .unwrap();
    assert_eq!(count(store, &reset).await, 600);
}

async fn what_a_newer_claim_has_stored_is_its_own(store: &dyn Rejects) {
    let run = run("acme", 10, 0);
    let [mut older, mut newer] = [reject(1), reject(1)];
    older.raw = b"older".to_vec();
    newer.raw = b"newer".to_vec();
    let others = [reject(0), reject(2)];
    store.store(&run, CLAIM, &[older.clone()]).await.unwrap();
    store.store(&run, CLAIM, &others).await.unwrap();
    let all = [&others[..1], &[newer.clone()]].concat();
    store.store(&run, CLAIM + 1, &all).await.unwrap();
    // What the older claim has sent comes late: it stores, and it removes.
    let late = [older, reject(3)];
    store.store(&run, CLAIM, &late).await.unwrap();
    store.remove_from(&run, CLAIM, 0).await.unwrap();
    let found = store.page(&run, &Filter::default(), 0, 0, 10).await;
    let [first, third] = others;
    let expected = [first.clone(), newer.clone(), third, reject(3)];
    assert_eq!(found.unwrap(), expected);
    // What a claim has sent twice takes nothing of its own, and all of the one before.
    store.remove_from(&run, CLAIM + 1, 0).await.unwrap();
    store.remove_from(&run, CLAIM + 1, 0).await.unwrap();
    let found = store.page(&run, &Filter::default(), 0, 0, 10).await;
    assert_eq!(found.unwrap(), [first, newer]);
    store.remove_from(&run, CLAIM + 2, 1).await.unwrap();
    assert_eq!(count(store, &run).await, 1);
}

async fn runs_are_removed_in_portions(store: &dyn Rejects) {
    let runs = [0, 1, 256, u32::MAX].map(|number| run("acme", 7, number));
    let (tenant, job) = (&runs[0].tenant, runs[0].job);
    let rejects: Vec<_> = (0..5).map(reject).collect();
    let neighbours = [run("acme", 6, 3), run("acme", 8, 0)];
    for run in runs.iter().chain(&neighbours) {
        store.store(run, CLAIM, &rejects).await.unwrap();
    }
    let left = async || {
        let mut left = Vec::new();
        for run in &runs {
            left.push(count(store, run).await);
        }
        left
    };
    let check = async |before, limit, more, expected: [u64; 4]| {
        let found = store.remove_runs(tenant, job, before, limit).await;
        assert_eq!(found.unwrap(), more, "before {before}");
        assert_eq!(left().await, expected, "before {before}");
    };
    check(0, 3, false, [5, 5, 5, 5]).await;
    check(1, 3, true, [2, 5, 5, 5]).await;
    check(1, 3, false, [0, 5, 5, 5]).await;
    check(256, 4, true, [0, 1, 5, 5]).await;
    check(256, 4, false, [0, 0, 5, 5]).await;
    check(u32::MAX, 7, true, [0, 0, 0, 3]).await;
    check(u32::MAX, 7, false, [0; 4]).await;
    check(u32::MAX, 7, false, [0; 4]).await;
    for run in &neighbours {
        assert_eq!(count(store, run).await, 5, "{run:?}");
    }
}

async fn strangers_see_nothing(store: &dyn Rejects) {
    let own = run("acme", 9, 0);
    store
        .store(&own, CLAIM, &[reject(0), reject(1)])
        .await
        .unwrap();
    for other in [run("other", 9, 0), run("", 9, 0), run("acme", 9, 1)] {
        assert_eq!(count(store, &other).await, 0, "{other:?}");
        let found = ordinals(store, &other, &Filter::default(), 0, 0, 10).await;
        assert_eq!(found, Vec::<u64>::new(), "{other:?}");
        let code = filter(Some("type"), None);
        assert_eq!(store.count(&other, &code).await.unwrap(), 0, "{other:?}");
        store.remove_from(&other, CLAIM + 1, 0).await.unwrap();
        if other.tenant != own.tenant {
            let removed = store.remove_runs(&other.tenant, own.job, u32::MAX, 10);
            assert!(!removed.await.unwrap(), "{other:?}");
        }
    }
    assert_eq!(count(store, &own).await, 2);
}
