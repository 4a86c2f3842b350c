//! Records of every type, at random, for the tests of sinks.

use crate::record::{Decimal, Type};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A field of each type that has a form of its own.
pub(in crate::sink) const TYPES: &[(&str, Type)] = &[
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
pub(in crate::sink) fn record() -> impl Strategy<Value = serde_json::Map<String, Value>> {
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
        let decimal = Decimal::new(v.3.0 < 0, v.3.0.unsigned_abs().into(), v.3.1);
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
