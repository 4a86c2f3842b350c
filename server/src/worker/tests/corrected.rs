//! Jobs that send rejects again: what one has written or moved is its own to finish, and what it says of what is bad still.

use super::place::{Place, Process, lines, slow_spec};
use crate::id::Id;
use crate::jobs;
use crate::queue::{Job, NewJob, State};
use crate::rejects::{Filter, Rejects, Run};
use crate::service::Service;
use crate::specs::catalog::Catalog;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Fatal, Reject};
use stages::plan::Defaults;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A store of rejects that fails when it is told to, and counts what it is asked.
struct Watched {
    rejects: Arc<dyn Rejects>,
    /// Whether it refuses to remove what was loaded after all.
    keeps: AtomicBool,
    /// Reading the rejects of the second job fails once those of the first were read.
    breaks: Mutex<Option<(Id, Id)>>,
    is_broken: AtomicBool,
    asked: AtomicU64,
}

impl Watched {
    /// Puts itself before the store of a place.
    fn before(place: &mut Place) -> Arc<Self> {
        let watched = Arc::new(Self {
            rejects: place.service.stores.rejects.clone(),
            keeps: AtomicBool::default(),
            breaks: Mutex::default(),
            is_broken: AtomicBool::default(),
            asked: AtomicU64::default(),
        });
        place.service.stores.rejects = watched.clone();
        watched
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Rejects for Watched {
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        self.rejects.store(run, fence, rejects).await
    }

    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        self.ask();
        self.rejects.replace(run, fence, rejects).await
    }

    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal> {
        self.rejects.remove_from(run, fence, from).await
    }

    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
        if self.keeps.load(Ordering::SeqCst) {
            return Err(Fatal::new("rejects_kept", "a fault that was asked for"));
        }
        self.rejects.remove(run, ordinals).await
    }

    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
        self.rejects.count(run, filter).await
    }

    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal> {
        self.ask();
        if let Some((first, then)) = *self.breaks.lock().unwrap() {
            if run.job == first {
                self.is_broken.store(true, Ordering::SeqCst);
            } else if run.job == then && limit > 1 && self.is_broken.load(Ordering::SeqCst) {
                return Err(Fatal::new("rejects_away", "a fault that was asked for"));
            }
        }
        self.rejects.page(run, filter, from, skip, limit).await
    }

    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal> {
        self.ask();
        self.rejects.of_records(run, ordinals).await
    }

    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal> {
        self.rejects.remove_runs(tenant, job, before, limit).await
    }
}

fn spec() -> String {
    slow_spec("c", "[errors]\nmax_ratio = 1.0")
}

/// A completed job that has refused each of its records.
async fn refused(place: &Place, count: u64) -> Job {
    let lines: String = (0..count)
        .map(|n| format!("{{\"n\": \"no {n}\"}}\n"))
        .collect();
    let job = place.submit(&spec(), "a.jsonl", lines).await;
    place.ended(&job, State::Completed).await
}

/// A job that sends these records of `parent` again, each with its ordinal there.
async fn sent(place: &Place, parent: &Job, records: impl Iterator<Item = (u64, String)>) -> Job {
    let id = parent.id;
    let line =
        |(at, n): (u64, String)| format!("{{\"n\": {n}, \"_reference\": \"{id}:{}\"}}\n", at + 1);
    let text: String = records.map(line).collect();
    let new = NewJob {
        parent: Some(id),
        ..place.new_job(&spec(), "fixed.jsonl", text).await
    };
    place.service.stores.queue.submit(&new).await.unwrap()
}

/// The code with which a job fails.
async fn fails(place: &Place, job: &Job) -> String {
    let job = place.until(job, "its end", |job| job.state.is_terminal());
    let job = job.await;
    assert_eq!(job.state, State::Failed);
    job.failure.unwrap().code
}

async fn retried(place: &Place, job: &Job) -> Job {
    let retried = jobs::retry(&place.service, &job.tenant, job.id, false).await;
    place.ended(&retried.unwrap(), State::Completed).await
}

