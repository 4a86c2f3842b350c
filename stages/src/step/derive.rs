//! `derive`: a field of its own, computed from the others.
//!
//! A derived field stands behind the fields of the spec, in the order of the steps. Its expression sees the
//! fields before it. A value that is not of the declared type is a reject, never a conversion that loses.

use super::expression::{Expression, Names};
use crate::record::{Field, Record, Type};
use pipeline::{Step, Verdict};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Names that a document keeps for the load itself.
const RESERVED: [&str; 4] = ["_id", "_src", "_loads", "_rescued"];

/// What a spec says of a `derive` step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeriveSpec {
    /// The field's name.
    #[schemars(example = &"total")]
    pub field: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    #[schemars(example = &"decimal")]
    pub kind: Option<Type>,
    /// Its value, in CEL.
    #[schemars(example = &"price * quantity")]
    pub expr: Option<String>,
    /// Its place in the document, parts joined by dots, or false to compute without writing. Without it the
    /// field's own name.
    #[schemars(example = &"sum.total")]
    pub to: Option<Place>,
}

/// Where a derived field stands in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Names joined by dots, outermost first.
    Path(String),
    /// Nowhere: it is computed, not written.
    Nowhere,
}

impl DeriveSpec {
    /// The field that it adds to the schema.
    ///
    /// # Errors
    /// Everything that is wrong with name, type and place, each with its key below the step.
    pub fn field(&self) -> Result<Field, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String| wrong.push((format!("derive.{key}"), message));
        let name = self.field.as_deref().unwrap_or_default();
        let mut characters = name.chars();
        let first = characters.next();
        if self.field.is_none() {
            say("field", "a name is missing".into());
        } else if !first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            say(
                "field",
                format!("{name:?} is no name: a letter or `_`, then letters, digits and `_`"),
            );
        }
        if self.kind.is_none() {
            say("type", "a type is missing".into());
        }
        let target = match &self.to {
            None => Some(vec![Arc::from(name)]),
            Some(Place::Nowhere) => None,
            Some(Place::Path(path)) => Some(path.split('.').map(Arc::from).collect::<Vec<_>>()),
        };
        if let Some(target) = &target {
            let key = if self.to.is_some() { "to" } else { "field" };
            let outermost = target.first().map_or("", |part| part);
            if RESERVED.contains(&outermost) {
                say(key, format!("`{outermost}` is reserved"));
            }
            if self.to.is_some()
                && target
                    .iter()
                    .any(|part| part.is_empty() || part.contains('\0'))
            {
                say(key, "a part of the path is empty".into());
            }
        }
        match self.kind {
            Some(kind) if wrong.is_empty() => Ok(Field {
                name: name.into(),
                kind,
                target,
            }),
            _ => Err(wrong),
        }
    }

    /// The step. `names` holds the field itself, which is not visible yet.
    ///
    /// # Errors
    /// Everything that is wrong, each with its key below the step.
    pub fn build(&self, names: &Names<'_>) -> Result<Box<dyn Step<Record>>, Vec<(String, String)>> {
        let field = match self.field() {
            Ok(field) => field,
            Err(mut wrong) => {
                wrong.extend(self.expression(names).err());
                return Err(wrong);
            }
        };
        let Some(index) = names.schema.index_of(&field.name) else {
            let message = format!("`{}` is not in the schema", field.name);
            return Err(vec![("derive.field".into(), message)]);
        };
        let visible = names.visible.min(index);
        let expression = self.expression(&Names { visible, ..*names });
        Ok(Box::new(Derive {
            name: field.name,
            kind: field.kind,
            index,
            expression: expression.map_err(|wrong| vec![wrong])?,
        }))
    }

    /// The expression, which sees the visible fields of `names` and gives a value of the field's type.
    ///
    /// # Errors
    /// What is wrong, with its key below the step.
    pub fn expression(&self, names: &Names<'_>) -> Result<Expression, (String, String)> {
        let say = |message: String| ("derive.expr".to_owned(), message);
        let text = self.expr.as_ref();
        let text = text.ok_or_else(|| say("an expression is missing".into()))?;
        let expression =
            Expression::compile(text, names).map_err(|error| say(error.to_string()))?;
        match self.kind.map_or(Ok(()), |kind| expression.must_give(kind)) {
            Ok(()) => Ok(expression),
            Err(message) => Err(say(message)),
        }
    }
}

struct Derive {
    name: Arc<str>,
    kind: Type,
    index: usize,
    expression: Expression,
}

