//! Values of a record as CEL sees them.
//!
//! CEL's own types stand for texts, integers, floats, truth values, null, lists and objects. What CEL does not
//! have exactly, a type here stands for: decimals never pass through a float, and dates know no time of day.

use crate::record::{Decimal, Record, Value};
use cel::ExecutionError;
use cel::common::traits::{Adder, Comparer, Multiplier, Negator, Subtractor};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::any::Any;
use std::cmp::Ordering;
use std::collections::HashMap;

/// An exact decimal.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub Decimal);

/// A day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub i32);

/// A moment, with the zone of the field that it comes from.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub ms: i64,
    /// Where its day is reckoned.
    pub zone: TimeZone,
}

/// A pattern that was compiled with its expression.
#[derive(Clone, Debug)]
pub struct Pattern(pub regex::Regex);

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

pub static NUMBER: Type = Type::new_unspecified_type("decimal");
pub static DAY: Type = Type::new_unspecified_type("date");
pub static MOMENT: Type = Type::new_unspecified_type("datetime");
pub static PATTERN: Type = Type::new_unspecified_type("pattern");

/// A value of `record`, borrowed where that is possible.
pub fn bound<'v>(record: &'v Record, value: &Value, zone: &TimeZone) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Text(text) => Box::new(CelString::from(record.text(*text))),
        Value::Integer(value) => Box::new(CelInt::from(*value)),
        Value::Float(value) => Box::new(CelDouble::from(*value)),
        Value::Decimal(value) => Box::new(Number(*value)),
        Value::Boolean(value) => Box::new(CelBool::from(*value)),
        Value::Date(days) => Box::new(Day(*days)),
        Value::Datetime(ms) => Box::new(Moment {
            ms: *ms,
            zone: zone.clone(),
        }),
        Value::Uuid(bytes) => Box::new(CelString::from(uuid_text(bytes))),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| bound(record, item, zone)).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| {
                let name = CelMapKey::from(record.text(*name));
                (name, bound(record, value, zone))
            });
            Box::new(CelMap::from(entries.collect::<HashMap<_, _>>()))
        }
    }
}

impl Day {
    /// The day of a calendar date.
    pub fn of(date: Date) -> Self {
        let hours = date.duration_since(EPOCH).as_hours();
        Self((hours / 24) as i32)
    }

    /// Its calendar date.
    ///
    /// # Errors
    /// Outside of the years -9999 to 9999.
    pub fn date(self) -> Result<Date, ExecutionError> {
        let span = jiff::Span::new().try_days(self.0);
        let date = span.and_then(|span| EPOCH.checked_add(span));
        date.map_err(|error| ExecutionError::function_error("date", error))
    }
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let digits = hex::encode(bytes);
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// The decimal that an integer or a decimal is.
pub fn number(value: &dyn Val) -> Option<Decimal> {
    if let Some(Number(value)) = value.downcast_ref::<Number>() {
        return Some(*value);
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Some(Decimal::from(*value.inner()));
    }
    let value = value.downcast_ref::<CelUInt>()?;
    Decimal::new(false, u128::from(*value.inner()), 0)
}

/// What an operation gives that 34 digits do not hold.
fn too_long(operation: &str) -> ExecutionError {
    ExecutionError::function_error(operation, "the result has more than 34 digits")
}

fn operands(operator: &str, a: &Number, b: &dyn Val) -> Result<(Decimal, Decimal), ExecutionError> {
    let names = || vec!["decimal".to_owned(), b.get_type().name().to_owned()];
    let b = number(b).ok_or_else(|| ExecutionError::no_such_overload(operator, names()))?;
    Ok((a.0, b))
}

impl Adder for Number {
    fn add<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let (a, b) = operands("_+_", self, other)?;
        let sum = a.checked_add(b).ok_or_else(|| too_long("+"))?;
        Ok(CowVal::owned(Self(sum)))
    }
}

impl Subtractor for Number {
    fn sub<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let (a, b) = operands("_-_", self, other)?;
        let difference = a.checked_sub(b).ok_or_else(|| too_long("-"))?;
        Ok(CowVal::owned(Self(difference)))
    }
}

impl Multiplier for Number {
    fn mul<'b, 'v>(&'b self, other: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let (a, b) = operands("_*_", self, other)?;
        let product = a.checked_mul(b).ok_or_else(|| too_long("*"))?;
        Ok(CowVal::owned(Self(product)))
    }
}

impl Negator for Number {
    fn negate<'v>(&self) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(Box::new(Self(self.0.negated())))
    }
}

impl Comparer for Number {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let (a, b) = operands("compare", self, other)?;
        Ok(a.compare(&b))
    }
}

impl Val for Number {
    fn get_type(&self) -> &Type {
        &NUMBER
    }
    fn cel_type() -> &'static Type {
        &NUMBER
    }
    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_subtractor<'b, 'v>(&'b self) -> Option<&'b (dyn Subtractor + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_multiplier<'b, 'v>(&'b self) -> Option<&'b (dyn Multiplier + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_negator<'b, 'v>(&'b self) -> Option<&'b (dyn Negator + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        number(other).is_some_and(|other| self.0.compare(&other) == Ordering::Equal)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(*self)
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Number {}

impl Comparer for Day {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let other = other
            .downcast_ref::<Self>()
            .ok_or_else(|| not_comparable("date", other))?;
        Ok(self.0.cmp(&other.0))
    }
}

impl Val for Day {
    fn get_type(&self) -> &Type {
        &DAY
    }
    fn cel_type() -> &'static Type {
        &DAY
    }
    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(*self)
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Day {}

impl Comparer for Moment {
    fn compare(&self, other: &dyn Val) -> Result<Ordering, ExecutionError> {
        let found = other.downcast_ref::<Self>();
        let other = found.ok_or_else(|| not_comparable("datetime", other))?;
        Ok(self.ms.cmp(&other.ms))
    }
}

impl Val for Moment {
    fn get_type(&self) -> &Type {
        &MOMENT
    }
    fn cel_type() -> &'static Type {
        &MOMENT
    }
    fn as_comparer(&self) -> Option<&dyn Comparer> {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        let other = other.downcast_ref::<Self>();
        other.is_some_and(|other| other.ms == self.ms)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Moment {}

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN
    }
    fn cel_type() -> &'static Type {
        &PATTERN
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for Pattern {}

fn not_comparable(kind: &str, other: &dyn Val) -> ExecutionError {
    let names = vec![kind.to_owned(), other.get_type().name().to_owned()];
    ExecutionError::no_such_overload("compare", names)
}
