//! What is exported, and that it is what was written.

use super::*;
use crate::sink::harness::values::{TYPES, record};
use proptest::prelude::*;
use serde_json::Value;

/// All documents of `orders`.
fn exported(store: &EmbeddedStore) -> Vec<String> {
    store
        .export("orders")
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[tokio::test]
async fn documents_come_in_the_order_of_their_ids() {
    let place = Place::new();
    let sink = place.sink(Mode::Insert, 0).await.unwrap();
    let large = "x".repeat(100_000);
    let row = |n: u64| format!(r#"{{"a.n":{n},"k":"{large}"}}"#);
    for from in [20, 0, 10] {
        let rows: Vec<_> = (from..from + 10).map(row).collect();
        assert_eq!(sink.said(from, &rows).await, "10/0");
    }
    assert_eq!(sink.said(300, &["{}"]).await, "1/0");
    let store = place.store().await;
    let mut lines = store.export("orders").unwrap();
    let first = lines.next().unwrap().unwrap();
    let id = format!("{}{:016x}00000000", "07".repeat(12), 0);
    assert_eq!(
        first,
        format!(r#"{{"_id":"{id}","k":"{large}","a":{{"n":0}}}}"#)
    );
    // What is written from here on is not seen.
    assert_eq!(sink.said(7000, &["{}"]).await, "1/0");
    let mut rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(rest.len(), 30);
    let id = format!("{}{:016x}00000000", "07".repeat(12), 300);
    assert_eq!(rest.pop().unwrap(), format!(r#"{{"_id":"{id}"}}"#));
    for (line, n) in rest.iter().zip(1..) {
        assert!(line.ends_with(&format!(r#"{{"n":{n}}}}}"#)), "record {n}");
    }
    assert_eq!(exported(&store).len(), 32);
}

#[tokio::test]
async fn a_collection_that_there_is_not_has_no_documents() {
    let place = Place::new();
    let store = place.store().await;
    assert_eq!(exported(&store), Vec::<String>::new());
    assert_eq!(store.collections().await.unwrap(), Vec::<String>::new());
    place.sink(Mode::Upsert, 1).await.unwrap();
    assert_eq!(store.collections().await.unwrap(), ["orders"]);
    assert_eq!(exported(&store), Vec::<String>::new());
    assert_eq!(store.export("_loads").unwrap().count(), 0);
    assert_eq!(store.export("x\" --").unwrap().count(), 0);
    let nowhere = Export::open(&place.folder.path().join("no.db"), "orders");
    assert_eq!(
        nowhere.err().map(|fatal| fatal.code),
        Some("target_unwritable")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_written_is_exported(records in prop::collection::vec(record(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let rows: Vec<_> = records.iter().map(|record| Value::from(record.clone()).to_string()).collect();
        let read = runtime.block_on(async {
            let place = Place::new();
            let store = place.store().await;
            let load = load(TYPES);
            let target = Target { collection: "orders".into(), ..Target::default() };
            let fed = Fed::new(store.open_sink(&target, &Flow::default(), load.clone()).await.unwrap(), &load);
            assert_eq!(fed.said(0, &rows).await, format!("{}/0", rows.len()));
            exported(&store)
        });
        prop_assert_eq!(read.len(), records.len());
        for (line, record) in read.iter().zip(records) {
            let mut line: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            line.remove("_id");
            prop_assert_eq!(line, record);
        }
    }
}
