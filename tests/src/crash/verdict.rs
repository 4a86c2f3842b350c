//! What a round left, compared with the truth: documents, rejects, books and receipt.

use std::fmt::Display;
use std::ops::Range;

use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use serde_json::Value;
use tokio::task::{JoinSet, spawn_blocking};

use super::faults::Scene;
use super::round::Outcome;
use super::state::{COLLECTION, Seen, Stores, binary, id_of, open};
use super::tally::{Checker, Tally};
use crate::api::Api;
use crate::orders::order;
use crate::stored::{DATES, json_of};
use crate::truth::{Totals, Truth};

/// Documents that MongoDB sends at a time.
const BATCH: u32 = 5_000;
/// Rejects of a page: the most that there may be.
const PAGE: u64 = 200;

impl Scene {
    /// Compares everything that `job` left of the orders of `seed`.
    ///
    /// # Panics
    /// Where a store or the service does not answer.
    pub async fn verify(&self, job: &str, seed: u64, totals: &Totals, outcome: &mut Outcome) {
        let api = self.crew.api();
        let ended = self.job().await;
        if ended.state != "completed" || ended.attempts > 0 {
            let (state, attempts) = (&ended.state, ended.attempts);
            let violation = format!("the job is {state} with {attempts} attempts charged");
            outcome.violations.push(violation);
        }
        let books = books(api, job, totals).await;
        outcome.books = books.sums;
        outcome.done_again = books.already;
        outcome.violations.extend(books.violations);
        if let Ok(bound) = outcome.bound
            && books.already > bound
        {
            let already = books.already;
            outcome.violations.push(format!(
                "{already} records were done again, and only {bound} stood behind a checkpoint"
            ));
        }
        let rejects = rejects(api, job, seed, totals.rejected).await;
        outcome.wrong += rejects.wrong;
        outcome.violations.extend(rejects.violations);
        let tally = self.documents(&ended, seed, totals.read).await;
        outcome.records = totals.read;
        outcome.missing = tally.missing;
        outcome.double = tally.double;
        outcome.wrong += tally.wrong;
        outcome.violations.extend(tally.examples);
        let counted = self.stores.count().await;
        outcome.counted = counted;
        if counted != totals.loaded {
            let loaded = totals.loaded;
            let violation = format!("the target counts {counted} documents instead of {loaded}");
            outcome.violations.push(violation);
        }
    }

    /// Compares the documents, a range of records on each core.
    async fn documents(&self, job: &Seen, seed: u64, records: u64) -> Tally {
        let parts = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let mut checks = JoinSet::new();
        for part in 0..parts {
            let range = records * part / parts..records * (part + 1) / parts;
            let bounds = Bounds {
                // What is in no range of the load's own must be found too.
                from: (part > 0).then(|| id_of(&job.identity, range.start)),
                to: (part + 1 < parts).then(|| id_of(&job.identity, range.end)),
            };
            let checker = checker(seed, job, range);
            match &*self.stores {
                Stores::Mongo { documents, .. } => {
                    checks.spawn(check_mongo(documents.clone(), bounds, checker));
                }
                Stores::Embedded(folder) => {
                    let path = folder.join("documents.db");
                    checks.spawn(async move {
                        let checked = spawn_blocking(move || check_sqlite(path, &bounds, checker));
                        checked.await.unwrap_or_else(|error| panic!("{error}"))
                    });
                }
            }
        }
        let mut tally = Tally::default();
        while let Some(checked) = checks.join_next().await {
            tally.add(checked.unwrap_or_else(|error| panic!("{error}")));
        }
        tally
    }
}

fn unread<T>(error: impl Display) -> T {
    panic!("documents cannot be read: {error}")
}

/// The part of a target between two `_id`, the first with it.
pub(super) struct Bounds {
    pub from: Option<Vec<u8>>,
    pub to: Option<Vec<u8>>,
}

/// What a job says of itself.
pub(super) struct Books {
    /// Its counters, loaded and already loaded as one.
    pub sums: Totals,
    /// The records of them that were already loaded.
    pub already: u64,
    /// What is not as it must be.
    pub violations: Vec<String>,
}

/// What is not as it must be in the rejects of a job.
pub(super) struct Rejects {
    /// How many are too many, too few, or others than they must be.
    pub wrong: u64,
    /// In words.
    pub violations: Vec<String>,
}

fn checker(seed: u64, job: &Seen, range: Range<u64>) -> Checker {
    Checker::new(seed, job.identity.clone(), range)
}

