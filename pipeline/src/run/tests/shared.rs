//! Runs that write in turns get the same share of them, whenever they began.

use super::parts::{Store, job, lines, start};
use super::*;

/// The runs.
const RUNS: usize = 4;
/// How long each runs alone with those before it, in milliseconds.
const APART_MS: u64 = 2_000;

/// Batches that each of [`RUNS`] runs has written while all of them ran, on one [`SharedWrites`].
async fn batches_of_each() -> Vec<usize> {
    let shared = Arc::new(SharedWrites::new(4));
    let cancel = CancellationToken::new();
    let (mut stores, mut running) = (Vec::new(), Vec::new());
    let input = lines(100_000, &[]);
    let written = |stores: &[Arc<Store>]| -> Vec<usize> {
        let writes = stores.iter().map(|store| &store.writes);
        writes.map(|writes| writes.load(Ordering::SeqCst)).collect()
    };
    for _ in 0..RUNS {
        let store = Arc::new(Store {
            write_ms: 10,
            ..Store::default()
        });
        let run = run(Job {
            writes: Some(shared.clone()),
            cancel: cancel.clone(),
            ..job(&input, &store, start())
        });
        running.push(tokio::spawn(run));
        stores.push(store);
        tokio::time::sleep(Duration::from_millis(APART_MS)).await;
    }
    let before = written(&stores);
    tokio::time::sleep(Duration::from_millis(2 * APART_MS)).await;
    let after = written(&stores);
    cancel.cancel();
    for running in running {
        let report = running.await.unwrap();
        assert!(matches!(report.end, End::Interrupted), "{:?}", report.end);
    }
    let each = after.iter().zip(before);
    each.map(|(after, before)| after - before).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_began_earlier_does_not_get_less() {
    let batches = batches_of_each().await;
    let (least, most) = (batches.iter().min(), batches.iter().max());
    let (least, most) = (least.copied().unwrap(), most.copied().unwrap());
    assert!(least > 100 && most * 9 < least * 10, "{batches:?}");
}
