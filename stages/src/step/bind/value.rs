//! A text becomes a typed value: one reader per type, everything it needs prepared by the plan.
//! It promises that a value is exactly what was written or a fault; it never guesses a type.

use super::identifier;
use super::json_text;
use super::lookup::{Looked, Lookup};
use super::number::{self, Negative, NumberStyle};
use super::time::{self, Form, Zone};
use crate::record::{Record, Text, Value};
use pipeline::Problem;
use std::borrow::Cow;
use std::sync::Arc;

/// The most characters of a value that a message shows.
pub const MAX_SHOWN_CHARS: usize = 100;

/// The code of a fault that is none: the text means null.
pub const NOTHING: &str = "nothing";

/// What is wrong with a value: the end of a sentence that begins with the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The stable word of the problem.
    pub code: &'static str,
    /// `is no integer`, say.
    pub reason: Cow<'static, str>,
}

impl Fault {
    /// Not of its type.
    pub fn wrong(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: "type",
            reason: reason.into(),
        }
    }

    /// A number, or a moment, that its type cannot hold.
    pub fn range(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: "number_range",
            reason: reason.into(),
        }
    }

    /// The problem of a field in which `found` was found.
    pub fn problem(&self, field: &str, found: &str) -> Problem {
        let message = format!("{} {}", shown(found), self.reason);
        Problem::of_field(self.code, field, message)
    }
}

/// A value as messages show it: quoted, control characters escaped, at most [`MAX_SHOWN_CHARS`].
pub fn shown(found: &str) -> String {
    match found.char_indices().nth(MAX_SHOWN_CHARS) {
        None => format!("{found:?}"),
        Some((end, _)) => format!("{:?}…", &found[..end]),
    }
}

/// A text that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'t> {
    /// The text itself.
    pub text: &'t str,
    /// Where it stands in the record already.
    pub place: Option<Text>,
}

impl Found<'_> {
    /// Its place in `record`, into which it is copied where it has none.
    #[inline]
    fn stored(self, record: &mut Record) -> Text {
        match self.place {
            Some(place) => place,
            None => record.store(self.text),
        }
    }
}

impl<'t> From<&'t str> for Found<'t> {
    fn from(text: &'t str) -> Self {
        Self { text, place: None }
    }
}

/// How one type is read.
#[derive(Clone, Debug)]
pub enum Reader {
    /// Any text.
    String,
    /// An integer of 64 bits.
    Integer(NumberStyle),
    /// A finite double.
    Float(NumberStyle),
    /// An exact decimal, with an implied point where a scale is given.
    Decimal(NumberStyle, Option<u32>),
    /// A number of one of the types above, whose sign may stand elsewhere than in front.
    Signed(Box<Reader>, Negative),
    /// What a table has for a text, read by another reader.
    Lookup(Arc<Lookup>, Box<Reader>),
    /// A truth value by its texts.
    Boolean(Arc<Truths>),
    /// A date.
    Date(Arc<[Form]>),
    /// A moment; local times are those of the zone.
    Datetime(Arc<[Form]>, Option<Arc<Zone>>),
    /// A time of day.
    Time(Arc<[Form]>),
    /// Whole seconds.
    Duration,
    /// A UUID.
    Uuid,
    /// An e-mail address.
    Email,
    /// A URL.
    Url,
    /// A list; in a text the items stand between separators. Without a reader the items stay as they are.
    List(Option<Box<Reader>>, Option<Box<str>>),
    /// A JSON object, as it is.
    Object,
    /// A list or object that stands in a text, as JSON.
    JsonText(Box<Reader>),
}

/// The texts that mean true and false.
#[derive(Clone, Debug)]
pub struct Truths {
    /// Those that mean true.
    pub yes: Vec<String>,
    /// Those that mean false.
    pub no: Vec<String>,
}

impl Truths {
    fn read(&self, text: &str) -> Result<bool, Fault> {
        if self.yes.iter().any(|yes| yes == text) {
            Ok(true)
        } else if self.no.iter().any(|no| no == text) {
            Ok(false)
        } else {
            let all: Vec<String> = self
                .yes
                .iter()
                .chain(&self.no)
                .map(|text| shown(text))
                .collect();
            Err(Fault::wrong(format!("is none of {}", all.join(", "))))
        }
    }
}

impl Reader {
    /// The reader of what was looked up: a default is.
    pub fn of_values(&self) -> &Self {
        match self {
            Self::Lookup(_, reader) => reader,
            reader => reader,
        }
    }

    /// Reads a text; texts go into the buffer of `record`.
    pub fn text(&self, text: &str, record: &mut Record) -> Result<Value, Fault> {
        self.text_to(text.into(), record, |_, value| value)
    }

