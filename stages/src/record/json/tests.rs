//! JSON documents against what `serde_json` reads in them.

use super::*;
use crate::record::{Decimal, Field, Text, Type};
use proptest::prelude::*;

/// A value with its texts in it, for tests only.
#[derive(Clone, Debug)]
enum Plain {
    Null,
    Text(String),
    Integer(i64),
    Float(f64),
    Decimal(bool, u64, i32),
    Boolean(bool),
    Date(i32),
    Datetime(i64),
    Uuid([u8; 16]),
    List(Vec<Plain>),
    Object(Vec<(String, Plain)>),
}

impl Plain {
    fn store(&self, record: &mut Record) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Text(record.store(text)),
            Self::Integer(number) => Value::Integer(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Decimal(negative, coefficient, scale) => Value::Decimal(
                Decimal::new(*negative, u128::from(*coefficient), *scale).expect("in range"),
            ),
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::Date(days) => Value::Date(*days),
            Self::Datetime(milliseconds) => Value::Datetime(*milliseconds),
            Self::Uuid(bytes) => Value::Uuid(*bytes),
            Self::List(items) => Value::List(items.iter().map(|item| item.store(record)).collect()),
            Self::Object(entries) => {
                let store =
                    |(name, value): &(String, Self), record: &mut Record| -> (Text, Value) {
                        (record.store(name), value.store(record))
                    };
                Value::Object(entries.iter().map(|entry| store(entry, record)).collect())
            }
        }
    }

    fn check(&self, read: &serde_json::Value) {
        let text = || read.as_str().expect("a string");
        match self {
            Self::Null => assert!(read.is_null()),
            Self::Text(written) => assert_eq!(written, text()),
            Self::Integer(number) => assert_eq!(Some(*number), read.as_i64()),
            // serde_json's own reader of floats may be off by one; its digits are what counts.
            Self::Float(number) => assert!(read.is_f64() && number.is_finite()),
            Self::Decimal(negative, coefficient, scale) => assert_eq!(
                Decimal::parse(text()),
                Decimal::new(*negative, u128::from(*coefficient), *scale)
            ),
            Self::Boolean(truth) => assert_eq!(Some(*truth), read.as_bool()),
            Self::Date(days) => {
                let date: jiff::civil::Date = text().parse().expect("a date");
                let epoch = jiff::civil::date(1970, 1, 1);
                assert_eq!(epoch.until(date).expect("in range").get_days(), *days);
            }
            Self::Datetime(milliseconds) => {
                let time: jiff::Timestamp = text().parse().expect("a datetime");
                assert_eq!(time.as_millisecond(), *milliseconds);
            }
            Self::Uuid(bytes) => {
                assert_eq!(hex::decode(text().replace('-', "")).expect("hex"), bytes);
                assert_eq!(text().len(), 36);
            }
            Self::List(items) => {
                let read = read.as_array().expect("a list");
                assert_eq!(items.len(), read.len());
                items
                    .iter()
                    .zip(read)
                    .for_each(|(item, read)| item.check(read));
            }
            Self::Object(entries) => {
                let read = read.as_object().expect("an object");
                assert_eq!(entries.len(), read.len());
                for (name, value) in entries {
                    value.check(&read[name]);
                }
            }
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let leaf = prop_oneof![
        Just(Plain::Null),
        any::<String>().prop_map(Plain::Text),
        "[\\x00-\\x22\\\\]{0,8}".prop_map(Plain::Text),
        any::<i64>().prop_map(Plain::Integer),
        proptest::num::f64::NORMAL.prop_map(Plain::Float),
        (any::<bool>(), any::<u64>(), -20..60_i32).prop_map(|(n, c, s)| Plain::Decimal(n, c, s)),
        any::<bool>().prop_map(Plain::Boolean),
        (-719_000..2_932_000_i32).prop_map(Plain::Date),
        (-62_000_000_000_000..253_402_300_000_000_i64).prop_map(Plain::Datetime),
        any::<[u8; 16]>().prop_map(Plain::Uuid),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Plain::List),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|entries| Plain::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in plain()) {
        let mut record = Record::default();
        record.clear(0);
        let stored = value.store(&mut record);
        let mut out = Vec::new();
        write_value(&record, &stored, &mut out);
        let read = serde_json::from_slice(&out).expect("JSON");
        value.check(&read);
    }

    #[test]
    fn a_double_reads_back_as_itself(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let mut out = Vec::new();
        write_float(number, &mut out);
        let text = std::str::from_utf8(&out).expect("UTF-8");
        let read: f64 = text.parse().expect("a number");
        prop_assert_eq!(read.to_bits(), number.to_bits());
        prop_assert!(serde_json::from_str::<serde_json::Value>(text).expect("JSON").is_f64());
    }
}

