//! Every fault of the crash harness once in every place, on few records, by the code that `tests/crash` plays a million
//! with: nothing is missing, double, wrong, or done again beyond what stood behind a checkpoint.
//!
//! `SLUICEGATE_FULL=1` disturbs each round as often as `tests/crash` does.

use std::sync::Arc;

use futures::future::join_all;
use testbed::crash::{Fault, LOST_WITHOUT_US, Place, Report, Round, Servers, Width, play};

use crate::job::BINARY;

/// Records that take two seconds with a pause behind each batch.
const RECORDS: u64 = 16_000;
/// More than a run reads ahead of its target, without a pause.
const RECORDS_OF_S3: u64 = 60_000;
const SEED: u64 = 41;

fn round(fault: Fault) -> Round {
    let full = std::env::var_os("SLUICEGATE_FULL").is_some();
    Round {
        binary: BINARY.into(),
        fault,
        times: if full { fault.times() } else { 1 },
        seed: SEED + fault as u64,
        records: if fault == Fault::S3 {
            RECORDS_OF_S3
        } else {
            RECORDS
        },
        pause: fault != Fault::S3,
        width: Width::AsItIs,
        limit_bytes: None,
    }
}

async fn every_fault_leaves_every_record_once(place: Place) {
    let servers = Arc::new(Servers::start(place).await);
    let of_place = Fault::ALL.into_iter().filter(|fault| fault.is_of(place));
    // A fault of the servers has them for itself; the others go side by side. A mixed one draws one of these.
    let (alone, together): (Vec<Fault>, Vec<Fault>) = of_place
        .filter(|fault| *fault != Fault::Mixed)
        .partition(|fault| fault.is_of_servers());
    let side_by_side = together
        .iter()
        .map(|fault| play(servers.clone(), round(*fault)));
    let mut outcomes = join_all(side_by_side).await;
    for fault in alone {
        outcomes.push(play(servers.clone(), round(fault)).await);
    }
    let mut report = Report::default();
    for outcome in &outcomes {
        println!("{}", outcome.line());
        report.add(outcome, "tests/crash with this seed");
        assert_eq!(outcome.disturbances, outcome.recoveries.len() as u64);
        if matches!(outcome.fault, Fault::Kill | Fault::AllAtOnce) {
            let counted = outcome.bound;
            let is_counted = counted.is_ok() || counted == Err(LOST_WITHOUT_US);
            assert!(is_counted, "what may be done again: {counted:?}");
            assert_eq!(outcome.disturbances, outcome.unclaimed.len() as u64);
        }
    }
    assert!(report.is_good(), "{}", report.text());
}

#[tokio::test]
async fn every_fault_leaves_every_record_once_on_a_standalone_of_mongodb() {
    every_fault_leaves_every_record_once(Place::Standalone).await;
}

#[tokio::test]
async fn every_fault_leaves_every_record_once_on_a_replica_set_of_mongodb() {
    every_fault_leaves_every_record_once(Place::ReplicaSet).await;
}

#[tokio::test]
async fn every_fault_leaves_every_record_once_on_the_embedded_store() {
    every_fault_leaves_every_record_once(Place::Embedded).await;
}

#[tokio::test]
async fn every_fault_leaves_every_record_once_on_the_embedded_store_with_s3() {
    every_fault_leaves_every_record_once(Place::EmbeddedS3).await;
}
