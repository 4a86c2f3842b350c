//! A MongoDB that is away for longer than a lease.

use super::super::allowance::Allowance;
use super::super::control::{Control, Gauge};
use super::super::outages::Outages;
use super::place::{Faults, LEASE_MS, Place, Process, lines, outcome, slow_spec, wait_for};
use crate::files::mongo::MongoFiles;
use crate::keys::mongo::MongoKeys;
use crate::queue::mongo::MongoQueue;
use crate::queue::{Claimant, State};
use crate::rejects::mongo::MongoRejects;
use crate::specs::mongo::MongoSpecs;
use crate::stores::Stores;
use crate::targets::Targets;
use crate::tickets::mongo::MongoTickets;
use stages::sink::mongodb::MongoTarget;
use std::sync::Arc;
use std::time::Duration;
use testbed::mongod::Mongod;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a statement is tried, in milliseconds.
const MAX_RETRY_MS: u64 = 1_000;
/// Records that take some seconds.
const MANY: u64 = 3_000;

async fn place(server: &Mongod) -> Place {
    let mongodb = MongoTarget::connect(&server.uri_for("docs")).await.unwrap();
    let state = || mongodb.state(MAX_RETRY_MS);
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::over(&folder).await;
    let stores = Stores {
        queue: Arc::new(MongoQueue::open(state()).await.unwrap()),
        files: Arc::new(MongoFiles::open(state()).await.unwrap()),
        rejects: Arc::new(MongoRejects::open(state()).await.unwrap()),
        specs: Arc::new(MongoSpecs::open(state()).await.unwrap()),
        keys: Arc::new(MongoKeys::open(state()).await.unwrap()),
        tickets: Arc::new(MongoTickets::open(state()).await.unwrap()),
        objects: faults.clone(),
    };
    let targets = Targets::new(Some(mongodb), folder.path().to_owned());
    Place::of(stores, targets, faults, folder)
}

#[tokio::test]
async fn mongo_that_is_away_for_longer_than_a_lease_charges_nobody() {
    let mut server = Mongod::standalone().await;
    let place = place(&server).await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(MANY))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 100).await;
    server.freeze();
    wait_for("the loss", async || {
        place.service.metrics.lost_leases.get() > 0
    })
    .await;
    server.thaw();
    let job = place.ended(&job, State::Completed).await;
    assert_eq!((outcome(&job), job.attempts), (format!("{MANY} 0 0"), 0));
    assert_eq!(job.receipt.unwrap().documents, MANY);
    process.shutdown().await;
}

/// Whoever is gone can neither renew nor give back: what the job had got further by then is what counts.
async fn ends_while_mongo_is_away(kill: bool) {
    let mut server = Mongod::standalone().await;
    let place = place(&server).await;
    let job = place
        .submit(&slow_spec("c", ""), "a.jsonl", lines(MANY))
        .await;
    let process = Process::start(&place, "host:1");
    place.past(&job, 100).await;
    server.freeze();
    let frozen = Instant::now();
    match kill {
        true => process.kill(),
        false => process.shutdown().await,
    }
    wait_for("the end of the lease", async || {
        frozen.elapsed() > 2 * Duration::from_millis(LEASE_MS)
    })
    .await;
    server.thaw();
    let process = Process::start(&place, "host:2");
    let job = place.ended(&job, State::Completed).await;
    assert_eq!((outcome(&job), job.attempts), (format!("{MANY} 0 0"), 0));
    assert_eq!(job.receipt.unwrap().documents, MANY);
    process.shutdown().await;
}

#[tokio::test]
async fn mongo_that_is_away_when_a_worker_is_killed_charges_nobody() {
    ends_while_mongo_is_away(true).await;
}

#[tokio::test]
async fn mongo_that_is_away_when_a_worker_is_stopped_charges_nobody() {
    ends_while_mongo_is_away(false).await;
}

/// As a connection does whose other end is gone without a word.
#[tokio::test]
async fn mongo_that_never_answers_one_renewal_costs_no_lease() {
    let lease_ms = 9_000;
    let server = Mongod::standalone().await;
    let place = place(&server).await;
    place.submit(&slow_spec("c", ""), "a.jsonl", lines(1)).await;
    let queue = place.service.stores.queue.clone();
    let claimant = Claimant {
        worker: "host:1".into(),
        owner: place.id().to_string(),
        lease_ms,
        max_attempts: 3,
        take_expired: true,
    };
    let claimed = Instant::now();
    let job = queue.claim(&claimant).await.unwrap().unwrap();
    let allowance = Allowance::new(claimed, lease_ms);
    let (_progress, told) = watch::channel(pipeline::Progress::default());
    let control = Control {
        queue,
        claim: job.claim().unwrap(),
        lease_ms,
        claimed,
        allowance: allowance.clone(),
        outages: Arc::new(Outages::new(lease_ms)),
        load: Arc::default(),
        gauge: Gauge::new(&job, claimed, told, place.service.metrics.clone()),
    };
    server.hang_once("update", 60_000).await;
    let before = allowance.until();
    tokio::select! {
        biased;
        lost = control.keep() => panic!("{lost:?}"),
        () = wait_for("a renewal", async || allowance.until() > before) => {}
    }
}
