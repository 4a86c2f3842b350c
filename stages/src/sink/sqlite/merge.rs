//! Merging a record into the document that stands there, as JSON texts.
//!
//! What the record writes is set, and nothing else is touched: entries that it leaves out stay, and a null that
//! it writes is written. Objects that the layout nests are merged entry by entry; the value of a field is
//! replaced whole, an object too. Values are moved as they were written, never read, so numbers stay exact.

use crate::record::{Layout, Slot, write_text};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Merges documents of one layout.
pub(super) struct Merger {
    layout: Layout,
}

impl Merger {
    pub fn new(layout: &Layout) -> Self {
        Self {
            layout: layout.clone(),
        }
    }

    /// `standing` with the entries of `record` set. Entries keep their place; new ones stand behind them.
    ///
    /// # Errors
    /// When one of them is no JSON object.
    pub fn merge(&self, standing: &str, record: &str) -> serde_json::Result<String> {
        let mut out = Vec::with_capacity(standing.len() + record.len());
        merge(&self.layout, standing, record, &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

fn merge(
    layout: &Layout,
    standing: &str,
    record: &str,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let standing = entries(standing)?;
    let record = entries(record)?;
    out.push(b'{');
    let mut first = true;
    let mut key = |name: &str, out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
    };
    for (name, old) in &standing {
        key(name, out);
        match record.iter().find(|(other, _)| other == name) {
            None => out.extend_from_slice(old.get().as_bytes()),
            Some((_, new)) => match nested(layout, name) {
                Some(nested) if is_object(old) && is_object(new) => {
                    merge(nested, old.get(), new.get(), out)?;
                }
                _ => out.extend_from_slice(new.get().as_bytes()),
            },
        }
    }
    for (name, new) in &record {
        if !standing.iter().any(|(other, _)| other == name) {
            key(name, out);
            out.extend_from_slice(new.get().as_bytes());
        }
    }
    out.push(b'}');
    Ok(())
}

fn nested<'a>(layout: &'a Layout, name: &str) -> Option<&'a Layout> {
    let (_, slot) = layout.0.iter().find(|(other, _)| **other == *name)?;
    match slot {
        Slot::Nested(nested) => Some(nested),
        Slot::Field(_) => None,
    }
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

type Entries<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// The entries of an object, in order.
fn entries(text: &str) -> serde_json::Result<Entries<'_>> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Entries<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                entries.push((entry.0.0, entry.1));
            }
            Ok(entries)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let entries = deserializer.deserialize_map(InOrder)?;
    deserializer.end()?;
    Ok(entries)
}

/// A name, borrowed unless it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Field, Schema, Type};

    /// Merges into a layout with the fields `a`, `n.b`, `n.deep.c` and the object `o`.
    fn check(standing: &str, record: &str, expected: &str) {
        let field = |target: &str| Field {
            name: target.into(),
            kind: Type::Object,
            target: Some(target.split('.').map(Into::into).collect()),
        };
        let fields = ["a", "n.b", "n.deep.c", "o"].map(field).into();
        let merger = Merger::new(&Schema::new(fields).unwrap().layout);
        let merged = merger.merge(standing, record);
        assert_eq!(
            merged.unwrap_or_else(|_| "no JSON".into()),
            expected,
            "{standing} and {record}"
        );
    }

    #[test]
    fn what_the_record_writes_is_set_and_nothing_else_is_touched() {
        check("{}", "{}", "{}");
        check("{}", r#"{"a":1}"#, r#"{"a":1}"#);
        check(r#"{"a":1}"#, "{}", r#"{"a":1}"#);
        check(r#"{"a":1,"x":2}"#, r#"{"a":3}"#, r#"{"a":3,"x":2}"#);
        check(r#"{"a":1}"#, r#"{"x":2,"a":null}"#, r#"{"a":null,"x":2}"#);
        check(r#"{"q\"\n":1}"#, r#"{"q\"\n":2}"#, r#"{"q\"\n":2}"#);
    }

    #[test]
    fn nested_targets_are_merged_and_fields_are_replaced() {
        check(
            r#"{"n":{"b":1,"x":2}}"#,
            r#"{"n":{"b":3}}"#,
            r#"{"n":{"b":3,"x":2}}"#,
        );
        check(
            r#"{"n":{"deep":{"x":1}}}"#,
            r#"{"n":{"b":2,"deep":{"c":3}}}"#,
            r#"{"n":{"deep":{"x":1,"c":3},"b":2}}"#,
        );
        check(r#"{"o":{"x":1}}"#, r#"{"o":{"y":2}}"#, r#"{"o":{"y":2}}"#);
        check(r#"{"n":7}"#, r#"{"n":{"b":1}}"#, r#"{"n":{"b":1}}"#);
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let exact = r#"{"f":12345678901234567890.123456789e-7,"x":1.0}"#;
        check(
            exact,
            r#"{"x":2.50}"#,
            r#"{"f":12345678901234567890.123456789e-7,"x":2.50}"#,
        );
    }

    #[test]
    fn what_is_no_object_is_told() {
        check("", "{}", "no JSON");
        check("[1]", "{}", "no JSON");
        check(r#"{"a":1} x"#, "{}", "no JSON");
    }
}
