//! One field's way from what was found to its value: text changes, missing values, default, type, constraints, in
//! this order. The value is pushed to the record; what is wrong is added to the problems, and the value is null then.

use super::text::Shape;
use super::value::{Fault, Found, NOTHING, Reader, shown};
use crate::record::{Item, Kind, Record, Text, Value};
use crate::step::bind::validate::Constraints;
use pipeline::Problem;
use std::sync::Arc;

/// A field as the hot path needs it.
#[derive(Clone, Debug)]
pub struct FieldPlan {
    pub(super) name: Arc<str>,
    pub(super) shape: Shape,
    pub(super) missing: MissingTexts,
    pub(super) default: Option<Fill>,
    pub(super) reader: Reader,
    pub(super) lax: bool,
    pub(super) required: bool,
    /// Where it was looked for, as a message says it; empty where its name says so.
    pub(super) looked_for: Box<str>,
    pub(super) constraints: Constraints,
}

/// The texts that mean null.
#[derive(Clone, Debug, Default)]
pub struct MissingTexts {
    has_empty: bool,
    others: Vec<Box<str>>,
}

impl MissingTexts {
    #[inline]
    fn is_empty(&self) -> bool {
        !self.has_empty && self.others.is_empty()
    }

    #[inline]
    fn has(&self, text: &str) -> bool {
        if text.is_empty() {
            return self.has_empty;
        }
        self.others.iter().any(|missing| **missing == *text)
    }
}

impl FromIterator<Box<str>> for MissingTexts {
    fn from_iter<I: IntoIterator<Item = Box<str>>>(texts: I) -> Self {
        let (empty, others): (Vec<_>, _) = texts.into_iter().partition(|text| text.is_empty());
        Self {
            has_empty: !empty.is_empty(),
            others,
        }
    }
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
    /// Pushes the value where nothing was found, or null.
    pub fn absent(&self, record: &mut Record, problems: &mut Vec<Problem>) {
        let value = match &self.default {
            Some(Fill::Value(value)) => value.clone(),
            Some(Fill::Text(text)) => {
                let reader = self.reader.of_values();
                reader.text(text, record).unwrap_or_default()
            }
            None => {
                if self.required {
                    problems.push(self.is_required("is required, and missing or null"));
                }
                Value::Null
            }
        };
        record.push(value);
    }

    /// Pushes the value of a text that stands at `place` of the record, of which it is field `index`.
    #[inline]
    pub fn text(
        &self,
        index: usize,
        text: &str,
        place: Text,
        record: &mut Record,
        problems: &mut Vec<Problem>,
    ) {
        if !self.shape.keeps(text) {
            return self.shaped(index, text, record, problems, false);
        }
        if self.missing.has(text) {
            return self.absent(record, problems);
        }
        let place = Some(place);
        let read = self
            .reader
            .text_to(Found { text, place }, record, Record::push);
        self.judge(read, index, text, record, problems);
    }

    /// Pushes the value of a JSON value, which is field `index` of the record.
    pub fn item(
        &self,
        index: usize,
        item: Item<'_>,
        record: &mut Record,
        problems: &mut Vec<Problem>,
    ) {
        match item.kind() {
            Kind::Null => self.absent(record, problems),
            Kind::String if !self.shape.is_empty() && !self.shape.keeps(item.text()) => {
                self.shaped(index, item.text(), record, problems, true);
            }
            Kind::String | Kind::Number
                if !self.missing.is_empty() && self.missing.has(item.text()) =>
            {
                self.absent(record, problems)
            }
            Kind::String => {
                let read = self
                    .reader
                    .text_item_to(item, self.lax, record, Record::push);
                self.judge_item(read, index, item, record, problems);
            }
            _ => {
                let read = self.reader.item_to(item, self.lax, record, Record::push);
                self.judge_item(read, index, item, record, problems);
            }
        }
    }

    /// As [`Self::judge`]; what was found is only looked at where it could not be read.
    #[inline(always)]
    fn judge_item(
        &self,
        read: Result<(), Fault>,
        index: usize,
        item: Item<'_>,
        record: &mut Record,
        problems: &mut Vec<Problem>,
    ) {
        match read {
            Ok(()) if self.constraints.is_empty() => {}
            Ok(()) => self.judge(Ok(()), index, "", record, problems),
            Err(fault) => self.judge(Err(fault), index, found(item), record, problems),
        }
    }

    /// Changes the text first, then looks whether it means null, reads and judges it.
    fn shaped(
        &self,
        index: usize,
        found: &str,
        record: &mut Record,
        problems: &mut Vec<Problem>,
        is_json: bool,
    ) {
        let read = match self.shape.apply(found) {
            Ok(text) if self.missing.has(&text) => return self.absent(record, problems),
            Ok(text) if is_json => {
                self.reader
                    .item_text_to((&*text).into(), self.lax, record, Record::push)
            }
            Ok(text) => self.reader.text_to((&*text).into(), record, Record::push),
            // A text that means null as it stands need not have what is looked for.
            Err(_) if self.missing.has(found) => return self.absent(record, problems),
            Err(fault) => Err(fault),
        };
        self.judge(read, index, found, record, problems);
    }

    /// Checks the value that was pushed, or pushes null for the one that could not be read.
    #[inline]
    fn judge(
        &self,
        read: Result<(), Fault>,
        index: usize,
        found: &str,
        record: &mut Record,
        problems: &mut Vec<Problem>,
    ) {
        match read {
            Ok(()) if self.constraints.is_empty() => {}
            Ok(()) => self
                .constraints
                .check(&self.name, record.value(index), record, problems),
            Err(fault) => self.refuse(&fault, found, record, problems),
        }
    }

    #[cold]
    fn refuse(&self, fault: &Fault, found: &str, record: &mut Record, problems: &mut Vec<Problem>) {
        if fault.code == NOTHING {
            return self.absent(record, problems);
        }
        problems.push(self.fault(fault, found));
        record.push(Value::Null);
    }

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
            format!("{} {reason}{}", shown(&self.name), self.looked_for),
        )
    }

    /// The problem of a record without this field, where `missing = "fail_any"` wants every one.
    #[cold]
    pub fn not_there(&self) -> Problem {
        self.is_required("is not there")
    }
}

/// What a message says was found.
#[cold]
fn found(item: Item<'_>) -> &str {
    match item.kind() {
        Kind::Boolean(true) => "true",
        Kind::Boolean(false) => "false",
        Kind::List => "[…]",
        Kind::Object => "{…}",
        _ => item.text(),
    }
}
