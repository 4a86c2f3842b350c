//! Constraints: what a typed value must satisfy. They are data, checked by the bind for each field, so that all
//! problems of a record come together. They know no input: only a value and the record that holds its text.

mod constant;
mod pattern;
mod plan;

#[cfg(test)]
mod tests;

pub use constant::{Constant, canonical, name as type_name};
pub use plan::{Wanted, regex_fault};

use super::shown;
use crate::record::{Key, Record, Text, Value};
use pattern::Pattern;
use pipeline::Problem;
use std::cmp::Ordering;

/// The constraints of one field besides `required`, in the order in which their problems are told.
#[derive(Clone, Debug, Default)]
pub struct Constraints(Vec<Constraint>);

/// One constraint.
#[derive(Clone, Debug)]
enum Constraint {
    Minimum(Constant),
    Maximum(Constant),
    MinLength(u64),
    MaxLength(u64),
    /// The regular expression, and as the spec has it.
    Pattern(Pattern, String),
    /// The allowed values, and how a message lists them.
    Enum(Vec<Constant>, String),
    /// The allowed texts, likewise.
    Words(Vec<Key>, String),
}

impl Constraints {
    /// Whether every value passes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Judges `value` of `record`, which is not null, and adds a problem of `field` for each constraint that it
    /// does not satisfy.
    pub fn check(&self, field: &str, value: &Value, record: &Record, problems: &mut Vec<Problem>) {
        for constraint in &self.0 {
            if !constraint.is_met(value, record) {
                problems.push(constraint.problem(field, value, record));
            }
        }
    }
}

impl Constraint {
    /// What is not done in a word is a call: inside the loop over constraints, its first half would be done for each
    /// value, whatever its constraints.
    #[inline]
    fn is_met(&self, value: &Value, record: &Record) -> bool {
        match self {
            Self::Minimum(least) => least.compare(value, record) != Some(Ordering::Greater),
            Self::Maximum(most) => most.compare(value, record) != Some(Ordering::Less),
            Self::MinLength(least) => length(value, record).is_none_or(|length| length >= *least),
            Self::MaxLength(most) => length(value, record).is_none_or(|length| length <= *most),
            Self::Pattern(pattern, _) => match value {
                Value::Text(text) => matches(pattern, *text, record),
                _ => true,
            },
            Self::Words(allowed, _) => match value {
                Value::Text(text) => record.is_one_of(*text, allowed),
                _ => false,
            },
            Self::Enum(allowed, _) => allowed.iter().any(|one| one.equals(value, record)),
        }
    }

    #[cold]
    fn problem(&self, field: &str, value: &Value, record: &Record) -> Problem {
        let found = shown(&canonical(value, record));
        let (code, reason) = match self {
            Self::Minimum(least) => ("minimum", format!("is less than {least}")),
            Self::Maximum(most) => ("maximum", format!("is greater than {most}")),
            Self::MinLength(least) => ("min_length", format!("is shorter than {least}")),
            Self::MaxLength(most) => ("max_length", format!("is longer than {most}")),
            Self::Pattern(_, pattern) => ("pattern", format!("does not match {pattern}")),
            Self::Enum(_, list) | Self::Words(_, list) => ("enum", format!("is none of {list}")),
        };
        let hint = match value {
            Value::Text(text) if record.text(*text).is_empty() => {
                "; where empty means null, say so with `missing_values`"
            }
            _ => "",
        };
        Problem::of_field(code, field, format!("{found} {reason}{hint}"))
    }
}

/// Whether a text matches.
#[inline(never)]
fn matches(pattern: &Pattern, text: Text, record: &Record) -> bool {
    pattern.matches(record.text(text))
}

/// Characters of a text, items of a list.
#[inline(never)]
fn length(value: &Value, record: &Record) -> Option<u64> {
    match value {
        Value::Text(text) => Some(record.text(*text).chars().count() as u64),
        Value::List(items) => Some(items.len() as u64),
        _ => None,
    }
}
