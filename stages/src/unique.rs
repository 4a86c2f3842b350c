//! `unique`: which fields no two records of a file may share, and the keys of a record by them.
//!
//! A value is known by 128 bits of its SHA-256, so memory does not grow with the size of values. Equal are values that are
//! equal as what they are: `1.50` and `1.5` as decimals, never as texts. A record in which one of the fields is null has no
//! key. [`Table`] remembers the keys.

mod table;
#[cfg(test)]
mod tests;

pub use table::Table;

use crate::record::{Record, Type, Value};
use crate::spec::field_path;
use crate::step::bind::{FieldSpec, PlanProblem};
use pipeline::{Identify, UniqueKey};
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// One entry of `[[unique]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniqueSpec {
    /// The fields whose values together stand in one record of a file only.
    #[schemars(example = ["order_no", "line_no"])]
    pub fields: Option<Vec<String>>,
}

/// What no two records may share, checked.
#[derive(Clone, Debug, Default)]
pub struct UniquePlan {
    /// The fields of each constraint.
    pub fields: Arc<[Vec<Arc<str>>]>,
    /// Of each constraint, whether the records of a group have the same values: `by` names all its fields.
    pub shared: Arc<[bool]>,
    /// Their indexes in a record.
    indexes: Vec<Vec<usize>>,
}

impl UniquePlan {
    /// Checks `unique` of all fields, and `[[unique]]`; `by`: what records are grouped by. None where there is neither.
    pub fn plan(
        fields: &[(String, FieldSpec)],
        said: &[UniqueSpec],
        by: &[String],
        problems: &mut Vec<PlanProblem>,
    ) -> Option<Arc<Self>> {
        let mut indexes = Vec::new();
        for (index, (name, spec)) in fields.iter().enumerate() {
            if spec.unique == Some(true) {
                judge_type(spec, field_path(name, "unique"), problems);
                indexes.push(vec![index]);
            }
        }
        for (number, unique) in said.iter().enumerate() {
            let path = format!("unique[{number}].fields");
            let names = unique.fields.as_deref().unwrap_or_default();
            if names.is_empty() {
                let message = "`unique` names no field";
                let problem = PlanProblem::new(&path, "required", message);
                problems.push(problem.hint("fields = [\"order_no\", \"line_no\"]"));
            }
            let mut together: Vec<usize> = Vec::new();
            for (place, name) in names.iter().enumerate() {
                let path = format!("{path}[{place}]");
                let Some(index) = fields.iter().position(|(field, _)| field == name) else {
                    let message = format!("no field is called `{name}`");
                    let problem = PlanProblem::new(path, "unknown_field", message);
                    problems.push(problem.hint("name fields of [fields]"));
                    continue;
                };
                if together.contains(&index) {
                    let message = format!("`{name}` stands here already");
                    problems.push(PlanProblem::new(path, "duplicate", message));
                    continue;
                }
                judge_type(&fields[index].1, path, problems);
                together.push(index);
            }
            indexes.push(together);
        }
        if indexes.is_empty() {
            return None;
        }
        let name = |index: &usize| Arc::from(fields[*index].0.as_str());
        let names = indexes.iter().map(|of| of.iter().map(name).collect());
        let is_by = |index: &usize| by.contains(&fields[*index].0);
        let shared = indexes.iter().map(|of| of.iter().all(is_by));
        Some(Arc::new(Self {
            fields: names.collect(),
            shared: shared.collect(),
            indexes,
        }))
    }
}

fn judge_type(spec: &FieldSpec, path: String, problems: &mut Vec<PlanProblem>) {
    if let Some(Type::List | Type::Object) = spec.kind {
        let message = "lists and objects are not compared";
        problems.push(PlanProblem::new(path, "not_applicable", message));
    }
}

impl Identify<Record> for UniquePlan {
    fn keys(&self, record: &Record, keys: &mut Vec<Option<UniqueKey>>) {
        keys.extend(
            self.indexes
                .iter()
                .zip(0_u64..)
                .map(|(fields, constraint)| {
                    let mut hash = Sha256::new_with_prefix(constraint.to_be_bytes());
                    for index in fields {
                        enter(record.value(*index), record, &mut hash)?;
                    }
                    let half = hash.finalize()[..16].try_into().ok()?;
                    Some(UniqueKey::from_be_bytes(half))
                }),
        );
    }
}

/// Adds a value, so that equal values add the same and no two values run together; none for null.
fn enter(value: &Value, record: &Record, hash: &mut Sha256) -> Option<()> {
    let mut sized = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null | Value::List(_) | Value::Object(_) => return None,
        Value::Text(text) => sized(1, record.text(*text).as_bytes()),
        Value::Integer(value) => sized(2, &value.to_be_bytes()),
        // The two zeros are one number.
        Value::Float(value) => sized(3, &(value + 0.0).to_be_bytes()),
        Value::Decimal(value) => {
            let mut digits = Vec::with_capacity(48);
            value.normalized().write(&mut digits);
            sized(4, &digits);
        }
        Value::Boolean(value) => sized(5, &[u8::from(*value)]),
        Value::Date(days) => sized(6, &days.to_be_bytes()),
        Value::Datetime(milliseconds) => sized(7, &milliseconds.to_be_bytes()),
        Value::Uuid(bytes) => sized(8, bytes),
    }
    Some(())
}
