//! What the runner promises, over parts that live in memory.

mod bottleneck;
mod busy;
mod halt;
mod parts;
mod sabotage;
mod shapes;
mod shared;
mod sorted;
mod storing;
mod unique;

use super::*;
use crate::{Holdings, OnBreach, Written};
use async_trait::async_trait;
use parts::{Bytes, Store, job, lines, start, told};
use std::sync::atomic::Ordering;

#[tokio::test(start_paused = true)]
async fn every_record_has_one_outcome() {
    let store = Arc::new(Store::default());
    let input = lines(
        500,
        &[(3, "bad"), (77, "drop"), (300, "refuse"), (499, "bad")],
    );
    let report = run(job(&input, &store, start())).await;
    assert_eq!(told(&report), "496 0 3 1 of 500 completed");
    assert_eq!(
        lock(&store.rejects).keys().copied().collect::<Vec<_>>(),
        [3, 300, 499]
    );
    assert_eq!(store.finished.load(Ordering::SeqCst), 1);
    assert_eq!(lock(&store.saved).as_ref(), Some(&report.checkpoint));
    let kinds: Vec<_> = report
        .checkpoint
        .books
        .summary
        .kinds()
        .iter()
        .map(|k| (&*k.code, k.count))
        .collect();
    assert_eq!(kinds, [("bad", 2), ("refused", 1)]);
}

