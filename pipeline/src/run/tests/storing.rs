//! Rejects of several batches are stored together, and before the books know of them.

use super::parts::{Store, job, lines, start, told};
use super::*;
use async_trait::async_trait;

/// Looks at what the ledger is told, and takes its time.
struct Watched {
    store: Arc<Store>,
    store_ms: u64,
    /// The ordinals of each call.
    calls: Mutex<Vec<Vec<u64>>>,
}

#[async_trait]
impl Ledger for Watched {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        tokio::time::sleep(Duration::from_millis(self.store_ms)).await;
        let ordinals = rejects.iter().map(|reject| reject.at.ordinal).collect();
        lock(&self.calls).push(ordinals);
        self.store.store_rejects(rejects).await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal> {
        let stored = lock(&self.store.rejects).len() as u64;
        assert!(checkpoint.books.counters.rejected <= stored, "{stored}");
        self.store.save(checkpoint).await
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        self.store.stored_rejects().await
    }
}

#[tokio::test(start_paused = true)]
async fn rejects_of_several_batches_are_stored_together_and_in_order() {
    let special: Vec<_> = (0..2_000)
        .filter(|index| index % 3 == 0)
        .map(|index| (index, if index % 2 == 0 { "bad" } else { "refuse" }))
        .collect();
    for store_ms in [0, 5, 400] {
        let store = Arc::new(Store::default());
        let ledger = Arc::new(Watched {
            store: store.clone(),
            store_ms,
            calls: Mutex::default(),
        });
        let report = run(Job {
            ledger: ledger.clone(),
            ..job(&lines(2_000, &special), &store, start())
        })
        .await;
        assert_eq!(told(&report), "1333 0 667 0 of 2000 completed");
        let calls = lock(&ledger.calls);
        let writes = store.writes.load(Ordering::SeqCst);
        assert!(calls.len() * 5 < writes, "{} of {writes}", calls.len());
        let stored: Vec<u64> = calls.iter().flatten().copied().collect();
        let expected: Vec<u64> = special.iter().map(|&(index, _)| index as u64).collect();
        assert_eq!(stored, expected, "{store_ms} ms");
    }
}

/// Nothing waits for rejects that there are not.
#[tokio::test(start_paused = true)]
async fn batches_without_rejects_are_not_held_up() {
    let store = Arc::new(Store::default());
    let ledger = Arc::new(Watched {
        store: store.clone(),
        store_ms: 0,
        calls: Mutex::default(),
    });
    let from = Instant::now();
    let report = run(Job {
        ledger: ledger.clone(),
        ..job(&lines(70, &[]), &store, start())
    })
    .await;
    assert_eq!(told(&report), "70 0 0 0 of 70 completed");
    assert!(lock(&ledger.calls).is_empty());
    assert!(from.elapsed() < Duration::from_millis(50));
}
