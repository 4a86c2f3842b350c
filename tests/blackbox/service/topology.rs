//! The set-up of `deploy/compose.yaml` as plain processes, by the code that `deploy/topology` runs 5 million records with.

use std::sync::Arc;

use testbed::crash::{Fault, Place, Round, Servers, Width, play};

use crate::job::BINARY;

const RECORDS: u64 = 20_000;
const SEED: u64 = 83;
const LIMIT_BYTES: u64 = 512_000_000;

/// `serve` without workers, two workers and what takes the killed one's place.
const PROCESSES: usize = 4;

#[tokio::test]
async fn api_and_workers_on_a_replica_set_and_s3_keep_below_512_mb_and_every_count() {
    let servers = Arc::new(Servers::start(Place::ReplicaSet).await);
    let round = Round {
        binary: BINARY.into(),
        fault: Fault::Kill,
        times: 1,
        seed: SEED,
        records: RECORDS,
        pause: true,
        width: Width::Wide,
        limit_bytes: Some(LIMIT_BYTES),
    };
    let outcome = play(servers, round).await;
    println!("{}", outcome.line());
    assert!(
        outcome.is_good(),
        "{}: {:#?}",
        outcome.line(),
        outcome.violations
    );
    assert_eq!(outcome.disturbances, 1);
    let (books, totals) = (&outcome.books, &outcome.totals);
    assert_eq!(
        (books.read, books.loaded, books.rejected, books.dropped),
        (RECORDS, totals.loaded, totals.rejected, totals.dropped)
    );
    assert_eq!(outcome.counted, totals.loaded);
    assert_eq!(outcome.ran.len(), PROCESSES);
    for process in &outcome.ran {
        assert!(process.held_to.is_some(), "{process:?}");
        let peak = process.peak_rss_bytes;
        assert!(peak > 0 && peak < LIMIT_BYTES, "{process:?}");
    }
}
