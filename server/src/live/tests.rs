//! Watching, on a queue in memory and a clock that the tests turn: what a client is told, how often, and what it costs.

mod clients;
mod shared;

use super::*;
use crate::id::{Entropy, SystemEntropy};
use crate::job::SpecPin;
use crate::queue::{Claim, Claimant, Held, LoadPin, NewJob, Progress, Receipt, Renewal, SpecText};
use crate::simulation::stores::{Clock, MemoryQueue};
use message::Text;
use pipeline::{Books, Cause, Checkpoint, Position, Problem, Reject, Tally};
use serde_json::Value;
use stages::identity::LoadIdentity;
use tokio::time::sleep;

const NONE: Tenant = Tenant::NONE;

/// A queue, and who watches its jobs.
struct Place {
    queue: Arc<MemoryQueue>,
    metrics: Arc<Metrics>,
    live: Live,
}

fn id() -> Id {
    let entropy: &dyn Entropy = &SystemEntropy;
    entropy.id()
}

impl Place {
    fn new() -> Self {
        let queue = Arc::new(MemoryQueue::new(Clock::new()));
        let metrics = Arc::new(Metrics::default());
        let live = Live::new(queue.clone(), metrics.clone());
        Self {
            queue,
            metrics,
            live,
        }
    }

    async fn submit(&self, tenant: &Tenant) -> Id {
        let new = NewJob {
            id: id(),
            tenant: tenant.clone(),
            file: id(),
            spec: SpecText {
                pin: SpecPin {
                    name: "orders".into(),
                    version: 1,
                    sha256: "ab".repeat(32),
                },
                text: "a spec".into(),
                is_operators: false,
            },
            load: LoadPin {
                content: "sha256:aa".into(),
                base: LoadIdentity([1; 12]),
                identity: LoadIdentity([2; 12]),
                generation: 0,
                load_number: 0,
                collection: "orders".into(),
            },
            priority: 0,
            bytes_total: Some(1_000),
            parent: None,
            callback: None,
        };
        self.queue.submit(&new).await.unwrap().id
    }

    async fn claim(&self) -> Claim {
        let claimant = Claimant {
            worker: "host-1".into(),
            owner: id().to_string(),
            lease_ms: 3_600_000,
            max_attempts: 3,
            take_expired: false,
        };
        let job = self.queue.claim(&claimant).await.unwrap().unwrap();
        job.claim().unwrap()
    }

    /// As a worker renews, when it has read so many records.
    async fn renew(&self, claim: &Claim, records: u64) {
        let renewal = Renewal {
            progress: progress(records),
            lease_ms: 3_600_000,
        };
        assert!(self.queue.renew(claim, &renewal).await.unwrap());
    }

    async fn watch(&self, id: Id) -> Watcher {
        let watcher = self.live.watch(&NONE, id, Way::WebSocket).await;
        watcher.unwrap().unwrap()
    }

    async fn complete(&self, claim: &Claim) {
        let receipt = Receipt::default();
        let done = self.queue.finish(claim, &progress(100), &receipt).await;
        assert!(done.unwrap());
    }

    fn metric(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|other| other == line)
    }
}

fn progress(records: u64) -> Progress {
    Progress {
        furthest: records,
        bytes_read: records * 10,
        bytes_total: Some(1_000),
        records_per_second: 5,
        busy: None,
    }
}

