//! A target that others keep busy for a while.

use super::parts::{Store, job, lines, start, told};
use super::*;
use crate::{Rate, Written};
use async_trait::async_trait;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Takes 10 ms a write, and ten times as long from the 200th to the 400th.
struct Busy {
    store: Arc<Store>,
    begun: AtomicUsize,
    writing: AtomicUsize,
    /// How many writes were under way as each began.
    seen: Mutex<Vec<usize>>,
}

#[async_trait]
impl Sink for Busy {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let writing = self.writing.fetch_add(1, Ordering::SeqCst) + 1;
        lock(&self.seen).push(writing);
        let begun = self.begun.fetch_add(1, Ordering::SeqCst);
        let ms = if (200..400).contains(&begun) { 100 } else { 10 };
        tokio::time::sleep(Duration::from_millis(ms)).await;
        let written = self.store.write(batch).await;
        self.writing.fetch_sub(1, Ordering::SeqCst);
        written
    }
}

/// How many writes were under way on average, in each hundred of them.
async fn under_way(adaptive: bool) -> Vec<f64> {
    let store = Arc::new(Store::default());
    let sink = Arc::new(Busy {
        store: store.clone(),
        begun: AtomicUsize::new(0),
        writing: AtomicUsize::new(0),
        seen: Mutex::default(),
    });
    let report = run(Job {
        sink: sink.clone(),
        rate: Rate {
            adaptive,
            ..Rate::default()
        },
        ..job(&lines(8_000, &[]), &store, start())
    })
    .await;
    assert_eq!(told(&report), "8000 0 0 0 of 8000 completed");
    assert_eq!(lock(&store.records).len(), 8_000);
    let seen = lock(&sink.seen);
    assert!(seen.iter().all(|writing| (1..=4).contains(writing)));
    let mean = |hundred: &[usize]| hundred.iter().sum::<usize>() as f64 / hundred.len() as f64;
    seen.chunks_exact(100).map(mean).collect()
}

#[tokio::test(start_paused = true)]
async fn fewer_batches_are_written_at_once_while_the_target_is_slow() {
    let adaptive = under_way(true).await;
    assert!(adaptive[1] > 3.5 && adaptive[3] < 1.5, "{adaptive:?}");
    assert!(adaptive[adaptive.len() - 1] > 3.5, "{adaptive:?}");
    let fixed = under_way(false).await;
    assert!(fixed.iter().all(|&mean| mean > 3.5), "{fixed:?}");
}
