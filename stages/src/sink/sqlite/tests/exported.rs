//! What is exported, and that it is what was written.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

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

const TYPES: &[(&str, Type)] = &[
    ("string", Type::String),
    ("integer", Type::Integer),
    ("float", Type::Float),
    ("decimal", Type::Decimal),
    ("boolean", Type::Boolean),
    ("date", Type::Date),
    ("datetime", Type::Datetime),
    ("uuid", Type::Uuid),
    ("list", Type::List),
    ("object", Type::Object),
];

/// A value of each type, or a null, as the JSON that a sink writes. Floats are whole eighths, because the reader
/// of the tests is not exact beyond.
fn record() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    let list = prop::collection::vec(leaf.clone(), 0..3);
    let object = prop::collection::btree_map(any::<String>(), leaf, 0..3);
    let values = (
        any::<String>(),
        any::<i64>(),
        any::<i32>().prop_map(|n| f64::from(n) / 8.0),
        (any::<i64>(), 0..18_i32),
        any::<bool>(),
        (0..9999_i16, 1..12_i8, 1..28_i8),
        -60_000_000_000_000..250_000_000_000_000_i64,
        any::<[u8; 16]>(),
        list,
        object,
    );
    (values, any::<[bool; 10]>()).prop_map(|(v, present)| {
        let decimal = crate::record::Decimal::new(v.3.0 < 0, v.3.0.unsigned_abs().into(), v.3.1);
        let time = jiff::Timestamp::from_millisecond(v.6).unwrap();
        let uuid = hex::encode(v.7);
        let uuid = [
            &uuid[..8],
            &uuid[8..12],
            &uuid[12..16],
            &uuid[16..20],
            &uuid[20..],
        ]
        .join("-");
        let values = [
            json!(v.0),
            json!(v.1),
            json!(v.2),
            json!(decimal.unwrap().to_string()),
            json!(v.4),
            json!(jiff::civil::date(v.5.0, v.5.1, v.5.2).to_string()),
            json!(if v.6 % 1000 == 0 {
                format!("{time:.0}")
            } else {
                format!("{time:.3}")
            }),
            json!(uuid),
            json!(v.8),
            json!(v.9),
        ];
        let names = TYPES.iter().map(|(name, _)| (*name).to_owned());
        let all = names.zip(values).zip(present);
        all.filter(|(_, present)| *present)
            .map(|(entry, _)| entry)
            .collect()
    })
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
            let fed = Fed::new(store.sink(&target, &load).await.unwrap(), &load);
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
