//! `reject`: a record for which a condition holds is refused, under the step's name as its code.

use super::condition::Condition;
use super::expression::Names;
use crate::record::Record;
use pipeline::{Problem, Step, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// What a spec says of a `reject` step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectSpec {
    /// The code of the rejects.
    #[schemars(example = &"no_total")]
    pub name: Option<String>,
    /// The condition, in CEL.
    #[schemars(example = &"status == 'paid' && total == null")]
    pub when: Option<String>,
    /// The field that is at fault.
    #[schemars(example = &"total")]
    pub field: Option<String>,
    /// What a person reads; the condition itself without it.
    #[schemars(example = &"a paid order has a total")]
    pub message: Option<String>,
    /// Whether the record is refused, or loaded with a warning that is counted under the step's name; `error`
    /// without it.
    #[schemars(example = &"warn")]
    pub severity: Option<Severity>,
}

/// What becomes of a record that meets the condition of a `reject` step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is loaded, and counted.
    Warn,
    /// It is refused.
    #[default]
    Error,
}

/// Codes that the program's own rejects have.
pub const BUILT_IN_CODES: [&str; 38] = [
    "cell_count",
    "context_rejected",
    "document_too_deep",
    "document_too_large",
    "duplicate_key",
    "duplicate_reference",
    "duplicate_value",
    "encoding",
    "enum",
    "expression",
    "json_depth",
    "json_not_object",
    "json_syntax",
    "key_null",
    "max_length",
    "maximum",
    "min_length",
    "minimum",
    "more_problems",
    "name_taken",
    "no_column",
    "no_match",
    "no_record",
    "nul_in_name",
    "number_range",
    "pattern",
    "record_too_large",
    "refused_by_target",
    "refused_by_validator",
    "required",
    "reserved_name",
    "too_deep",
    "type",
    "unclosed_quote",
    "unknown_column",
    "unknown_field",
    "unknown_record",
    "unknown_reference",
];

impl RejectSpec {
    /// The step.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key below the step.
    pub fn build(&self, names: &Names<'_>) -> Result<Box<dyn Step<Record>>, Vec<(String, String)>> {
        let (name, when) = (self.name.as_deref(), self.when.as_deref());
        let built = Condition::build("reject", name, when, names);
        let unknown = self
            .field
            .iter()
            .filter(|field| names.schema.index_of(field).is_none())
            .filter(|field| !names.uncertain.iter().any(|name| **name == **field));
        let unknown: Vec<_> = unknown
            .map(|field| {
                (
                    "reject.field".to_owned(),
                    format!("there is no field `{field}`"),
                )
            })
            .collect();
        match built {
            Ok(condition) if unknown.is_empty() && self.severity == Some(Severity::Warn) => {
                Ok(Box::new(Warn {
                    name: name.unwrap_or_default().into(),
                    condition,
                }))
            }
            Ok(condition) if unknown.is_empty() => Ok(Box::new(Reject {
                problem: Problem {
                    code: name.unwrap_or_default().to_owned().into(),
                    field: self.field.clone(),
                    message: self.message.clone().unwrap_or_else(|| {
                        format!("the condition `{}` holds", when.unwrap_or_default())
                    }),
                },
                condition,
            })),
            Ok(_) => Err(unknown),
            Err(wrong) => Err(wrong.into_iter().chain(unknown).collect()),
        }
    }
}

struct Reject {
    problem: Problem,
    condition: Condition,
}

impl Step<Record> for Reject {
    fn apply(&self, record: &mut Record) -> Verdict {
        match self.condition.holds(record) {
            Ok(true) => Verdict::Reject(vec![self.problem.clone()]),
            Ok(false) => Verdict::Keep,
            Err(problem) => Verdict::Reject(vec![problem]),
        }
    }
}

/// A `reject` step that refuses nothing. A condition that cannot be evaluated still is the reject `expression`.
struct Warn {
    name: Arc<str>,
    condition: Condition,
}

impl Step<Record> for Warn {
    fn apply(&self, record: &mut Record) -> Verdict {
        match self.condition.holds(record) {
            Ok(true) => Verdict::Warn(self.name.clone()),
            Ok(false) => Verdict::Keep,
            Err(problem) => Verdict::Reject(vec![problem]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Field, Schema, Type, Value};

    fn built(text: &str) -> Result<Box<dyn Step<Record>>, Vec<(String, String)>> {
        let field = Field {
            name: "total".into(),
            kind: Type::Decimal,
            target: None,
        };
        let schema = Schema::new(vec![field]).unwrap();
        let names = Names {
            schema: &schema,
            visible: 1,
            zones: &[],
            uncertain: &[],
        };
        toml::from_str::<RejectSpec>(text).unwrap().build(&names)
    }

    fn check(text: &str, expected: &Verdict) {
        let step = built(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        let mut record = Record::default();
        record.clear(1);
        record.set(0, Value::Null);
        assert_eq!(&step.apply(&mut record), expected, "{text}");
    }

    #[test]
    fn records_that_meet_the_condition_are_refused() {
        let reject = |problem| Verdict::Reject(vec![problem]);
        check(
            "name = 'no-total'\nwhen = 'total == null'\nfield = 'total'\nmessage = 'give a total'",
            &reject(Problem::of_field("no-total", "total", "give a total")),
        );
        let message = "the condition `total == null` holds";
        check(
            "name = 'none'\nwhen = 'total == null'",
            &reject(Problem::of_record("none", message)),
        );
        check("name = 'none'\nwhen = 'total != null'", &Verdict::Keep);
        check(
            "name = 'none'\nwhen = 'total == null'\nseverity = 'warn'",
            &Verdict::Warn("none".into()),
        );
        check(
            "name = 'none'\nwhen = 'total != null'\nseverity = 'warn'",
            &Verdict::Keep,
        );
        let message = "reject `none`: `mul` cannot be done with null and an integer; where a value may be null, ask `… != null && …` first";
        check(
            "name = 'none'\nwhen = 'total * 2 == 2'",
            &reject(Problem::of_record("expression", message)),
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let wrong = built("when = 'total + 1'\nfield = 'totl'").err().unwrap();
        let paths: Vec<_> = wrong.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["reject.name", "reject.when", "reject.field"]);
    }
}
