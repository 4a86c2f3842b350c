//! `explode`: one record becomes a record for each item of a list, its parts.
//!
//! A part holds every field of the record; the item stands in the place of the list, in the schema too, so fields keep
//! their indexes and nothing is copied. Steps behind it see parts, those before it the record. What becomes of the
//! parts together is the chain's to say: all are loaded, or the record is rejected.

use crate::identity::PART_BITS;
use crate::record::{Field, Record, Schema, Type, Value};
use crate::spec::nearest;
use pipeline::{Explode, Problem, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The most parts of one record that a spec may allow.
pub const MAX_RECORD_PARTS: u32 = (1 << PART_BITS) - 1;
/// The most parts of one record where a spec says nothing.
pub const DEFAULT_RECORD_PARTS: u32 = 10_000;

/// Names that a document keeps for the load itself.
const RESERVED: [&str; 4] = ["_id", "_src", "_loads", "_rescued"];

/// What a spec says of an `explode` step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplodeSpec {
    /// The field of type list; each of its items makes a document of its own, with all other fields beside it. A record
    /// is loaded whole or not at all.
    #[schemars(example = &"lines")]
    pub field: Option<String>,
    /// What an item is called for the steps behind, and where it stands in the document. Without it both stay the
    /// list's.
    #[serde(rename = "as")]
    #[schemars(example = &"line")]
    pub name: Option<String>,
    /// Records whose list is empty or null are dropped, and counted under this name. Without it each of them is one
    /// document without an item.
    #[schemars(example = &"no_lines")]
    pub drop_empty: Option<String>,
    /// The most items of one record; more are the reject `too_many_parts`. Default: 10,000.
    #[schemars(example = 500)]
    pub max_parts: Option<u32>,
}

/// A checked `explode` step.
#[derive(Clone, Debug)]
pub struct ExplodePlan {
    /// It stands behind so many steps.
    pub behind: usize,
    /// The field's index in the schema.
    index: usize,
    /// How many fields a record has before it; those behind them are a part's own.
    fields: usize,
    list: Field,
    drop_empty: Option<Arc<str>>,
    max_parts: usize,
    /// Whether nothing says what items are: then each must be an object.
    of_objects: bool,
}

/// The step and the field that stands for an item.
pub type Exploded = (ExplodePlan, Field);

impl ExplodeSpec {
    /// The step among the fields of `schema`; `items` is the type of the list's items, where the
    /// spec says it.
    ///
    /// # Errors
    /// Everything that is wrong: its key below the step, a sentence, and a hint where there is one.
    pub fn build(
        &self,
        schema: &Schema,
        items: impl Fn(&str) -> Option<Type>,
    ) -> Result<Exploded, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, message: String, hint: Option<String>| {
            wrong.push((format!("explode.{key}"), message, hint));
        };
        let list = self.field.as_deref().unwrap_or_default();
        let index = schema.index_of(list);
        match index {
            _ if self.field.is_none() => say("field", "the name of a list is missing".into(), None),
            None => {
                let known: Vec<&str> = schema.fields.iter().map(|field| &*field.name).collect();
                let hint = nearest(list, &known).map(|near| format!("did you mean `{near}`?"));
                say("field", format!("there is no field `{list}`"), hint);
            }
            Some(index) if schema.fields[index].kind != Type::List => {
                let hint = "only a field of type list has items".to_owned();
                say("field", format!("`{list}` is no list"), Some(hint));
            }
            Some(_) => {}
        }
        if let Some(name) = self.name.as_deref().filter(|name| *name != list) {
            if !is_name(name) {
                let message =
                    format!("{name:?} is no name: a letter or `_`, then letters, digits and `_`");
                say("as", message, None);
            } else if schema.index_of(name).is_some() {
                say("as", format!("there is a field `{name}` already"), None);
            } else if RESERVED.contains(&name) {
                say("as", format!("`{name}` is reserved"), None);
            }
        }
        if let Some(name) = self.drop_empty.as_deref().filter(|name| !is_name(name)) {
            let message = format!("{name:?} is no name for what is dropped");
            say("drop_empty", message, None);
        }
        let max_parts = self.max_parts.unwrap_or(DEFAULT_RECORD_PARTS);
        if !(1..=MAX_RECORD_PARTS).contains(&max_parts) {
            let message =
                format!("`max_parts` is {max_parts}, it must be from 1 to {MAX_RECORD_PARTS}");
            say("max_parts", message, None);
        }
        let Some(index) = index.filter(|_| wrong.is_empty()) else {
            return Err(wrong);
        };
        let field = &schema.fields[index];
        let kind = items(list);
        let item = Field {
            name: self.name.as_deref().map_or(field.name.clone(), Arc::from),
            kind: kind.unwrap_or(Type::Object),
            target: match &self.name {
                Some(name) if **name != *field.name => Some(vec![Arc::from(&**name)]),
                _ => field.target.clone(),
            },
        };
        let plan = ExplodePlan {
            behind: 0,
            index,
            fields: schema.fields.len(),
            list: field.clone(),
            drop_empty: self.drop_empty.as_deref().map(Arc::from),
            max_parts: max_parts as usize,
            of_objects: kind.is_none(),
        };
        Ok((plan, item))
    }
}