impl Step<Record> for Derive {
    fn apply(&self, record: &mut Record) -> Verdict {
        match self.expression.fill(record, self.index, self.kind) {
            Ok(()) => Verdict::Keep,
            Err(mut problem) => {
                problem.field = Some(self.name.to_string());
                Verdict::Reject(vec![problem])
            }
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrFalse;
        impl Visitor<'_> for PathOrFalse {
            type Value = Place;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a target path or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Place, E> {
                Ok(Place::Path(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, written: bool) -> Result<Place, E> {
                match written {
                    true => Err(E::invalid_value(Unexpected::Bool(written), &self)),
                    false => Ok(Place::Nowhere),
                }
            }
        }
        deserializer.deserialize_any(PathOrFalse)
    }
}

impl JsonSchema for Place {
    fn schema_name() -> Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string", "minLength": 1}, {"const": false}]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Schema as Fields, Value};

    fn spec(text: &str) -> DeriveSpec {
        toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Builds the steps over one integer field `count`, and applies them to a record where it is 3.
    fn run(texts: &[&str]) -> Result<Vec<Value>, String> {
        let specs: Vec<_> = texts.iter().map(|text| spec(text)).collect();
        let mut fields = vec![Field {
            name: "count".into(),
            kind: Type::Integer,
            target: None,
        }];
        for spec in &specs {
            fields.push(spec.field().map_err(|wrong| format!("{wrong:?}"))?);
        }
        let schema = Fields::new(fields).unwrap();
        let names = Names {
            schema: &schema,
            visible: schema.fields.len(),
            zones: &[],
            uncertain: &[],
        };
        let mut record = Record::default();
        record.clear(schema.fields.len());
        record.set(0, Value::Integer(3));
        for spec in &specs {
            let step = spec.build(&names).map_err(|wrong| format!("{wrong:?}"))?;
            if let Verdict::Reject(problems) = step.apply(&mut record) {
                return Err(format!("{} {:?}", problems[0].code, problems[0].field));
            }
        }
        Ok((1..schema.fields.len())
            .map(|index| record.value(index).clone())
            .collect())
    }

    #[test]
    fn each_field_sees_those_before_it() {
        let double = "field = 'twice'\ntype = 'integer'\nexpr = 'count * 2'";
        let more = "field = 'more'\ntype = 'integer'\nexpr = 'twice + count'\nto = false";
        assert_eq!(
            run(&[double, more]),
            Ok(vec![Value::Integer(6), Value::Integer(9)])
        );
        let message = run(&[more, double]).unwrap_err();
        assert!(
            message.contains("derive.expr") && message.contains("no field `twice`"),
            "{message}"
        );
        let own = "field = 'own'\ntype = 'integer'\nexpr = 'own + 1'";
        assert!(run(&[own]).is_err());
    }

    #[test]
    fn a_value_of_another_type_is_a_problem_of_the_field() {
        let step = "field = 'x'\ntype = 'string'\nexpr = '[1, count][1]'";
        assert_eq!(run(&[step]), Err("expression Some(\"x\")".into()));
        let step = "field = 'x'\ntype = 'string'\nexpr = 'count'";
        assert!(run(&[step]).unwrap_err().contains("derive.expr"));
    }

    fn wrong(text: &str, expected: &[&str]) {
        let wrong = spec(text).field().err().unwrap_or_default();
        let paths: Vec<_> = wrong.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, expected, "{text}");
    }

    #[test]
    fn a_field_has_a_name_a_type_and_a_place() {
        wrong("", &["derive.field", "derive.type"]);
        wrong("field = '2x'\ntype = 'list'", &["derive.field"]);
        wrong("field = '_id'\ntype = 'string'", &["derive.field"]);
        wrong("field = '_id'\ntype = 'string'\nto = 'a.b'", &[]);
        wrong(
            "field = 'a'\ntype = 'string'\nto = '_src.x'",
            &["derive.to"],
        );
        wrong("field = 'a'\ntype = 'string'\nto = 'x..y'", &["derive.to"]);
        wrong("field = 'a'\ntype = 'string'\nto = ''", &["derive.to"]);
        let field = spec("field = 'a'\ntype = 'string'\nto = 'x.y'")
            .field()
            .unwrap();
        assert_eq!(field.target, Some(vec!["x".into(), "y".into()]));
        let field = spec("field = 'a'\ntype = 'string'\nto = false")
            .field()
            .unwrap();
        assert_eq!(field.target, None);
        assert!(toml::from_str::<DeriveSpec>("to = true").is_err());
        assert!(toml::from_str::<DeriveSpec>("typ = 'string'").is_err());
    }
}