fn field(name: &str, target: Option<&str>) -> Field {
    Field {
        name: name.into(),
        kind: Type::String,
        target: target.map(|target| target.split('.').map(Arc::from).collect()),
    }
}

fn schema() -> Schema {
    Schema::new(vec![
        field("a", Some("a")),
        field("b", Some("n.b")),
        field("hidden", None),
        field("c", Some("n.deep.c")),
        field("d", Some("d\"d")),
    ])
    .expect("no target twice")
}

/// Writes a document of `values`, by the index of their fields, and of `unknown` entries.
fn document(
    writer: &DocumentWriter,
    id: Option<&[u8; 24]>,
    values: &[(usize, i64)],
    unknown: &[(&str, Value)],
) -> String {
    let mut record = Record::default();
    record.clear(5);
    for &(index, value) in values {
        record.set(index, Value::Integer(value));
    }
    for (name, value) in unknown {
        let name = record.store(name);
        record.keep_unknown(name, value.clone());
    }
    let at = Position {
        ordinal: 6,
        line: 9,
        offset: 100,
    };
    let mut out = Vec::new();
    writer.write(id, at, &record, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn the_layout_decides_names_and_order() {
    let omit = DocumentWriter::new(&schema(), Nulls::Omit, None);
    let check = |values: &[(usize, i64)], expected: &str| {
        assert_eq!(document(&omit, None, values, &[]), expected);
    };
    check(&[], "{}");
    check(&[(0, 1)], r#"{"a":1}"#);
    check(&[(3, 4)], r#"{"n":{"deep":{"c":4}}}"#);
    check(&[(1, 2), (2, 3), (4, 5)], r#"{"n":{"b":2},"d\"d":5}"#);
    check(
        &[(0, 1), (1, 2), (3, 4), (4, 5)],
        r#"{"a":1,"n":{"b":2,"deep":{"c":4}},"d\"d":5}"#,
    );
}

#[test]
fn nulls_are_written_where_they_are_wanted() {
    let write = DocumentWriter::new(&schema(), Nulls::Write, None);
    assert_eq!(
        document(&write, None, &[(1, 2)], &[("u", Value::Null)]),
        r#"{"a":null,"n":{"b":2,"deep":{"c":null}},"d\"d":null,"u":null}"#
    );
}

#[test]
fn id_unknown_entries_and_lineage_stand_around_the_layout() {
    let lineage = Lineage {
        field: "from",
        job: "j\"1",
        file: "a\\b.csv",
    };
    let writer = DocumentWriter::new(&schema(), Nulls::Omit, Some(lineage));
    let id = std::array::from_fn(|index| index as u8);
    let unknown = [("u\n", Value::Boolean(true)), ("gone", Value::Null)];
    assert_eq!(
        document(&writer, Some(&id), &[(0, 1)], &unknown),
        concat!(
            r#"{"_id":"000102030405060708090a0b0c0d0e0f1011121314151617","a":1,"u\n":true,"#,
            r#""from":{"job":"j\"1","file":"a\\b.csv","record":7,"line":9}}"#
        )
    );
}

#[test]
fn control_characters_are_escaped_and_nothing_else() {
    let check = |text: &str, expected: &str| {
        let mut out = Vec::new();
        write_text(text, &mut out);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    };
    check("", r#""""#);
    check("plain/ä\u{2028}\u{7f}", "\"plain/ä\u{2028}\u{7f}\"");
    check("\"\\", r#""\"\\""#);
    check("\u{0}\u{1f}\n\r\t\u{8}\u{c}", r#""\u0000\u001f\n\r\t\b\f""#);
}

#[test]
fn every_character_is_found_at_every_place() {
    for code in 0..0x100 {
        for place in 0..19 {
            let mut text: Vec<char> = "plain text, äöü, ok".chars().collect();
            text[place] = char::from_u32(code).expect("Latin-1");
            let text = String::from_iter(text);
            let mut out = Vec::new();
            write_text(&text, &mut out);
            let expected = serde_json::to_string(&text).expect("JSON");
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