/// A key below the step, what is wrong with it, and what to do.
pub type Wrong = (String, String, Option<String>);

impl ExplodePlan {
    /// The field's index in the schema.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What the steps before it see, where those behind it see `schema`.
    ///
    /// # Errors
    /// Never for the schema that this was planned in; else as [`Schema::new`].
    pub fn before(&self, schema: &Schema) -> Result<Schema, usize> {
        let mut fields = schema.fields.clone();
        if let Some(field) = fields.get_mut(self.index) {
            *field = self.list.clone();
        }
        Schema::new(fields)
    }

    /// Whether the field with this index is not a record's but its parts'.
    pub fn is_of_parts(&self, index: usize) -> bool {
        index == self.index || index >= self.fields
    }

    fn refused(&self, code: &'static str, message: String) -> Verdict {
        Verdict::Reject(vec![Problem::of_field(code, &*self.list.name, message)])
    }
}

impl Explode<Record> for ExplodePlan {
    fn parts(
        &self,
        record: &mut Record,
        each: &mut dyn FnMut(u32, &mut Record) -> bool,
    ) -> Verdict {
        let mut items = match record.take(self.index) {
            Value::List(items) => items,
            Value::Null => Vec::new(),
            _ => return self.refused("type", format!("`{}` is no list", self.list.name)),
        };
        if items.len() > self.max_parts {
            let message = format!(
                "{} items, at most {} are taken",
                items.len(),
                self.max_parts
            );
            return self.refused("too_many_parts", message);
        }
        if items.is_empty() {
            return match &self.drop_empty {
                Some(name) => Verdict::Drop(name.clone()),
                None => {
                    each(0, record);
                    Verdict::Keep
                }
            };
        }
        let texts = record.texts();
        for (item, part) in items.drain(..).zip(1..) {
            if self.of_objects && !matches!(item, Value::Object(_) | Value::Null) {
                let message = "is no object, and the spec does not say what `items` are";
                let message = format!("{}[{}] {message}", self.list.name, part - 1);
                return self.refused("part_type", message);
            }
            record.set(self.index, item);
            if !each(part, record) {
                break;
            }
            // What the steps of one part have made is not kept for the others.
            record.forget_behind(self.fields, texts);
        }
        record.set(self.index, Value::List(items));
        Verdict::Keep
    }

    fn of_part(&self, part: u32, problem: &mut Problem) {
        if let Some(index) = part.checked_sub(1) {
            problem.message = format!("{}[{index}]: {}", self.list.name, problem.message);
        }
        problem
            .field
            .get_or_insert_with(|| self.list.name.to_string());
    }
}

/// Whether a text is `[A-Za-z_][A-Za-z0-9_]*`.
fn is_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
