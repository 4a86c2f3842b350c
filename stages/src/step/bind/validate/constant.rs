//! A value that a spec names, `minimum = "0.01"` say, in a field's own type, compared exactly with values of
//! records. Its text is canonical: a point for decimals, ISO 8601 for dates, whatever the input looks like.

use crate::record::{Decimal, Key, Record, Type, Value, write_date, write_datetime};
use crate::step::bind::{Form, Literal, NumberStyle, Reader, Zone};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A value of a spec.
#[derive(Clone, Debug)]
pub struct Constant {
    value: Value,
    /// What a [`Value::Text`] says: it belongs to no record.
    text: Box<str>,
    shown: Box<str>,
}

impl Constant {
    /// The value of `literal` in type `kind`; a datetime without an offset is local time in `zone`.
    ///
    /// # Errors
    /// The end of a sentence that begins with the literal.
    pub fn new(kind: Type, literal: &Literal, zone: Option<&Arc<Zone>>) -> Result<Self, String> {
        let iso: Arc<[Form]> = Arc::new([Form::Iso]);
        let reader = match kind {
            Type::String => Reader::String,
            Type::Integer => Reader::Integer(NumberStyle::PLAIN),
            Type::Float => Reader::Float(NumberStyle::PLAIN),
            Type::Decimal => Reader::Decimal(NumberStyle::PLAIN, None),
            Type::Date => Reader::Date(iso),
            Type::Datetime => Reader::Datetime(iso, zone.cloned()),
            Type::Time => Reader::Time(iso),
            Type::Duration => Reader::Duration,
            Type::Uuid => Reader::Uuid,
            Type::Email => Reader::Email,
            Type::Url => Reader::Url,
            Type::Boolean | Type::List | Type::Object => match literal {
                Literal::Boolean(value) if kind == Type::Boolean => {
                    return Ok(Self {
                        value: Value::Boolean(*value),
                        text: "".into(),
                        shown: value.to_string().into(),
                    });
                }
                _ => return Err(wrong(kind)),
            },
        };
        let number = matches!(
            kind,
            Type::Integer | Type::Float | Type::Decimal | Type::Duration
        );
        let text = match literal {
            Literal::Text(text) => text.clone(),
            // The shortest text of a double is what the spec said, up to 15 digits.
            Literal::Integer(_) | Literal::Float(_) if number => literal.to_string(),
            _ => return Err(wrong(kind)),
        };
        let mut record = Record::default();
        let value = reader
            .text(&text, &mut record)
            .map_err(|fault| fault.reason.into_owned())?;
        let text = match value {
            Value::Text(text) => record.text(text).into(),
            _ => "".into(),
        };
        let shown = match literal {
            Literal::Text(text) => text.clone(),
            other => other.to_string(),
        };
        Ok(Self {
            value,
            text,
            shown: shown.into(),
        })
    }

    /// The value; a text in it belongs to no record.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// The text that it is, to be looked for.
    pub fn key(&self) -> Option<Key> {
        matches!(self.value, Value::Text(_)).then(|| Key::new(&self.text))
    }

    /// How this value stands to a value of `record`; `None` where their types cannot be compared.
    #[inline]
    pub fn compare(&self, other: &Value, record: &Record) -> Option<Ordering> {
        match (&self.value, other) {
            (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
            _ => self.compare_others(other, record),
        }
    }

    #[inline(never)]
    fn compare_others(&self, other: &Value, record: &Record) -> Option<Ordering> {
        self.order(other, |text| record.text(text))
    }

    /// Whether this is a value of `record`.
    #[inline]
    pub fn equals(&self, other: &Value, record: &Record) -> bool {
        self.compare(other, record) == Some(Ordering::Equal)
    }

    /// How two constants of one type stand to each other.
    pub fn compare_with(&self, other: &Self) -> Option<Ordering> {
        self.order(&other.value, |_| &other.text)
    }

    #[inline]
    fn order<'t>(
        &self,
        other: &Value,
        text: impl Fn(crate::record::Text) -> &'t str,
    ) -> Option<Ordering> {
        Some(match (&self.value, other) {
            (Value::Text(_), Value::Text(other)) => (*self.text).cmp(text(*other)),
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b)?,
            (Value::Decimal(a), Value::Decimal(b)) => a.compare(b),
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Value::Date(a), Value::Date(b)) => a.cmp(b),
            (Value::Datetime(a), Value::Datetime(b)) => a.cmp(b),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            _ => return None,
        })
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn wrong(kind: Type) -> String {
    format!("is no value of type {}", name(kind))
}

/// The word of a type.
pub fn name(kind: Type) -> String {
    format!("{kind:?}").to_lowercase()
}

/// A value as sinks write it and messages show it; lists and objects only by their size.
pub fn canonical(value: &Value, record: &Record) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Text(text) => record.text(*text).into(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(value) => Decimal::to_string(value),
        Value::Boolean(value) => value.to_string(),
        Value::Date(days) => written(|out| write_date(*days, out)),
        Value::Datetime(milliseconds) => written(|out| write_datetime(*milliseconds, out)),
        Value::Uuid(bytes) => hex::encode(bytes),
        Value::List(items) => format!("a list of {} items", items.len()),
        Value::Object(entries) => format!("an object of {} entries", entries.len()),
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
