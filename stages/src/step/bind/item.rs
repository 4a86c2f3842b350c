//! A JSON value becomes a typed value. Numbers stand for numbers, truth values for truth values, and texts for all
//! the rest; only `lax` lets one stand for another. Decimals are the exception: a text is how JSON carries one
//! that no double on the way can have harmed, so both are taken.

use super::number::{self, NumberStyle};
use super::time::{self, Form};
use super::untyped;
use super::value::{Fault, Found, Reader, in_list};
use crate::record::{Item, Kind, Record, Value};

impl Reader {
    /// Reads a JSON value that is neither null nor a text, and puts the value where it belongs.
    #[inline]
    pub fn item_to<T>(
        &self,
        item: Item<'_>,
        lax: bool,
        record: &mut Record,
        put: impl FnOnce(&mut Record, Value) -> T,
    ) -> Result<T, Fault> {
        let plain = NumberStyle::PLAIN;
        match (self, item.kind()) {
            (Self::Integer(_), Kind::Number) => {
                let value = number::integer(item.text(), plain)?;
                Ok(put(record, Value::Integer(value)))
            }
            (Self::Float(_), Kind::Number) => {
                let value = number::float(item.text(), plain)?;
                Ok(put(record, Value::Float(value)))
            }
            (Self::Decimal(_, scale), Kind::Number) => {
                let value = number::decimal(item.text(), plain, *scale)?;
                Ok(put(record, Value::Decimal(value)))
            }
            (Self::Boolean(_), Kind::Boolean(value)) => Ok(put(record, Value::Boolean(value))),
            (Self::List(Some(items), _), Kind::List) => {
                let mut values = record.list();
                items.each_item(item, lax, record, &mut values)?;
                Ok(put(record, Value::List(values)))
            }
            (Self::List(None, _), Kind::List) | (Self::Object, Kind::Object) => {
                untyped::value_to(item, record, put)
            }
            _ => self
                .rarer_item(item, lax, record)
                .map(|value| put(record, value)),
        }
    }

    #[inline(never)]
    fn rarer_item(&self, item: Item<'_>, lax: bool, record: &mut Record) -> Result<Value, Fault> {
        match (self, item.kind()) {
            (Self::Duration, Kind::Number) => {
                number::integer(item.text(), NumberStyle::PLAIN).map(Value::Integer)
            }
            (Self::Signed(number, _), Kind::Number) => {
                number.item_to(item, lax, record, |_, value| value)
            }
            (Self::Datetime(forms, _), Kind::Number) => {
                time::datetime_of_number(item.text(), forms).map(Value::Datetime)
            }
            (_, Kind::Number) if lax => self.text(item.text(), record),
            _ => Err(Fault::wrong(self.expectation())),
        }
    }

    /// Reads a JSON value that is a text, and puts the value where it belongs: in `record`, which has taken over
    /// the texts of its tree.
    #[inline]
    pub fn text_item_to<T>(
        &self,
        item: Item<'_>,
        lax: bool,
        record: &mut Record,
        put: impl FnOnce(&mut Record, Value) -> T,
    ) -> Result<T, Fault> {
        match self {
            Self::String => Ok(put(record, Value::Text(item.place()))),
            _ => {
                let (text, place) = (item.text(), Some(item.place()));
                self.item_text_to(Found { text, place }, lax, record, put)
            }
        }
    }

    /// Reads the text of a JSON value, changed perhaps, and puts the value where it belongs.
    #[inline]
    pub fn item_text_to<T>(
        &self,
        found: Found<'_>,
        lax: bool,
        record: &mut Record,
        put: impl FnOnce(&mut Record, Value) -> T,
    ) -> Result<T, Fault> {
        match self {
            Self::Integer(_) | Self::Float(_) | Self::Boolean(_) if !lax => Err(Fault::wrong(
                format!("is a text and {}", self.expectation()),
            )),
            Self::Signed(number, _) if !lax && !matches!(**number, Self::Decimal(..)) => Err(
                Fault::wrong(format!("is a text and {}", self.expectation())),
            ),
            Self::Datetime(forms, zone) if !lax && forms.iter().any(is_count) => {
                let texts: Vec<Form> = forms
                    .iter()
                    .filter(|form| !is_count(form))
                    .cloned()
                    .collect();
                let milliseconds = time::datetime(found.text, &texts, zone.as_ref())?;
                Ok(put(record, Value::Datetime(milliseconds)))
            }
            Self::List(..) => Err(Fault::wrong("is a text, not a list")),
            _ => self.text_to(found, record, put),
        }
    }

    /// Reads the items of a list into `values`.
    #[inline(never)]
    fn each_item(
        &self,
        list: Item<'_>,
        lax: bool,
        record: &mut Record,
        values: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        let mut put = |_: &mut Record, value| values.push(value);
        for (item, number) in list.children().zip(1..) {
            let read = match item.kind() {
                Kind::Null => Err(Fault::wrong("is null")),
                Kind::String => self.text_item_to(item, lax, record, &mut put),
                _ => self.item_to(item, lax, record, &mut put),
            };
            read.map_err(|fault| in_list(fault, number, item.text()))?;
        }
        Ok(())
    }
}

/// Whether it counts from 1970, so that a number says it.
fn is_count(form: &Form) -> bool {
    matches!(form, Form::EpochSeconds | Form::EpochMillis)
}
