//! A record to which a load must not go on: what lies before it is loaded, nothing behind it is, wherever it stands.

use super::*;
use crate::Cause;

#[tokio::test(start_paused = true)]
async fn a_load_ends_before_the_record_that_it_must_not_go_on_to() {
    for at in [0, 1, 6, 7, 8, 20, 21, 99] {
        for (word, end) in [
            ("hold", "held unknown_columns"),
            ("fail", "failed unknown_columns"),
        ] {
            for on_breach in [OnBreach::Continue, OnBreach::Fail] {
                let store = Arc::new(Store::default());
                let input = lines(
                    100,
                    &[(3, "bad"), (at, word), (at + 1, word), (at + 2, "bad")],
                );
                let report = run(Job {
                    budget: Budget {
                        on_breach,
                        max_ratio: 1.0,
                        ..Budget::default()
                    },
                    ..job(&input, &store, start())
                })
                .await;
                let rejected = usize::from(at > 3);
                let loaded = at - rejected;
                assert_eq!(
                    told(&report),
                    format!("{loaded} 0 {rejected} 0 of {at} {end}"),
                    "{word} at {at}"
                );
                assert!(
                    lock(&store.records)
                        .keys()
                        .all(|record| *record < at as u64)
                );
                assert_eq!(lock(&store.rejects).len(), rejected);
                assert_eq!(lock(&store.saved).as_ref(), Some(&report.checkpoint));
                let message = match report.end {
                    End::Held(breach) => {
                        assert_eq!(breach.cause, Cause::UnknownColumns(vec![word.into()]));
                        breach.message
                    }
                    End::Failed(fatal) => fatal.message,
                    other => panic!("{other:?}"),
                };
                assert_eq!(message, format!("record {}: it is not known", at + 1));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_exceeded_before_the_record_holds_there() {
    let store = Arc::new(Store::default());
    let report = run(Job {
        budget: Budget {
            max_records: 0,
            ..Budget::default()
        },
        ..job(&lines(100, &[(30, "bad"), (32, "hold")]), &store, start())
    })
    .await;
    assert_eq!(told(&report), "30 0 1 0 of 31 held errors");
}

#[tokio::test(start_paused = true)]
async fn a_load_goes_on_where_it_was_held_once_that_is_accepted() {
    let store = Arc::new(Store::default());
    let held = run(job(&lines(50, &[(25, "hold")]), &store, start())).await;
    assert_eq!(told(&held), "25 0 0 0 of 25 held unknown_columns");
    let accepted = lines(50, &[(25, "good")]);
    let report = run(job(&accepted, &store, held.checkpoint)).await;
    assert_eq!(told(&report), "50 0 0 0 of 50 completed");
}