    /// Reads a text and puts the value where it belongs. Each type calls `put` for itself: a value that is
    /// returned is copied on the way, which costs more than reading a short one.
    #[inline(always)]
    pub fn text_to<T>(
        &self,
        found: Found<'_>,
        record: &mut Record,
        put: impl FnOnce(&mut Record, Value) -> T,
    ) -> Result<T, Fault> {
        let text = found.text;
        match self {
            Self::String => {
                let text = found.stored(record);
                Ok(put(record, Value::Text(text)))
            }
            Self::Email if identifier::is_email(text) => {
                let text = found.stored(record);
                Ok(put(record, Value::Text(text)))
            }
            Self::Integer(style) => {
                let value = number::integer(text, *style)?;
                Ok(put(record, Value::Integer(value)))
            }
            Self::Float(style) => {
                let value = number::float(text, *style)?;
                Ok(put(record, Value::Float(value)))
            }
            Self::Decimal(style, scale) => {
                let value = number::decimal(text, *style, *scale)?;
                Ok(put(record, Value::Decimal(value)))
            }
            Self::Boolean(truths) => {
                let value = truths.read(text)?;
                Ok(put(record, Value::Boolean(value)))
            }
            Self::Date(forms) => {
                let days = time::date(text, forms)?;
                Ok(put(record, Value::Date(days)))
            }
            Self::Datetime(forms, zone) => {
                let milliseconds = time::datetime(text, forms, zone.as_ref())?;
                Ok(put(record, Value::Datetime(milliseconds)))
            }
            Self::Uuid => match identifier::uuid(text) {
                Some(bytes) => Ok(put(record, Value::Uuid(bytes))),
                None => Err(Fault::wrong("is no UUID")),
            },
            _ => self.rarer(found, record).map(|value| put(record, value)),
        }
    }

    #[inline(never)]
    fn rarer(&self, found: Found<'_>, record: &mut Record) -> Result<Value, Fault> {
        let text = found.text;
        match self {
            Self::Time(forms) => time::time(text, forms, |text| Value::Text(record.store(text))),
            Self::Duration => time::duration(text).map(Value::Integer),
            Self::Signed(number, negative) => match negative.in_front(text) {
                Some(text) => number.text(&text, record),
                None => Err(Fault::wrong("has two signs")),
            },
            Self::Lookup(lookup, reader) => match lookup.look(text) {
                Looked::For(text) => reader.text(text, record),
                Looked::Null => Err(Fault {
                    code: NOTHING,
                    reason: "stands for nothing".into(),
                }),
                Looked::Unknown => Err(Fault {
                    code: "lookup",
                    reason: "is not in the table of the field's `lookup`".into(),
                }),
            },
            Self::Url if identifier::is_url(text) => Ok(Value::Text(found.stored(record))),
            Self::Url => Err(Fault::wrong("is no absolute http or https URL")),
            Self::List(items, Some(separator)) => {
                list_of_text(text, items.as_deref(), separator, record)
            }
            Self::List(_, None) => Err(Fault::wrong("is a text, not a list")),
            Self::Object => Err(Fault::wrong("is a text, not an object")),
            Self::JsonText(reader) => json_text::read(text, reader, record),
            _ => Err(Fault::wrong(self.expectation())),
        }
    }

    /// The end of a sentence about a value of another type.
    pub(super) fn expectation(&self) -> &'static str {
        match self {
            Self::String => "is no text",
            Self::Integer(_) => "is no integer",
            Self::Float(_) | Self::Decimal(..) => "is no number",
            Self::Signed(number, _) => number.expectation(),
            Self::Lookup(..) => "is no text that could be looked up",
            Self::Boolean(_) => "is neither true nor false",
            Self::Date(_) => "is no date",
            Self::Datetime(..) => "is no datetime",
            Self::Time(_) => "is no time of day",
            Self::Duration => "is no duration",
            Self::Uuid => "is no UUID",
            Self::Email => "is no e-mail address",
            Self::Url => "is no URL",
            Self::List(..) => "is no list",
            Self::Object => "is no object",
            Self::JsonText(reader) => reader.expectation(),
        }
    }
}

/// The items between separators; an empty text is an empty list.
fn list_of_text(
    text: &str,
    items: Option<&Reader>,
    separator: &str,
    record: &mut Record,
) -> Result<Value, Fault> {
    if text.is_empty() {
        return Ok(Value::List(Vec::new()));
    }
    let reader = items.unwrap_or(&Reader::String);
    let read = |(item, number)| {
        let value = reader.text(item, record);
        value.map_err(|fault| in_list(fault, number, item))
    };
    text.split(separator)
        .zip(1..)
        .map(read)
        .collect::<Result<_, _>>()
        .map(Value::List)
}

pub(super) fn in_list(fault: Fault, number: usize, found: &str) -> Fault {
    let reason = format!(
        "has an item {number}, {}, that {}",
        shown(found),
        fault.reason
    );
    Fault {
        code: fault.code,
        reason: reason.into(),
    }
}
