//! Merging a record into the document that stands there: what the record writes is set, and nothing else is touched.

use serde_json::{Map, Value};
use stages::record::{Layout, Slot};

/// Sets the entries of `record` in `standing`. Objects that the layout nests are merged entry by entry; the value of a
/// field is replaced whole. `false`: something that is no object stands where one is nested, and nothing counts.
pub(super) fn merge(layout: &Layout, standing: &mut Value, record: &Value) -> bool {
    if standing.is_null() {
        *standing = Value::Object(Map::new());
    }
    let (Value::Object(standing), Value::Object(record)) = (standing, record) else {
        return false;
    };
    for (name, new) in record {
        let there = standing.entry(name.clone()).or_insert(Value::Null);
        let slot = layout.0.iter().find(|(other, _)| **other == **name);
        match slot {
            Some((_, Slot::Nested(nested))) => {
                if !merge(nested, there, new) {
                    return false;
                }
            }
            _ => *there = new.clone(),
        }
    }
    true
}
