//! Kinds of types beside structs and choices: maps in the order of the text, keys with rules of their own, values
//! of any shape, types that read twice.

use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::*;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Types {
    ordered: Ordered,
    any: Vec<serde_json::Value>,
    either: Option<Either>,
    boxed: Option<Box<Types>>,
    wrapped: Option<Wrapped>,
}

#[derive(Debug, Deserialize)]
struct Wrapped(i64);

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Either {
    One(String),
    Many(Vec<String>),
}

/// A map that keeps the order of the text.
#[derive(Debug, Default)]
struct Ordered(Vec<(Name, i64)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Ordered;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A name in capitals.
#[derive(Debug, PartialEq)]
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.chars().all(|c| c.is_ascii_uppercase()) {
            Ok(Self(name))
        } else {
            Err(de::Error::custom(format!("`{name}` is not in capitals")))
        }
    }
}

#[track_caller]
fn check_types(text: &str, expected: &[&str]) -> Types {
    let (types, problems) = read::<Types>("types.toml", text);
    let found = found(&problems);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}, expected {expected}");
    }
    types
}

#[test]
fn maps_keep_the_order_of_the_text() {
    let types = check_types(
        "[ordered]\nZ = 1\nA = 'x'\nM = 2\nb = 3\nB = 4\n",
        &[
            "3:5 wrong_type expected a whole number, found a string",
            "5:1 bad_value `b` is not in capitals",
        ],
    );
    let names: Vec<_> = types
        .ordered
        .0
        .iter()
        .map(|(name, n)| (name.0.as_str(), *n))
        .collect();
    assert_eq!(names, [("Z", 1), ("M", 2), ("B", 4)]);
}

#[test]
fn values_of_any_shape() {
    let types = check_types(
        "any = [{ a = [1, 2.5, true], b.c = 0xff }, 2026-04-03T07:00:00Z, 'x', -1, 18446744073709551615]",
        &[],
    );
    assert_eq!(
        serde_json::Value::Array(types.any),
        serde_json::json!([
            { "a": [1, 2.5, true], "b": { "c": 255 } },
            "2026-04-03T07:00:00Z", "x", -1, u64::MAX,
        ])
    );
}

#[test]
fn types_that_try_several_ways() {
    let one = check_types("either = 'a'", &[]).either;
    assert_eq!(one, Some(Either::One("a".to_owned())));
    let many = check_types("either = ['a', 'b']", &[]).either;
    assert_eq!(
        many,
        Some(Either::Many(vec!["a".to_owned(), "b".to_owned()]))
    );
    check_types("either = 3", &["1:10 bad_value data did not match"]);
}

#[test]
fn types_within_types() {
    check_types(
        "[boxed.boxed]\nwrapped = 'x'\nboxed = { wrapped = 1, wraped = 2 }",
        &[
            "2:11 wrong_type expected a whole number",
            "3:24 unknown_key",
        ],
    );
    let types = check_types("boxed.boxed.wrapped = 7", &[]);
    let inner = types.boxed.unwrap().boxed.unwrap().wrapped.unwrap();
    assert_eq!(inner.0, 7);
}

#[test]
fn tables_over_several_lines() {
    let types = check_types(
        "any = [{\n  a = 1,\n  b = 2,\n}]\nboxed = {\n  any = [1],\n}\n",
        &[],
    );
    assert_eq!(types.any.len(), 1);
    assert_eq!(types.boxed.unwrap().any.len(), 1);
}
