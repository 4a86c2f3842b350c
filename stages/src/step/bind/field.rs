//! One field's way from what was found to its value: text changes, missing values, default, type, constraints, in
//! this order. What is wrong is added to the record's problems; the value is null then.

use super::text::Shape;
use super::value::{Fault, Reader, shown};
use crate::record::{Item, Kind, Record, Value};
use crate::step::validate::Constraints;
use pipeline::Problem;
use std::sync::Arc;

/// A field as the hot path needs it.
#[derive(Clone, Debug)]
pub struct FieldPlan {
    pub(super) name: Arc<str>,
    pub(super) shape: Shape,
    pub(super) missing: Vec<Box<str>>,
    pub(super) default: Option<Fill>,
    pub(super) reader: Reader,
    pub(super) lax: bool,
    pub(super) required: bool,
    pub(super) constraints: Constraints,
}

/// What stands for null: checked by the plan.
#[derive(Clone, Debug)]
pub enum Fill {
    /// A value that needs no text.
    Value(Value),
    /// A text, read as if it had been found.
    Text(Box<str>),
}

impl FieldPlan {
    /// The value where nothing was found, or null.
    pub fn absent(&self, record: &mut Record, problems: &mut Vec<Problem>) -> Value {
        match &self.default {
            Some(Fill::Value(value)) => value.clone(),
            Some(Fill::Text(text)) => self.reader.text(text, record).unwrap_or_default(),
            None => {
                if self.required {
                    problems.push(self.is_required("is required, and missing or null"));
                }
                Value::Null
            }
        }
    }

    /// The value of a text.
    #[inline]
    pub fn text(&self, found: &str, record: &mut Record, problems: &mut Vec<Problem>) -> Value {
        self.shaped(found, record, problems, |text, record| {
            self.reader.text(text, record)
        })
    }

    /// The value of a JSON value.
    pub fn item(&self, item: Item<'_>, record: &mut Record, problems: &mut Vec<Problem>) -> Value {
        match item.kind() {
            Kind::Null => self.absent(record, problems),
            Kind::String => self.shaped(item.text(), record, problems, |text, record| {
                self.reader.item_text(text, self.lax, record)
            }),
            Kind::Number if self.is_missing(item.text()) => self.absent(record, problems),
            kind => {
                let value = self.reader.item(item, self.lax, record);
                let found = match kind {
                    Kind::Boolean(true) => "true",
                    Kind::Boolean(false) => "false",
                    Kind::List => "[…]",
                    Kind::Object => "{…}",
                    _ => item.text(),
                };
                self.judged(value, found, record, problems)
            }
        }
    }

    /// Changes `found`, looks whether it means null, reads and judges it.
    #[inline]
    fn shaped(
        &self,
        found: &str,
        record: &mut Record,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&str, &mut Record) -> Result<Value, Fault>,
    ) -> Value {
        if self.shape.is_empty() {
            if self.is_missing(found) {
                return self.absent(record, problems);
            }
            let value = read(found, record);
            return self.judged(value, found, record, problems);
        }
        match self.shape.apply(found) {
            Ok(text) if self.is_missing(&text) => self.absent(record, problems),
            Ok(text) => {
                let value = read(&text, record);
                self.judged(value, found, record, problems)
            }
            // A text that means null as it stands need not have what is looked for.
            Err(_) if self.is_missing(found) => self.absent(record, problems),
            Err(fault) => self.judged(Err(fault), found, record, problems),
        }
    }

    #[inline]
    fn is_missing(&self, text: &str) -> bool {
        self.missing.iter().any(|missing| **missing == *text)
    }

    #[inline]
    fn judged(
        &self,
        value: Result<Value, Fault>,
        found: &str,
        record: &mut Record,
        problems: &mut Vec<Problem>,
    ) -> Value {
        match value {
            Ok(value) => {
                if !self.constraints.is_empty() {
                    self.constraints.check(&self.name, &value, record, problems);
                }
                value
            }
            Err(fault) => {
                problems.push(self.fault(&fault, found));
                Value::Null
            }
        }
    }

    #[cold]
    fn fault(&self, fault: &Fault, found: &str) -> Problem {
        let mut problem = fault.problem(&self.name, found);
        if found.is_empty() && fault.code == "type" {
            problem
                .message
                .push_str("; where empty means null, say so with `missing_values`");
        }
        problem
    }

    #[cold]
    fn is_required(&self, reason: &str) -> Problem {
        Problem::of_field(
            "required",
            &*self.name,
            format!("{} {reason}", shown(&self.name)),
        )
    }

    /// The problem of a record without this field, where `missing = "fail_any"` wants every one.
    #[cold]
    pub fn not_there(&self) -> Problem {
        self.is_required("is not there")
    }
}