fn checkpoint(read: u64, codes: &[&'static str]) -> Checkpoint {
    let mut books = Books::open(Position::START, 1);
    books.end.ordinal = read;
    books.counters.read = read;
    books.counters.loaded = read;
    for code in codes {
        let problem = Problem::of_field(*code, "n", "is not good");
        books
            .summary
            .count(&Reject::new(Position::START, vec![problem], b"x\ny"));
    }
    Checkpoint {
        books,
        counted_from: Tally::default(),
        mark: None,
        head: String::new(),
        bytes_read: 0,
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    }
}

fn json(text: &Text) -> Value {
    let json: Value = serde_json::from_slice(&text.json).unwrap();
    assert_eq!(json["type"], text.event);
    assert!(!text.json.contains(&b'\n'));
    json
}

/// The next message, which must be of this type.
async fn next(watcher: &mut Watcher, event: &str) -> Value {
    let text = watcher.next().await.expect("a message");
    let json = json(&text);
    assert_eq!(text.event, event, "{json}");
    json
}

#[tokio::test(start_paused = true)]
async fn a_job_is_told_from_queued_to_its_end() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let mut watcher = place.watch(job).await;
    let first = next(&mut watcher, "progress").await;
    assert_eq!(
        (&first["state"], &first["jobId"]),
        (&"queued".into(), &job.to_string().into())
    );
    assert_eq!(first["secondsLeft"], Value::Null);
    let claim = place.claim().await;
    let saved = checkpoint(20, &["type", "pattern"]);
    assert!(place.queue.save(&claim, 0, &saved).await.unwrap());
    place.renew(&claim, 20).await;
    let running = next(&mut watcher, "progress").await;
    assert_eq!(
        (&running["state"], &running["stats"]["read"]),
        (&"in_progress".into(), &20.into())
    );
    // 80 records are left, of which 5 are read a second.
    assert_eq!(running["secondsLeft"], 16);
    for code in ["type", "pattern"] {
        let error = next(&mut watcher, "error").await;
        assert_eq!((&error["code"], &error["count"]), (&code.into(), &1.into()));
        assert_eq!(error["sample"]["raw"], "x\ny");
    }
    let saved = checkpoint(30, &["type", "type", "pattern", "number"]);
    assert!(place.queue.save(&claim, 20, &saved).await.unwrap());
    let running = next(&mut watcher, "progress").await;
    assert_eq!(running["stats"]["read"], 30);
    assert_eq!(next(&mut watcher, "error").await["code"], "number");
    place.complete(&claim).await;
    let end = next(&mut watcher, "completed").await;
    assert_eq!(
        (&end["progress"], &end["job"]["state"]),
        (&1.0.into(), &"completed".into())
    );
    assert_eq!(end["job"]["errors"][0]["count"], 2);
    assert_eq!(watcher.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn progress_comes_every_two_seconds_however_often_it_changes() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let worker = async {
        for records in 0.. {
            place.renew(&claim, records).await;
            sleep(Duration::from_millis(130)).await;
        }
    };
    let watching = async {
        // One that was there from the start, and one that comes in the middle of a period.
        for wait_ms in [0, 900] {
            sleep(Duration::from_millis(wait_ms)).await;
            let mut watcher = place.watch(job).await;
            let mut other = place.watch(job).await;
            next(&mut watcher, "progress").await;
            next(&mut other, "progress").await;
            let mut told = Instant::now();
            for _ in 0..30 {
                next(&mut watcher, "progress").await;
                let gap = told.elapsed();
                told = Instant::now();
                let (least, most) = (Duration::from_millis(1_500), Duration::from_millis(2_500));
                assert!((least..=most).contains(&gap), "{gap:?}");
            }
        }
    };
    tokio::select! {
        () = worker => {}
        () = watching => {}
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_change_is_not_told_again_and_rest_at_once() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let mut watcher = place.watch(job).await;
    next(&mut watcher, "progress").await;
    let quiet = tokio::time::timeout(Duration::from_secs(60), watcher.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let claim = place.claim().await;
    next(&mut watcher, "progress").await;
    let held = Held {
        cause: Cause::Errors,
        message: "too many rejects".to_owned(),
    };
    let began = Instant::now();
    assert!(place.queue.hold(&claim, &progress(7), &held).await.unwrap());
    let told = next(&mut watcher, "held").await;
    assert!(
        began.elapsed() <= Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(told["failure"]["message"], "too many rejects");
    // Who comes now is told how it is, and why it is held.
    let mut late = place.watch(job).await;
    assert_eq!(next(&mut late, "progress").await["state"], "held");
    next(&mut late, "held").await;
    place.queue.cancel(&NONE, job).await.unwrap();
    for watcher in [&mut watcher, &mut late] {
        next(watcher, "cancelled").await;
        assert_eq!(watcher.next().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_others_are_told_while_a_client_comes_is_told_to_it_too() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let mut there = place.watch(job).await;
    next(&mut there, "progress").await;
    // The client that comes has read the job, and the hold is told before it takes its place there.
    let seat = Seat::take(&place.live.0, &NONE, Way::Events).unwrap();
    let known = [Known::nothing(job)];
    let read = place.queue.news(&NONE, &known).await.unwrap().remove(0);
    sleep(Duration::from_millis(1)).await;
    let held = Held {
        cause: Cause::Errors,
        message: "too many rejects".to_owned(),
    };
    assert!(place.queue.hold(&claim, &progress(7), &held).await.unwrap());
    next(&mut there, "held").await;
    let mut late = seat.at(read).unwrap();
    assert_eq!(next(&mut late, "progress").await["state"], "in_progress");
    let told = tokio::time::timeout(Duration::from_secs(60), next(&mut late, "held")).await;
    assert_eq!(told.unwrap()["failure"]["message"], "too many rejects");
}

#[tokio::test(start_paused = true)]
async fn of_many_kinds_the_largest_are_told_in_short_and_the_job_at_rest_has_all() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let (all, told) = (pipeline::MAX_KINDS, message::MAX_KINDS_TOLD);
    let mut saved = checkpoint(20, &[]);
    // Those that come last have two rejects each.
    for field in (0..all).chain(all - told..all) {
        let problem = Problem::of_field("type", format!("f{field}"), "is not good");
        let reject = Reject::new(
            Position::START,
            vec![problem],
            &[1; pipeline::MAX_RAW_BYTES],
        );
        saved.books.summary.count(&reject);
    }
    assert!(place.queue.save(&claim, 0, &saved).await.unwrap());
    let mut watchers = Vec::new();
    for _ in 0..3 {
        watchers.push(place.watch(job).await);
    }
    // What they are told is there once.
    let shares = {
        let watched = place.live.0.lock();
        Arc::strong_count(&watched.tenants[&NONE].jobs[&job].newest.borrow())
    };
    assert_eq!(shares, 1 + watchers.len());
    let mut watcher = watchers.remove(0);
    next(&mut watcher, "progress").await;
    for field in all - told..all {
        let error = next(&mut watcher, "error").await;
        assert_eq!(
            (&error["field"], &error["count"]),
            (&format!("f{field}").into(), &2.into())
        );
        let raw = error["sample"]["raw"].as_str().unwrap();
        assert_eq!(raw.chars().count(), message::MAX_RAW_CHARS);
    }
    let held = Held {
        cause: Cause::Errors,
        message: "too many rejects".to_owned(),
    };
    assert!(place.queue.hold(&claim, &progress(7), &held).await.unwrap());
    let rest = next(&mut watcher, "held").await;
    let errors = rest["job"]["errors"].as_array().unwrap();
    assert_eq!(errors.len(), all);
    let raw = errors[0]["sample"]["raw"].as_str().unwrap();
    assert_eq!(raw.len(), pipeline::MAX_RAW_BYTES);
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_has_one_message_which_is_always_the_same() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let mut before = place.watch(job).await;
    let claim = place.claim().await;
    assert!(
        place
            .queue
            .save(&claim, 0, &checkpoint(3, &["type"]))
            .await
            .unwrap()
    );
    place.complete(&claim).await;
    let mut last = None;
    while let Some(text) = before.next().await {
        last = Some(text);
    }
    let mut behind = place.watch(job).await;
    assert_eq!(behind.end(), last.as_ref().map(|last| last.id.clone()));
    assert_eq!(behind.next().await, last);
    assert_eq!(behind.next().await, None);
    assert!(last.is_some_and(|last| last.event == "completed"));
}

#[tokio::test(start_paused = true)]
async fn the_store_is_asked_as_often_for_many_clients_as_for_one() {
    let place = Place::new();
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(place.submit(&NONE).await);
    }
    let mut watchers = Vec::new();
    for client in 0..100 {
        watchers.push(place.watch(jobs[client % 4]).await);
    }
    let before = place.queue.asked_for_news();
    sleep(Duration::from_secs(10)).await;
    let asked = place.queue.asked_for_news() - before;
    assert!((30..=50).contains(&asked), "{asked}");
    assert!(place.metric("sluicegate_watchers{way=\"websocket\"} 100"));
    drop(watchers);
    sleep(Duration::from_secs(1)).await;
    let before = place.queue.asked_for_news();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(place.queue.asked_for_news(), before, "nobody watches");
    assert!(place.metric("sluicegate_watchers{way=\"websocket\"} 0"));
    // And it begins again.
    let mut watcher = place.watch(jobs[0]).await;
    next(&mut watcher, "progress").await;
    place.queue.cancel(&NONE, jobs[0]).await.unwrap();
    next(&mut watcher, "cancelled").await;
}

#[tokio::test(start_paused = true)]
async fn clients_and_jobs_are_bounded_and_a_place_is_free_again() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let mut watchers = Vec::new();
    for _ in 0..MAX_CLIENTS_OF_TENANT {
        watchers.push(place.watch(job).await);
    }
    let code = async |tenant: &Tenant, id| {
        let refused = place.live.watch(tenant, id, Way::Events).await;
        refused.err().map(|refused| refused.code)
    };
    assert_eq!(code(&NONE, job).await, Some("too_many_watchers"));
    watchers.pop();
    watchers.push(place.watch(job).await);
    for name in ["acme", "bolt", "cora"] {
        let tenant: Tenant = name.parse().unwrap();
        // Nor is there more than the tenants together may have.
        let mut refused = None;
        for _ in 0..MAX_CLIENTS_OF_TENANT {
            let job = match refused {
                None => place.submit(&tenant).await,
                Some(_) => break,
            };
            match place.live.watch(&tenant, job, Way::Events).await {
                Ok(watcher) => watchers.extend(watcher),
                Err(error) => refused = Some(error.code),
            }
        }
        assert!(refused.is_some(), "{name}");
    }
    assert!(watchers.len() <= MAX_CLIENTS);
    assert!(place.live.0.lock().jobs <= MAX_JOBS);
    watchers.clear();
    let left = place.live.0.lock();
    assert_eq!((left.tenants.len(), left.jobs, left.clients), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn another_tenants_job_is_none() {
    let place = Place::new();
    let job = place.submit(&"acme".parse().unwrap()).await;
    for (tenant, found) in [
        (NONE, false),
        ("bolt".parse().unwrap(), false),
        ("acme".parse().unwrap(), true),
    ] {
        let watcher = place.live.watch(&tenant, job, Way::Events).await.unwrap();
        assert_eq!(watcher.is_some(), found, "{tenant}");
    }
    assert!(place.metric("sluicegate_watchers{way=\"events\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_late_hears_the_newest_only() {
    let place = Place::new();
    let job = place.submit(&NONE).await;
    let claim = place.claim().await;
    let mut watcher = place.watch(job).await;
    next(&mut watcher, "progress").await;
    for records in 1..=20 {
        place.renew(&claim, records).await;
        sleep(PERIOD).await;
    }
    assert_eq!(next(&mut watcher, "progress").await["bytesRead"], 200);
    place.complete(&claim).await;
    next(&mut watcher, "completed").await;
}
