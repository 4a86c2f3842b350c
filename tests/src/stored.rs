//! What a target holds, in the form in which [`crate::truth::Truth`] says it: the JSON column of the table of types.
//!
//! Never: forgives. A BSON type that the table does not name becomes a value that equals no truth.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document};
use serde_json::{Map, Value, json};

use crate::moment::Moment;

/// Names of the fields whose type is date in the specs of [`crate::orders`] and [`crate::events`]: BSON has one type for
/// dates and for datetimes, and JSON writes them in two ways.
pub const DATES: [&str; 2] = ["day", "deliver_on"];

/// A document of MongoDB as JSON, without `_id`. Fields named in `dates` are dates wherever they stand.
pub fn json_of(document: &Document, dates: &[&str]) -> Value {
    let mut object = object_of(document, dates);
    object.remove("_id");
    Value::Object(object)
}

/// The record's ordinal, from 0, of a document that was loaded in insert mode: bytes 12 to 19 of its `_id`, big endian.
///
/// # Panics
/// Where the `_id` is not 24 bytes of BinData.
pub fn ordinal_of(document: &Document) -> u64 {
    match document.get("_id") {
        Some(Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes,
        })) if bytes.len() == 24 => bytes[12..20]
            .iter()
            .fold(0, |ordinal, &byte| (ordinal << 8) | u64::from(byte)),
        other => panic!("an _id is 24 bytes of BinData, not {other:?}"),
    }
}

fn object_of(document: &Document, dates: &[&str]) -> Map<String, Value> {
    let members = document
        .iter()
        .map(|(name, value)| (name.clone(), value_of(name, value, dates)));
    members.collect()
}

fn value_of(name: &str, value: &Bson, dates: &[&str]) -> Value {
    match value {
        Bson::String(text) => json!(text),
        Bson::Int64(number) => json!(number),
        Bson::Double(number) => json!(number),
        Bson::Decimal128(number) => json!(number.to_string()),
        Bson::Boolean(truth) => json!(truth),
        Bson::Null => Value::Null,
        Bson::DateTime(moment) => moment_of(*moment, dates.contains(&name)),
        Bson::Binary(Binary {
            subtype: BinarySubtype::Uuid,
            bytes,
        }) => uuid_of(bytes),
        Bson::Array(items) => items
            .iter()
            .map(|item| value_of(name, item, dates))
            .collect(),
        Bson::Document(document) => Value::Object(object_of(document, dates)),
        other => json!({ "a type that no value has": format!("{other:?}") }),
    }
}

fn moment_of(moment: DateTime, date: bool) -> Value {
    let milliseconds = moment.timestamp_millis();
    let clock = Moment(milliseconds.div_euclid(1_000)).clock(0);
    match (date, milliseconds.rem_euclid(1_000)) {
        (true, 0) if (clock.hour, clock.minute, clock.second) == (0, 0, 0) => {
            json!(clock.iso_date())
        }
        (true, _) => json!(format!("a date that is not midnight: {}", clock.iso())),
        (false, 0) => json!(format!("{}Z", clock.iso())),
        (false, fraction) => json!(format!("{}.{fraction:03}Z", clock.iso())),
    }
}

fn uuid_of(bytes: &[u8]) -> Value {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32]
        .map(|part| hex.get(part).unwrap_or_default().to_owned());
    json!(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Uuid, doc};

    #[track_caller]
    fn check(stored: impl Into<Bson>, expected: Value) {
        assert_eq!(
            json_of(&doc! { "_id": 1, "f": stored }, &[]),
            json!({ "f": expected })
        );
    }

    #[test]
    fn every_type_has_its_form() {
        check("text", json!("text"));
        check(7i64, json!(7));
        check(0.125, json!(0.125));
        check(true, json!(true));
        check(Bson::Null, Value::Null);
        for digits in [
            "1234.50",
            "0.10",
            "-1",
            "1234567890123456789012345.678901234",
        ] {
            check(Bson::Decimal128(digits.parse().unwrap()), json!(digits));
        }
        check(
            DateTime::from_millis(1_774_746_000_000),
            json!("2026-03-29T01:00:00Z"),
        );
        check(DateTime::from_millis(-1), json!("1969-12-31T23:59:59.999Z"));
        let uuid = "0188b0c6-7d5e-4c7a-9d3e-0123456789ab";
        check(Uuid::parse_str(uuid).unwrap(), json!(uuid));
        check(
            doc! { "a": [1i64, { "b": [] }] },
            json!({ "a": [1, { "b": [] }] }),
        );
    }

    #[test]
    fn what_no_value_has_equals_no_truth() {
        assert_ne!(json_of(&doc! { "f": 7i32 }, &[]), json!({ "f": 7 }));
        let noon = DateTime::from_millis(43_200_000);
        assert_ne!(
            json_of(&doc! { "day": noon }, &DATES),
            json!({ "day": "1970-01-01" })
        );
        assert_eq!(
            json_of(&doc! { "day": DateTime::from_millis(0) }, &DATES),
            json!({ "day": "1970-01-01" })
        );
    }

    #[test]
    fn an_id_holds_the_ordinal() {
        let mut bytes = vec![0xab; 24];
        bytes[12..20].copy_from_slice(&258u64.to_be_bytes());
        let id = Binary {
            subtype: BinarySubtype::Generic,
            bytes,
        };
        assert_eq!(ordinal_of(&doc! { "_id": id }), 258);
    }
}