#[tokio::test(start_paused = true)]
async fn records_that_are_warned_of_are_loaded_and_counted_once_however_often_a_run_begins() {
    let input = lines(
        300,
        &[
            (5, "odd"),
            (6, "bad odd"),
            (100, "drop odd"),
            (200, "refuse odd"),
            (299, "an odd"),
        ],
    );
    for fail_after in [None, Some(1), Some(9), Some(28)] {
        let store = Arc::new(Store {
            fail_after,
            ..Store::default()
        });
        let mut report = run(job(&input, &store, start())).await;
        if fail_after.is_some() {
            let next = Arc::new(Store {
                records: Mutex::new(lock(&store.records).clone()),
                rejects: Mutex::new(lock(&store.rejects).clone()),
                ..Store::default()
            });
            let from = report.checkpoint;
            report = run(job(&input, &next, from)).await;
        }
        assert!(
            told(&report).ends_with("2 1 of 300 completed"),
            "{}",
            told(&report)
        );
        let warned = &report.checkpoint.books.counters.warned;
        assert_eq!(warned, &[("odd".to_owned(), 2)].into(), "{fail_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_by_a_breach_is_not_warned_of() {
    let store = Arc::new(Store::default());
    let input = lines(10, &[(1, "odd"), (2, "bad"), (3, "odd")]);
    let report = run(Job {
        budget: Budget {
            max_records: 0,
            on_breach: OnBreach::Hold,
            ..Budget::default()
        },
        ..job(&input, &store, start())
    })
    .await;
    let c = &report.checkpoint.books.counters;
    assert_eq!(
        (c.read, c.warned.get("odd")),
        (3, Some(&1)),
        "{}",
        told(&report)
    );
}

#[tokio::test(start_paused = true)]
async fn batches_in_flight_are_bounded() {
    let store = Arc::new(Store::default());
    let report = run(job(&lines(1000, &[]), &store, start())).await;
    assert_eq!(told(&report), "1000 0 0 0 of 1000 completed");
    assert_eq!(store.most_writing.load(Ordering::SeqCst), 4);
}

/// The most records, and bytes of input, of the batches that a store was given.
async fn largest_batch(input: &str, batch: BatchLimits) -> (u64, u64) {
    let store = Arc::new(Store::default());
    let report = run(Job {
        batch,
        ..job(input, &store, start())
    })
    .await;
    assert!(matches!(report.end, End::Completed(_)), "{}", told(&report));
    let (records, bytes) = &store.largest_batch;
    (
        records.load(Ordering::SeqCst) as u64,
        bytes.load(Ordering::SeqCst) as u64,
    )
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_where_nothing_is_to_be_written() {
    for what in ["bad", "drop"] {
        let all: Vec<_> = (0..500).map(|index| (index, what)).collect();
        let input = lines(500, &all);
        let limits = BatchLimits {
            max_records: 10,
            max_bytes: 1 << 20,
        };
        assert!(largest_batch(&input, limits).await.0 <= 10, "{what}");
        let limits = BatchLimits {
            max_records: 1000,
            max_bytes: 100,
        };
        assert!(largest_batch(&input, limits).await.1 <= 100, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_or_failed_run_goes_on_without_loss() {
    let input = lines(300, &[(5, "bad"), (100, "drop"), (222, "refuse")]);
    for after in [1, 2, 5, 13, 29] {
        for fails in [false, true] {
            let cancel = CancellationToken::new();
            let store = Arc::new(Store {
                fail_after: fails.then_some(after),
                cancel_after: (!fails).then(|| (after, cancel.clone())),
                ..Store::default()
            });
            let first = run(Job {
                cancel,
                ..job(&input, &store, start())
            })
            .await;
            let expected = if fails {
                "failed target_gone"
            } else {
                "interrupted"
            };
            assert!(told(&first).ends_with(expected), "{}", told(&first));
            let from = lock(&store.saved).clone().unwrap();
            assert_eq!(from, first.checkpoint);
            let end = from.books.end.ordinal;
            let rejects: Vec<_> = lock(&store.rejects)
                .range(..end)
                .map(|(o, r)| (*o, r.clone()))
                .collect();
            let next = Arc::new(Store {
                records: Mutex::new(lock(&store.records).clone()),
                rejects: Mutex::new(rejects.into_iter().collect()),
                ..Store::default()
            });
            let report = run(job(&input, &next, from)).await;
            let c = &report.checkpoint.books.counters;
            assert_eq!(
                (c.loaded + c.already_loaded, c.rejected, c.dropped_total()),
                (297, 2, 1)
            );
            assert!(matches!(report.end, End::Completed(_)), "{}", told(&report));
            assert_eq!(lock(&next.records).len(), 297);
        }
    }
}

async fn with_budget(input: &str, budget: Budget, expected: &str) {
    for records in [1, 7, 10, 1000] {
        let store = Arc::new(Store::default());
        let batch = BatchLimits {
            max_records: records,
            max_bytes: 1 << 20,
        };
        let report = run(Job {
            budget,
            batch,
            ..job(input, &store, start())
        })
        .await;
        assert_eq!(told(&report), expected, "batches of {records}");
        assert_eq!(
            lock(&store.rejects).len() as u64,
            report.checkpoint.books.counters.rejected
        );
        let end = report.checkpoint.books.end.ordinal;
        assert!(
            lock(&store.records).keys().all(|&ordinal| ordinal < end),
            "nothing lies beyond the end"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_judged_in_the_order_of_the_file() {
    let bad: Vec<_> = [10, 20, 30, 31, 32, 33].map(|index| (index, "bad")).into();
    let input = lines(100, &bad);
    let budget = Budget {
        max_records: 3,
        max_ratio: 1.0,
        ..Budget::default()
    };
    with_budget(&input, budget, "28 0 4 0 of 32 held errors").await;
    with_budget(
        &input,
        Budget {
            max_records: 6,
            ..budget
        },
        "94 0 6 0 of 100 completed",
    )
    .await;
    with_budget(
        &input,
        Budget {
            on_breach: OnBreach::Fail,
            ..budget
        },
        "28 0 4 0 of 32 failed errors",
    )
    .await;
    with_budget(
        &input,
        Budget {
            max_records: 0,
            ..budget
        },
        "10 0 1 0 of 11 held errors",
    )
    .await;
    let ratio = Budget {
        max_records: 100,
        max_ratio: 0.05,
        after_records: 25,
        ..budget
    };
    with_budget(&input, ratio, "23 0 2 0 of 25 held errors").await;
    with_budget(
        &input,
        Budget {
            after_records: 50,
            ..ratio
        },
        "44 0 6 0 of 50 held errors",
    )
    .await;
    with_budget(
        &input,
        Budget {
            after_records: 1000,
            ..ratio
        },
        "94 0 6 0 of 100 held errors",
    )
    .await;
    with_budget(
        &lines(2, &[]),
        Budget {
            min_records: 3,
            ..budget
        },
        "2 0 0 0 of 2 held min_records",
    )
    .await;
    with_budget(
        "",
        Budget {
            min_records: 0,
            ..budget
        },
        "0 0 0 0 of 0 completed",
    )
    .await;
    with_budget("", budget, "0 0 0 0 of 0 held min_records").await;
}

#[tokio::test(start_paused = true)]
async fn rejects_of_the_target_count_too() {
    let input = lines(100, &[(10, "refuse"), (20, "refuse"), (30, "refuse")]);
    let budget = Budget {
        max_records: 1,
        max_ratio: 1.0,
        ..Budget::default()
    };
    let store = Arc::new(Store::default());
    let report = run(Job {
        budget,
        ..job(&input, &store, start())
    })
    .await;
    assert!(told(&report).ends_with("held errors"), "{}", told(&report));
    let end = report.checkpoint.books.end.ordinal;
    assert!(
        lock(&store.records).keys().all(|&ordinal| ordinal < end),
        "nothing lies beyond the end"
    );
}

#[tokio::test(start_paused = true)]
async fn rejects_ahead_of_an_acknowledgement_do_not_count_there() {
    let mut special = vec![(2, "refuse")];
    special.extend((40..60).map(|index| (index, "bad")));
    let budget = Budget {
        max_ratio: 0.5,
        after_records: 10,
        ..Budget::default()
    };
    let store = Arc::new(Store::default());
    let report = run(Job {
        budget,
        max_parsers: 16,
        ..job(&lines(100, &special), &store, start())
    })
    .await;
    assert_eq!(told(&report), "79 0 21 0 of 100 completed");
}

#[tokio::test(start_paused = true)]
async fn rejects_of_the_target_and_others_count_together() {
    let mut special = vec![(2, "refuse"), (3, "refuse")];
    special.extend((30..33).map(|index| (index, "bad")));
    let budget = Budget {
        max_records: 4,
        max_ratio: 1.0,
        ..Budget::default()
    };
    let store = Arc::new(Store::default());
    let report = run(Job {
        budget,
        ..job(&lines(40, &special), &store, start())
    })
    .await;
    assert!(told(&report).ends_with("held errors"), "{}", told(&report));
}

/// A hold waits for what is under way, however slow the target is; only somebody's wish to end is urgent.
#[tokio::test(start_paused = true)]
async fn nothing_lies_beyond_a_hold_of_a_slow_target() {
    let budget = Budget {
        max_records: 0,
        ..Budget::default()
    };
    for (cancelled, expected) in [
        (false, "40 0 1 0 of 41 held errors"),
        (true, "0 0 0 0 of 0 interrupted"),
    ] {
        let store = Arc::new(Store {
            write_ms: 60_000,
            ..Store::default()
        });
        let cancel = CancellationToken::new();
        let (later, watched) = (cancel.clone(), store.clone());
        let cancelling = tokio::spawn(async move {
            while cancelled && watched.writing.load(Ordering::SeqCst) < 4 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            if cancelled {
                later.cancel();
            }
        });
        let report = run(Job {
            budget,
            cancel,
            max_in_flight: 8,
            ..job(&lines(100, &[(40, "bad")]), &store, start())
        })
        .await;
        cancelling.await.unwrap();
        assert_eq!(told(&report), expected);
        let end = report.checkpoint.books.end.ordinal;
        assert!(lock(&store.records).keys().all(|&ordinal| ordinal < end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_checkpoint_cannot_be_saved_writes_no_more() {
    // The second checkpoint is refused while writes of half a minute are under way.
    let store = Arc::new(Store {
        lose_after: Some(1),
        write_ms: 30_000,
        ..Store::default()
    });
    let report = run(job(&lines(400, &[]), &store, start())).await;
    assert!(
        told(&report).ends_with("failed lease_lost"),
        "{}",
        told(&report)
    );
    let records = lock(&store.records).len();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(lock(&store.records).len(), records);
    assert!(records < 100, "{records} records were written");
}

#[test]
fn bytes_of_the_object_are_a_share_of_what_was_taken() {
    for (stored, decoded, offset, expected) in [
        (0, 0, 0, 0),
        (20, 0, 0, 20),
        (1_000, 1_000, 0, 0),
        (1_000, 1_000, 7, 7),
        (1_000, 1_000, 1_000, 1_000),
        (100, 1_000, 500, 50),
        (u64::MAX, u64::MAX, 1 << 63, 1 << 63),
    ] {
        let read = BytesRead { stored, decoded };
        assert_eq!(read.up_to(offset), expected, "{read:?} at {offset}");
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_what_has_its_outcome_and_not_what_was_read_ahead() {
    let store = Arc::new(Store::default());
    let input = lines(500, &[(100, "bad")]);
    let held = Budget {
        max_records: 0,
        ..Budget::default()
    };
    let (progress, mut told) = watch::channel(Progress::default());
    let report = run(Job {
        budget: held,
        progress,
        ..job(&input, &store, start())
    })
    .await;
    assert!(matches!(report.end, End::Held(_)));
    let end = report.checkpoint.books.end.offset;
    assert!(0 < end && end < input.len() as u64);
    assert_eq!(report.bytes_read, end);
    let told = told.borrow_and_update();
    assert_eq!((told.bytes_read, told.is_closing), (end, false));
}

/// A sink whose end is watched.
struct Watched {
    store: Arc<Store>,
    told: watch::Receiver<Progress>,
}

#[async_trait]
impl Sink for Watched {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        assert!(!self.told.borrow().is_closing);
        self.store.write(batch).await
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        let told = self.told.borrow().clone();
        assert_eq!((told.is_closing, told.counters.read), (true, 20));
        self.store.finish().await
    }
}

#[tokio::test(start_paused = true)]
async fn that_the_sink_is_finished_next_is_told_before() {
    let store = Arc::new(Store::default());
    let (progress, told) = watch::channel(Progress::default());
    let sink = Watched {
        store: store.clone(),
        told,
    };
    let report = run(Job {
        sink: Arc::new(sink),
        progress,
        ..job(&lines(20, &[]), &store, start())
    })
    .await;
    assert!(matches!(report.end, End::Completed(_)));
    assert_eq!(store.finished.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_approved_cause_does_not_hold_again() {
    let store = Arc::new(Store::default());
    let mut accepted = Accepted::default();
    accepted.accept(crate::Cause::MinRecords);
    let budget = Budget {
        min_records: 5,
        ..Budget::default()
    };
    let report = run(Job {
        accepted,
        budget,
        ..job("a\n", &store, start())
    })
    .await;
    assert_eq!(told(&report), "1 0 0 0 of 1 completed");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_an_error_stays() {
    let store = Arc::new(Store::default());
    let input = lines(55, &[]);
    let broken = Bytes {
        bytes: input.clone().into_bytes(),
        at: 0,
        error: Some("truncated"),
    };
    let report = run(Job {
        source: Box::new(broken),
        ..job(&input, &store, start())
    })
    .await;
    assert_eq!(told(&report), "55 0 0 0 of 55 failed truncated");
    assert_eq!(store.finished.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_any_part_fails_the_job_only() {
    for part in ["framer", "parser", "bind", "step", "encoder"] {
        let store = Arc::new(Store::default());
        let line = format!("panic in {part}");
        let report = run(job(&lines(50, &[(40, &line)]), &store, start())).await;
        has_panicked(part, &report, &store);
        // What lies before it stays, and only that; the framer gives no block with a record of its own.
        let counted = report.checkpoint.books.end.ordinal;
        assert!(counted <= 40, "{part}: {counted}");
        let next = Arc::new(Store {
            records: Mutex::new(lock(&store.records).clone()),
            ..Store::default()
        });
        let mended = lines(50, &[(40, "no panic here")]);
        let again = run(job(&mended, &next, report.checkpoint)).await;
        assert_eq!(again.checkpoint.books.counters.read, 50);
        assert!(matches!(again.end, End::Completed(_)), "{}", told(&again));
    }
    for panics in [
        "panic in write",
        "panic in store_rejects",
        "panic in save",
        "panic in stored_rejects",
        "panic in finish",
    ] {
        let store = Arc::new(Store {
            panics,
            ..Store::default()
        });
        let report = run(job(&lines(50, &[(3, "bad")]), &store, start())).await;
        has_panicked(panics, &report, &store);
    }
    let store = Arc::new(Store::default());
    let input = lines(50, &[]);
    let source = Bytes {
        bytes: input.clone().into_bytes(),
        at: 0,
        error: Some("panic in source"),
    };
    let report = run(Job {
        source: Box::new(source),
        ..job(&input, &store, start())
    })
    .await;
    has_panicked("source", &report, &store);
}

/// Asserts that a run failed for a panic, of which nothing is told, and finished nothing.
fn has_panicked(part: &str, report: &Report, store: &Store) {
    let End::Failed(fatal) = &report.end else {
        panic!("{part}: {}", told(report));
    };
    assert_eq!((fatal.code, fatal.retry), ("panic", crate::Retry::Never));
    assert!(!fatal.message.contains(part), "{}", fatal.message);
    assert!(fatal.causes.is_empty(), "{part}: {:?}", fatal.causes);
    assert_eq!(store.finished.load(Ordering::SeqCst), 0, "{part}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_record_fails_the_job() {
    let report = run(job(&lines(50, &[(20, "lose")]), &Arc::default(), start())).await;
    assert!(
        told(&report).ends_with("failed frame_mismatch"),
        "{}",
        told(&report)
    );
}