/// `read`, `loaded` with `alreadyLoaded`, `rejected`.
fn books(job: &Job) -> [u64; 3] {
    let counters = &job.checkpoint.as_ref().unwrap().books.counters;
    let loaded = counters.loaded + counters.already_loaded;
    [counters.read, loaded, counters.rejected]
}

/// The codes and the counts of a job's summary.
fn summed(job: &Job) -> Vec<(String, u64)> {
    let books = &job.checkpoint.as_ref().unwrap().books;
    let kinds = books.summary.kinds().iter();
    kinds.map(|kind| (kind.code.clone(), kind.count)).collect()
}

/// The leading codes of the first rejects of a job.
async fn codes(place: &Place, job: &Job, limit: u32) -> Vec<String> {
    let run = Run {
        tenant: job.tenant.clone(),
        job: job.id,
        run: job.run,
    };
    let rejects = &place.service.stores.rejects;
    let page = rejects.page(&run, &Filter::default(), 0, 0, limit).await;
    let page = page.unwrap();
    let codes = page
        .iter()
        .map(|reject| reject.leading().unwrap().code.to_string());
    codes.collect()
}

/// Gives the specs of a place their salts.
fn salted_with(place: &mut Place, secret: fn(&str) -> Option<String>) {
    let defaults = Defaults {
        secret: Some(secret),
        ..Defaults::default()
    };
    let Service { config, stores, .. } = &place.service;
    let catalog = Catalog::new(config.specs_dir.clone(), stores.specs.clone(), defaults);
    place.service.catalog = Arc::new(catalog);
}

#[tokio::test]
async fn what_an_unfinished_job_has_written_is_its_own_to_finish() {
    let place = Place::embedded().await;
    let process = Process::start(&place, "host:1");
    let count = 1_000;
    let parent = refused(&place, count).await;
    let all = |from: u64| (0..count).map(move |n| (n, (n + from).to_string()));
    let first = sent(&place, &parent, all(0)).await;
    place.past(&first, 10).await;
    let cancelled = jobs::cancel(&place.service, &first.tenant, first.id).await;
    assert_eq!(cancelled.unwrap().state, State::Cancelled);

    let second = sent(&place, &parent, all(10_000)).await;
    assert_eq!(fails(&place, &second).await, "resubmit_unfinished");
    assert_eq!(books(&place.job(&parent).await), [count, 0, count]);

    assert_eq!(books(&retried(&place, &first).await), [count, count, 0]);
    assert_eq!(books(&place.job(&parent).await), [count, count, 0]);
    let second = retried(&place, &second).await;
    assert_eq!(summed(&second), [("reference_settled".to_owned(), count)]);
    let now = place.job(&parent).await;
    assert_eq!(books(&now), [count, count, 0]);
    let documents = place.documents("c");
    assert_eq!(documents.len() as u64, count);
    for (n, document) in documents.iter().enumerate() {
        assert!(document.contains(&format!("\"n\":{n}}}")), "{document}");
    }
    process.shutdown().await;
}

#[tokio::test]
async fn a_job_whose_books_have_moved_is_finished_before_another_one_has_the_turn() {
    let mut place = Place::embedded().await;
    let watched = Watched::before(&mut place);
    let process = Process::start(&place, "host:1");
    let parent = refused(&place, 20).await;
    let first = sent(&place, &parent, (0..10).map(|n| (n, n.to_string()))).await;
    watched.keeps.store(true, Ordering::SeqCst);
    assert_eq!(fails(&place, &first).await, "rejects_kept");
    watched.keeps.store(false, Ordering::SeqCst);
    assert!(place.job(&parent).await.child.unwrap().is_moved);

    // The same records in another order.
    let again = (0..10).rev().map(|n| (n, n.to_string()));
    let second = sent(&place, &parent, again).await;
    assert_eq!(fails(&place, &second).await, "resubmit_unfinished");
    assert_eq!(books(&place.job(&parent).await), [20, 10, 10]);
    let reset = jobs::retry(&place.service, &first.tenant, first.id, true).await;
    assert_eq!(reset.unwrap_err().code, "wrong_state");

    assert_eq!(books(&retried(&place, &first).await), [10, 10, 0]);
    assert_eq!(codes(&place, &parent, 100).await.len(), 10);
    let second = retried(&place, &second).await;
    assert_eq!(books(&second), [10, 0, 10]);
    let now = place.job(&parent).await;
    assert_eq!(books(&now), [20, 10, 10]);
    assert_eq!(now.receipt.unwrap().documents, 10);
    process.shutdown().await;
}

