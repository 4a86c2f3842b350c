//! A network to MongoDB and S3 that loses what is sent, each way: every record is written once, whichever half of an
//! exchange was lost, and nobody is charged for it.

use mongodb::bson::{Document, doc};
use serde_json::Value;
use testbed::eventually;
use testbed::mongod::Mongod;
use testbed::process::Running;
use testbed::proxy::Cutter;
use testbed::service::Service;

use super::backend::{Backend, DEADLINE, SEED};
use crate::faults::INSERT_OF_ORDERS;

/// Records that take a second with the slow spec.
const RECORDS: u64 = 8_000;
/// Exchanges that are lost.
const LOSSES: usize = 3;
/// As much of an object as comes before its connection is lost, in bytes: about a tenth of it.
const PIECE_BYTES: u64 = 80_000;

/// An API that is well, and a worker on a machine of its own behind a proxy to MongoDB and one to S3.
struct Behind {
    backend: Backend,
    service: Service,
    mongod: Cutter,
    s3: Cutter,
    worker: Running,
}

impl Behind {
    async fn new(backend: Backend) -> Self {
        let service = Service::start(&backend.place, &["--workers", "0"]).await;
        let mongod = Cutter::start(backend.mongod.as_ref().unwrap().port(0)).await;
        let s3 = Cutter::start(backend.s3.as_ref().unwrap().port()).await;
        let worker = backend.machine_behind("worker", &mongod, &s3);
        let worker = worker.start(["worker"]);
        Self {
            backend,
            service,
            mongod,
            s3,
            worker,
        }
    }

    async fn standalone() -> Self {
        Self::new(Backend::mongodb().await).await
    }

    async fn begin(&self) -> String {
        let api = &self.service.api;
        self.backend.begin(api, "orders-slow", SEED, RECORDS).await
    }

    /// Asserts that the job ends as if nothing had happened, and returns how many of its records were there already when
    /// they were written.
    async fn ends_well(&self, job: &str) -> u64 {
        let api = &self.service.api;
        self.backend
            .ends_as_if_nothing_had_happened(api, job, SEED, RECORDS)
            .await;
        already_loaded(&api.job(job).await)
    }

    async fn stops(self) {
        let ended = self.worker.stop().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }

    fn mongod(&self) -> &Mongod {
        self.backend.mongod.as_ref().unwrap()
    }
}

fn already_loaded(job: &Value) -> u64 {
    job["stats"]["alreadyLoaded"].as_u64().unwrap()
}

async fn inserts_are_cut_before_they_are_applied(backend: Backend) {
    let behind = Behind::new(backend).await;
    behind.mongod.cut_before(INSERT_OF_ORDERS, LOSSES);
    let job = behind.begin().await;
    let already = behind.ends_well(&job).await;
    assert_eq!(behind.mongod.cuts(), LOSSES);
    assert_eq!(already, 0, "nothing of them was there");
    behind.stops().await;
}

#[tokio::test]
async fn inserts_that_are_cut_before_they_are_applied_are_written_again_on_a_standalone() {
    inserts_are_cut_before_they_are_applied(Backend::mongodb().await).await;
}

#[tokio::test]
async fn inserts_that_are_cut_before_they_are_applied_are_written_again_on_a_replica_set() {
    inserts_are_cut_before_they_are_applied(Backend::replica_set(1).await).await;
}

async fn inserts_are_cut_after_they_were_applied(backend: Backend) {
    let behind = Behind::new(backend).await;
    behind.mongod.lose_reply_to(INSERT_OF_ORDERS, LOSSES);
    let job = behind.begin().await;
    let already = behind.ends_well(&job).await;
    assert_eq!(behind.mongod.cuts(), LOSSES);
    assert!(already > 0, "what was applied is found again");
    behind.stops().await;
}

#[tokio::test]
async fn inserts_that_are_cut_after_they_were_applied_are_found_on_a_standalone() {
    inserts_are_cut_after_they_were_applied(Backend::mongodb().await).await;
}

#[tokio::test]
async fn inserts_that_are_cut_after_they_were_applied_are_found_on_a_replica_set() {
    inserts_are_cut_after_they_were_applied(Backend::replica_set(1).await).await;
}

/// It is applied, and the server says that no majority has it: once for what is loaded, once for what is remembered.
#[tokio::test]
async fn what_no_majority_acknowledged_is_written_again() {
    let behind = Behind::standalone().await;
    let api = &behind.service.api;
    let refuse = async |namespace: &str, commands: &[&str]| {
        let data = doc! {
            "failCommands": commands,
            "namespace": namespace,
            "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" },
        };
        let mode = doc! { "times": LOSSES as i32 };
        behind.mongod().fail_point(mode, data).await;
    };
    refuse("shop.orders", &["insert"]).await;
    let job = behind.begin().await;
    let found = |job: &Value| already_loaded(job) > 0;
    api.job_when(&job, "written again", DEADLINE, found).await;
    let struck = async |times| behind.mongod().fail_point_struck(times, DEADLINE).await;
    struck(LOSSES as u64).await;
    refuse("shop_state.jobs", &["update", "findAndModify"]).await;
    behind.ends_well(&job).await;
    struck(2 * LOSSES as u64).await;
    behind.stops().await;
}

/// The network drops the answer to one statement, and the connection stands: another one is asked.
#[tokio::test]
async fn a_claim_and_a_renewal_that_are_never_answered_are_asked_again() {
    let behind = Behind::standalone().await;
    let api = &behind.service.api;
    // The one is a word of the claim, the other of the renewal.
    behind.mongod.drop_reply_to(b"furthestAtClaim", 1);
    let job = behind.begin().await;
    let begun = |job: &Value| job["state"] == "in_progress";
    api.job_when(&job, "claimed", DEADLINE, begun).await;
    behind.mongod.drop_reply_to(b"recordsPerSecond", 1);
    eventually("a renewal is dropped", DEADLINE, async || {
        behind.mongod.cuts() == 2
    })
    .await;
    behind.ends_well(&job).await;
    let client = behind.mongod().client().await;
    let jobs = client.database("shop_state").collection::<Document>("jobs");
    assert_eq!(jobs.count_documents(doc! {}).await.unwrap(), 1);
    behind.stops().await;
}

#[tokio::test]
async fn an_object_whose_connections_are_cut_again_and_again_is_loaded() {
    let behind = Behind::standalone().await;
    behind.s3.cut_after(PIECE_BYTES, usize::MAX);
    let job = behind.begin().await;
    behind.ends_well(&job).await;
    assert!(behind.s3.cuts() > LOSSES, "{}", behind.s3.cuts());
    behind.stops().await;
}

/// The worker gives up an exchange after 30 s without a byte: an object whose bytes stop coming, and an insert that was
/// applied.
#[tokio::test]
async fn a_read_and_a_write_that_stall_for_good_are_given_up_and_done_again() {
    let behind = Behind::standalone().await;
    behind.s3.stall_after(PIECE_BYTES * 8, 1);
    behind.mongod.drop_reply_to(INSERT_OF_ORDERS, 1);
    let job = behind.begin().await;
    let already = behind.ends_well(&job).await;
    assert_eq!((behind.s3.cuts(), behind.mongod.cuts()), (1, 1));
    assert!(already > 0, "the insert was applied");
    behind.stops().await;
}