/// Compares the documents of MongoDB between these bounds.
pub(super) async fn check_mongo(
    documents: Database,
    bounds: Bounds,
    mut checker: Checker,
) -> Tally {
    let mut range = doc! {};
    // Bounds of MinKey and MaxKey, because one of BinData would leave out every other type.
    let from = bounds.from.map_or(Bson::MinKey, |id| binary(id).into());
    range.insert("$gte", from);
    let to = bounds.to.map_or(Bson::MaxKey, |id| binary(id).into());
    range.insert("$lt", to);
    // Raw, because a `Document` that is deserialized takes an object like `{"$oid": …}` for what it stands for in
    // extended JSON.
    let all = documents.collection::<RawDocumentBuf>(COLLECTION);
    let found = all
        .find(doc! { "_id": range })
        .sort(doc! { "_id": 1 })
        .batch_size(BATCH)
        .await;
    let mut found = found.unwrap_or_else(unread);
    while let Some(raw) = found.try_next().await.unwrap_or_else(unread) {
        let document = Document::try_from(raw.as_ref());
        let document = document.unwrap_or_else(|error| panic!("a broken document: {error}"));
        let id = document.get_binary_generic("_id").ok();
        checker.found(id.map(Vec::as_slice), &json_of(&document, &DATES));
    }
    checker.end()
}

fn check_sqlite(path: std::path::PathBuf, bounds: &Bounds, mut checker: Checker) -> Tally {
    let store = open(path).unwrap_or_else(|| panic!("there is no embedded store"));
    // A blob of zeros of no length is before, one of 25 times 0xFF behind every `_id`.
    let from = bounds.from.clone().unwrap_or_default();
    let to = bounds.to.clone().unwrap_or_else(|| vec![0xff; 25]);
    let select = format!("SELECT id, doc FROM {COLLECTION} WHERE id >= ?1 AND id < ?2 ORDER BY id");
    let mut select = store.prepare(&select).unwrap_or_else(unread);
    let mut rows = select.query([from, to]).unwrap_or_else(unread);
    while let Some(row) = rows.next().unwrap_or_else(unread) {
        let id: Vec<u8> = row.get(0).unwrap_or_else(unread);
        let text = row.get_ref(1).unwrap_or_else(unread);
        let text = text.as_str().unwrap_or_default();
        let document: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        checker.found(Some(&id), &document);
    }
    checker.end()
}

/// Compares the job's counters, loaded and already loaded as one, and its receipt.
pub(super) async fn books(api: &Api, job: &str, totals: &Totals) -> Books {
    let seen = api.job(job).await;
    let count = |name: &str| seen["stats"][name].as_u64().unwrap_or(u64::MAX);
    let already = count("alreadyLoaded");
    let sums = Totals {
        read: count("read"),
        loaded: count("loaded").wrapping_add(already),
        rejected: count("rejected"),
        dropped: count("dropped"),
        ..Totals::default()
    };
    let mut violations = Vec::new();
    let compared = [
        ("read", sums.read, totals.read),
        ("loaded", sums.loaded, totals.loaded),
        ("rejected", sums.rejected, totals.rejected),
        ("dropped", sums.dropped, totals.dropped),
    ];
    for (name, found, expected) in compared {
        if found != expected {
            violations.push(format!(
                "the books say {name} {found} instead of {expected}"
            ));
        }
    }
    let receipt = api.get(&format!("/jobs/{job}/receipt")).await;
    let documents = match receipt.status {
        200 => receipt.json()["documents"].as_u64(),
        _ => None,
    };
    if documents != Some(totals.loaded) {
        let text = receipt.text();
        violations.push(format!("no receipt of {} documents: {text}", totals.loaded));
    }
    Books {
        sums,
        already,
        violations,
    }
}

/// Compares the rejects, page by page. Each is true, none comes twice, and they are as many as there must be: so they are
/// the very ones.
pub(super) async fn rejects(api: &Api, job: &str, seed: u64, expected: u64) -> Rejects {
    let (mut wrong, mut violations) = (0, Vec::new());
    let (mut cursor, mut last, mut count) = (Some("0".to_owned()), 0, 0);
    while let Some(from) = cursor {
        let path = format!("/jobs/{job}/errors?limit={PAGE}&cursor={from}");
        let page = api.get(&path).await.is(200).json();
        for reject in page["items"].as_array().into_iter().flatten() {
            let record = reject["record"].as_u64().unwrap_or_default();
            if record <= last || reject["code"].as_str() != expected_code(seed, record) {
                wrong += 1;
                violations.push(format!(
                    "record {last}, then a reject that must not be: {reject}"
                ));
            }
            last = record;
            count += 1;
        }
        cursor = page["next"].as_str().map(str::to_owned);
    }
    if count != expected {
        wrong += expected.abs_diff(count);
        violations.push(format!("{count} rejects instead of {expected}"));
    }
    Rejects { wrong, violations }
}

/// The code of record `record` (from 1), where it must be rejected.
fn expected_code(seed: u64, record: u64) -> Option<&'static str> {
    match order(seed, record.checked_sub(1)?).truth {
        Truth::Rejected(problems) => problems.first().map(|problem| problem.code),
        Truth::Loaded(_) | Truth::Dropped(_) => None,
    }
}