#[tokio::test]
async fn new_reasons_come_with_the_books_and_not_before_them() {
    let mut place = Place::embedded().await;
    let watched = Watched::before(&mut place);
    let process = Process::start(&place, "host:1");
    let parent = refused(&place, 4).await;
    // Two are corrected, one is bad in another way, one is not sent.
    let values = ["7", "8", "null, \"n\": 1"];
    let records = values.iter().enumerate();
    let records = records.map(|(at, value)| (at as u64, (*value).to_owned()));
    let child = sent(&place, &parent, records).await;
    *watched.breaks.lock().unwrap() = Some((child.id, parent.id));
    assert_eq!(fails(&place, &child).await, "rejects_away");
    *watched.breaks.lock().unwrap() = None;
    assert_eq!(codes(&place, &parent, 10).await, ["type"; 4]);
    let now = place.job(&parent).await;
    assert_eq!(summed(&now), [("type".to_owned(), 4)]);

    retried(&place, &child).await;
    let expected = ["duplicate_key", "type"];
    assert_eq!(codes(&place, &parent, 10).await, expected);
    let now = place.job(&parent).await;
    assert_eq!(summed(&now), expected.map(|code| (code.to_owned(), 1)));
    process.shutdown().await;
}

#[tokio::test]
async fn records_that_are_bad_still_are_looked_up_by_pages() {
    let mut place = Place::embedded().await;
    let watched = Watched::before(&mut place);
    let process = Process::start(&place, "host:1");
    let count = 400;
    let parent = refused(&place, count).await;
    let before = watched.asked();
    let still = (0..count).rev().map(|n| (n, "true".to_owned()));
    let child = sent(&place, &parent, still).await;
    let child = place.ended(&child, State::Completed).await;
    assert_eq!(books(&child), [count, 0, count]);
    assert_eq!(books(&place.job(&parent).await), [count, 0, count]);
    let asked = watched.asked() - before;
    assert!(asked <= 40, "the store was asked {asked} times");
    process.shutdown().await;
}

#[tokio::test]
async fn corrected_records_have_the_salt_of_the_first_ones() {
    let mut place = Place::embedded().await;
    salted_with(&mut place, |_| Some("pepper".to_owned()));
    let process = Process::start(&place, "host:1");
    let spec = spec().replace(
        "[fields]\n",
        "[fields]\nt = { hash = { salt = \"env:SALT_T\" } }\n",
    );
    let job = place.submit(&spec, "a.jsonl", "{\"n\": \"no\"}\n").await;
    let parent = place.ended(&job, State::Completed).await;
    assert_eq!(parent.checkpoint.as_ref().unwrap().secrets.len(), 1);
    process.shutdown().await;
    // The next process finds another value in the variable.
    salted_with(&mut place, |_| Some("paprika".to_owned()));
    let process = Process::start(&place, "host:2");
    let text = format!(
        "{{\"n\": 1, \"t\": \"a\", \"_reference\": \"{}:1\"}}\n",
        parent.id
    );
    let new = NewJob {
        parent: Some(parent.id),
        ..place.new_job(&spec, "fixed.jsonl", text).await
    };
    let child = place.service.stores.queue.submit(&new).await.unwrap();
    assert_eq!(fails(&place, &child).await, "salt_changed");
    assert!(place.documents("c").is_empty());
    // A job that is no child minds no other.
    let other = place.submit(&spec, "b.jsonl", lines(1)).await;
    place.ended(&other, State::Completed).await;
    process.shutdown().await;
}
