//! `drop`: a record for which a condition holds is left out, and counted under the step's name.
//!
//! A record on which the condition cannot be evaluated is a reject, never a silent drop.

use super::condition::Condition;
use super::expression::Names;
use crate::record::Record;
use pipeline::{Step, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// What a spec says of a `drop` step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropSpec {
    /// What the dropped records are counted under.
    #[schemars(example = &"test_order")]
    pub name: Option<String>,
    /// The condition, in CEL.
    #[schemars(example = &"email.endsWith('@example.com')")]
    pub when: Option<String>,
}

impl DropSpec {
    /// The step.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key below the step.
    pub fn build(&self, names: &Names<'_>) -> Result<Box<dyn Step<Record>>, Vec<(String, String)>> {
        let (name, when) = (self.name.as_deref(), self.when.as_deref());
        let condition = Condition::build("drop", name, when, names)?;
        let name = Arc::from(name.unwrap_or_default());
        Ok(Box::new(Drop { name, condition }))
    }
}

struct Drop {
    name: Arc<str>,
    condition: Condition,
}

impl Step<Record> for Drop {
    fn apply(&self, record: &mut Record) -> Verdict {
        match self.condition.holds(record) {
            Ok(true) => Verdict::Drop(self.name.clone()),
            Ok(false) => Verdict::Keep,
            Err(problem) => Verdict::Reject(vec![problem]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Field, Schema, Type, Value};

    fn step(text: &str) -> Box<dyn Step<Record>> {
        let field = Field {
            name: "count".into(),
            kind: Type::Integer,
            target: None,
        };
        let schema = Schema::new(vec![field]).unwrap();
        let names = Names {
            schema: &schema,
            visible: 1,
            zones: &[],
            uncertain: &[],
        };
        let spec: DropSpec = toml::from_str(text).unwrap();
        spec.build(&names)
            .unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    fn verdict(value: Value) -> Verdict {
        let mut record = Record::default();
        record.clear(1);
        record.set(0, value);
        step("name = 'few'\nwhen = 'count < 3'").apply(&mut record)
    }

    #[test]
    fn records_that_meet_the_condition_are_dropped_under_its_name() {
        assert_eq!(verdict(Value::Integer(2)), Verdict::Drop("few".into()));
        assert_eq!(verdict(Value::Integer(3)), Verdict::Keep);
        let Verdict::Reject(problems) = verdict(Value::Null) else {
            panic!("null is not compared");
        };
        assert_eq!(problems[0].code, "expression");
        assert!(
            problems[0].message.starts_with("drop `few`: found no"),
            "{problems:?}"
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<DropSpec>("name = 'a'\nif = 'b'").is_err());
    }
}
