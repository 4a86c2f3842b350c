//! `[group]`: records that follow each other with equal keys become one document.
//!
//! Behind all steps the records of a group are joined: what they have in common comes from the first one, and must be
//! the same in all of them; what is listed becomes a list of objects, one for each record. Where it differs, the group
//! is refused. Which records are a group is the framer's to say; nothing here compares keys.

use crate::record::{Layout, Record, Schema, Slot, Text, Value};
use pipeline::{Join, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The most records of a group where a spec says nothing.
pub const DEFAULT_GROUP_RECORDS: u32 = 1000;
/// The most records of a group that a spec may allow.
pub const MAX_GROUP_RECORDS: u32 = 10_000;

/// `[group]`: records that follow each other with equal keys become one document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// The fields whose values are equal in all records of a group. A null equals a null.
    #[schemars(example = ["order_no"])]
    pub by: Option<Vec<String>>,
    /// Where the list of its records stands in the document.
    #[schemars(example = &"items")]
    pub into: Option<String>,
    /// The fields of which the objects in the list are made. All others stand in the document, and must be the same in
    /// all records of the group (`group_conflict`).
    #[schemars(example = ["sku", "quantity"])]
    pub fields: Option<Vec<String>>,
    /// The most records of a group; those of a larger one are the reject `group_too_large`. Default: 1000.
    #[schemars(example = 200)]
    pub max_records: Option<u32>,
}

/// A checked `[group]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// The fields that records are grouped by.
    pub by: Vec<String>,
    /// The fields of the list's objects.
    pub fields: Vec<String>,
    /// The field that is the list.
    pub into: String,
    /// The most records of a group.
    pub max_records: usize,
}

/// Joins the records of a group.
pub struct Joiner {
    /// Values of a record, that of the list left out.
    room: usize,
    /// The field that is the list.
    into: usize,
    /// The objects in the list.
    layout: Layout,
    /// Fields that must be the same in all records: their indexes and names.
    common: Vec<(usize, Arc<str>)>,
    omits_nulls: bool,
}

impl Joiner {
    /// Joins by `plan`; `records` is what records are before, `documents` what they are together: the list behind the
    /// other fields.
    ///
    /// # Errors
    /// The index of a field in the list that has no place of its own there: a plan that was checked has none.
    pub fn new(plan: &GroupPlan, records: &Schema, omits_nulls: bool) -> Result<Self, usize> {
        let is_listed = |name: &str| plan.fields.iter().any(|other| other == name);
        let mut listed = records.fields.clone();
        for field in &mut listed {
            if !is_listed(&field.name) {
                field.target = None;
            }
        }
        let common = records.fields.iter().enumerate().filter(|(_, field)| {
            let is_key = plan.by.iter().any(|by| **by == *field.name);
            field.target.is_some() && !is_listed(&field.name) && !is_key
        });
        Ok(Self {
            room: records.fields.len(),
            into: records.fields.len(),
            layout: Schema::new(listed)?.layout,
            common: common
                .map(|(index, field)| (index, field.name.clone()))
                .collect(),
            omits_nulls,
        })
    }

    /// The object of one record in the list.
    fn object(&self, layout: &Layout, from: &Record, whole: &mut Record) -> Vec<(Text, Value)> {
        let mut object = Vec::with_capacity(layout.0.len());
        for (name, slot) in &layout.0 {
            let value = match slot {
                Slot::Field(index) => whole.copy_of(from, from.value(*index)),
                Slot::Nested(nested) => match self.object(nested, from, whole) {
                    inside if inside.is_empty() => continue,
                    inside => Value::Object(inside),
                },
            };
            if value != Value::Null || !self.omits_nulls {
                object.push((whole.store(name), value));
            }
        }
        object
    }
}

impl Join<Record> for Joiner {
    fn join(&self, records: &[Record], whole: &mut Record) -> Result<(), Problem> {
        whole.clear(self.room);
        let Some((first, others)) = records.split_first() else {
            return Ok(());
        };
        for (index, name) in &self.common {
            let value = first.value(*index);
            let other = others
                .iter()
                .find(|other| !is_same((first, value), (other, other.value(*index))));
            if let Some(other) = other {
                let mut texts = [Vec::new(), Vec::new()];
                for (record, text) in [first, other].into_iter().zip(&mut texts) {
                    crate::record::write_plain(record, record.value(*index), text);
                }
                let [one, other] = texts.map(|text| shortened(&String::from_utf8_lossy(&text)));
                let message = format!("the records of its group differ: {one:?} and {other:?}");
                return Err(Problem::of_field("group_conflict", &**name, message));
            }
        }
        for index in 0..self.room {
            let value = whole.copy_of(first, first.value(index));
            whole.set(index, value);
        }
        let mut list = Vec::with_capacity(records.len());
        for record in records {
            list.push(Value::Object(self.object(&self.layout, record, whole)));
        }
        whole.set(self.into, Value::List(list));
        Ok(())
    }
}

/// The characters of a value that a message says.
const MAX_SHOWN_CHARS: usize = 100;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether two values of two records are equal.
fn is_same((one, a): (&Record, &Value), (other, b): (&Record, &Value)) -> bool {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => one.text(*a) == other.text(*b),
        (Value::Decimal(a), Value::Decimal(b)) => a.normalized() == b.normalized(),
        (Value::List(a), Value::List(b)) => {
            let mut pairs = a.iter().zip(b);
            a.len() == b.len() && pairs.all(|(a, b)| is_same((one, a), (other, b)))
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut pairs = a.iter().zip(b);
            a.len() == b.len()
                && pairs.all(|((name, a), (of_other, b))| {
                    one.text(*name) == other.text(*of_other) && is_same((one, a), (other, b))
                })
        }
        (a, b) => a == b,
    }
}
