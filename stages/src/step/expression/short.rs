//! The short way of an expression: comparisons, logic and plain reckoning over fields, evaluated without CEL.
//!
//! It promises: what it answers, CEL answers too, and what it is not sure of it leaves to CEL, every error among it.
//! So it has no messages of its own. It allocates nothing while it evaluates, and never looks at what is inside a
//! list or object.

mod offsets;
#[cfg(test)]
mod tests;

use super::Named;
use super::functions::{EQUALS, ORDERS};
use super::values::Number;
use crate::record::{Decimal, Record, Text, Type, Value};
use cel::IdedExpr as Node;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};
use cel::common::value::Val;
use offsets::Offsets;
use std::cmp::Ordering;

/// A node of the short way.
#[derive(Debug)]
pub enum Short {
    /// What only CEL can answer.
    Long,
    Field(usize),
    Literal(Literal),
    And(Box<[Short; 2]>),
    Or(Box<[Short; 2]>),
    Not(Box<Short>),
    Choice(Box<[Short; 3]>),
    Equal(Box<[Short; 2]>, bool),
    Order(Box<[Short; 2]>, fn(Ordering) -> bool),
    Within(Box<Short>, Box<[Box<str>]>),
    Reckon(Box<[Short; 2]>, Reckoning),
    /// The decimal that a number is.
    Exact(Box<Short>),
    /// The day of a field, in the zone in which its moments are reckoned.
    Day(usize, Offsets),
}

/// A value that the text of the expression says.
#[derive(Debug)]
pub enum Literal {
    Null,
    Text(Box<str>),
    Integer(i64),
    Float(f64),
    Decimal(Decimal),
    Truth(bool),
}

/// Exact operations.
#[derive(Clone, Copy, Debug)]
pub enum Reckoning {
    Add,
    Subtract,
    Multiply,
}

/// What a node gives.
#[derive(Clone, Copy, Debug)]
pub enum Given<'e> {
    Null,
    /// A text of the record.
    Text(Text),
    /// A text of the expression.
    Word(&'e str),
    Integer(i64),
    Float(f64),
    Decimal(Decimal),
    Truth(bool),
    Day(i32),
    Moment(i64),
    /// A value that is not null, of which nothing else is known here.
    Other,
}

/// The functions that order, as [`ORDERS`] names them.
const ORDERINGS: [fn(Ordering) -> bool; 4] = [
    Ordering::is_lt,
    Ordering::is_le,
    Ordering::is_gt,
    Ordering::is_ge,
];

impl Short {
    /// The short way of a checked expression over `fields`, with its constants.
    pub fn of(node: &Node, fields: &[Named], constants: &[Box<dyn Val>]) -> Self {
        Making { fields, constants }.node(node)
    }

    /// What it gives for `record`; `None` where CEL has to say.
    pub fn give<'e>(&'e self, record: &Record) -> Option<Given<'e>> {
        Some(match self {
            Self::Long => return None,
            Self::Field(index) => Given::of(record.value(*index)),
            Self::Literal(literal) => literal.given(),
            Self::And(sides) => match sides[0].truth(record)? {
                true => Given::Truth(sides[1].truth(record)?),
                false => Given::Truth(false),
            },
            Self::Or(sides) => match sides[0].truth(record)? {
                true => Given::Truth(true),
                false => Given::Truth(sides[1].truth(record)?),
            },
            Self::Not(inner) => Given::Truth(!inner.truth(record)?),
            Self::Choice(parts) => match parts[0].truth(record)? {
                true => return parts[1].give(record),
                false => return parts[2].give(record),
            },
            Self::Equal(sides, wanted) => {
                let (a, b) = (sides[0].give(record)?, sides[1].give(record)?);
                Given::Truth(a.equals(b, record)? == *wanted)
            }
            Self::Order(sides, holds) => {
                let (a, b) = (sides[0].give(record)?, sides[1].give(record)?);
                Given::Truth(holds(a.compare(b, record)?))
            }
            Self::Within(value, words) => {
                let value = value.give(record)?.text(record)?;
                Given::Truth(words.iter().any(|word| **word == *value))
            }
            Self::Reckon(sides, how) => {
                let (a, b) = (sides[0].give(record)?, sides[1].give(record)?);
                how.of(a, b)?
            }
            Self::Exact(inner) => match inner.give(record)? {
                Given::Integer(value) => Given::Decimal(value.into()),
                Given::Decimal(value) => Given::Decimal(value),
                _ => return None,
            },
            Self::Day(field, offsets) => match record.value(*field) {
                Value::Date(days) => Given::Day(*days),
                Value::Datetime(ms) => Given::Day(day_of(*ms, offsets)?),
                _ => return None,
            },
        })
    }

    /// Whether it holds; `None` where CEL has to say.
    #[inline]
    pub fn truth(&self, record: &Record) -> Option<bool> {
        match self.give(record)? {
            Given::Truth(truth) => Some(truth),
            _ => None,
        }
    }
}

/// The day of a moment, as days since 1970-01-01.
fn day_of(ms: i64, offsets: &Offsets) -> Option<i32> {
    let second = ms.div_euclid(1000);
    let local = second + i64::from(offsets.at(second)?);
    i32::try_from(local.div_euclid(86_400)).ok()
}

impl Literal {
    fn given(&self) -> Given<'_> {
        match self {
            Self::Null => Given::Null,
            Self::Text(text) => Given::Word(text),
            Self::Integer(value) => Given::Integer(*value),
            Self::Float(value) => Given::Float(*value),
            Self::Decimal(value) => Given::Decimal(*value),
            Self::Truth(value) => Given::Truth(*value),
        }
    }
}

impl<'e> Given<'e> {
    #[inline]
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Text(text) => Self::Text(*text),
            Value::Integer(value) => Self::Integer(*value),
            Value::Float(value) => Self::Float(*value),
            Value::Decimal(value) => Self::Decimal(*value),
            Value::Boolean(value) => Self::Truth(*value),
            Value::Date(days) => Self::Day(*days),
            Value::Datetime(ms) => Self::Moment(*ms),
            // A UUID is a text to CEL, written when it is looked at.
            Value::Uuid(_) | Value::List(_) | Value::Object(_) => Self::Other,
        }
    }

    #[inline]
    fn text<'t>(self, record: &'t Record) -> Option<&'t str>
    where
        'e: 't,
    {
        match self {
            Self::Text(text) => Some(record.text(text)),
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether two values are equal, where both are of one kind or one is null.
    fn equals(self, other: Given<'_>, record: &Record) -> Option<bool> {
        Some(match (self, other) {
            (Self::Null, Given::Null) => true,
            (Self::Null, _) | (_, Given::Null) => false,
            (Self::Integer(a), Given::Integer(b)) => a == b,
            (Self::Float(a), Given::Float(b)) => a == b,
            (Self::Decimal(a), Given::Decimal(b)) => a.compare(&b).is_eq(),
            (Self::Decimal(a), Given::Integer(b)) => a.compare(&b.into()).is_eq(),
            (Self::Truth(a), Given::Truth(b)) => a == b,
            (Self::Day(a), Given::Day(b)) => a == b,
            (Self::Moment(a), Given::Moment(b)) => a == b,
            (a, b) => a.text(record)? == b.text(record)?,
        })
    }

    /// How two values that are not null are ordered, where both are of one kind.
    fn compare(self, other: Given<'_>, record: &Record) -> Option<Ordering> {
        Some(match (self, other) {
            (Self::Integer(a), Given::Integer(b)) => a.cmp(&b),
            (Self::Float(a), Given::Float(b)) => a.partial_cmp(&b)?,
            (Self::Decimal(a), Given::Decimal(b)) => a.compare(&b),
            (Self::Decimal(a), Given::Integer(b)) => a.compare(&b.into()),
            (Self::Integer(a), Given::Decimal(b)) => Decimal::from(a).compare(&b),
            (Self::Day(a), Given::Day(b)) => a.cmp(&b),
            (Self::Moment(a), Given::Moment(b)) => a.cmp(&b),
            (a, b) => a.text(record)?.cmp(b.text(record)?),
        })
    }

    /// The value as one of type `wanted`, its text in `record`; `None` where CEL has to say.
    pub fn stored(self, wanted: Type, record: &mut Record) -> Option<Value> {
        Some(match (wanted, self) {
            (_, Self::Null) => Value::Null,
            (Type::String | Type::Email | Type::Url | Type::Time, Self::Text(text)) => {
                Value::Text(text)
            }
            (Type::String | Type::Email | Type::Url | Type::Time, Self::Word(word)) => {
                Value::Text(record.store(word))
            }
            (Type::Integer | Type::Duration, Self::Integer(value)) => Value::Integer(value),
            (Type::Float, Self::Float(value)) if value.is_finite() => Value::Float(value),
            (Type::Decimal, Self::Integer(value)) => Value::Decimal(value.into()),
            (Type::Decimal, Self::Decimal(value)) => Value::Decimal(value),
            (Type::Boolean, Self::Truth(value)) => Value::Boolean(value),
            (Type::Date, Self::Day(days)) => Value::Date(days),
            (Type::Datetime, Self::Moment(ms)) => Value::Datetime(ms),
            _ => return None,
        })
    }
}

impl Reckoning {
    fn of<'e>(self, a: Given<'_>, b: Given<'_>) -> Option<Given<'e>> {
        let (a, b) = match (a, b) {
            (Given::Integer(a), Given::Integer(b)) => {
                let value = match self {
                    Self::Add => a.checked_add(b),
                    Self::Subtract => a.checked_sub(b),
                    Self::Multiply => a.checked_mul(b),
                };
                return value.map(Given::Integer);
            }
            (Given::Decimal(a), Given::Decimal(b)) => (a, b),
            (Given::Decimal(a), Given::Integer(b)) => (a, b.into()),
            _ => return None,
        };
        let value = match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
        };
        value.map(Given::Decimal)
    }
}

/// What nodes are made with.
struct Making<'a> {
    fields: &'a [Named],
    constants: &'a [Box<dyn Val>],
}

impl Making<'_> {
    fn node(&self, node: &Node) -> Short {
        match &node.expr {
            Expr::Literal(literal) => literal_of(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Call(call) if call.target.is_none() => self.call(call).unwrap_or(Short::Long),
            _ => Short::Long,
        }
    }

    fn name(&self, name: &str) -> Short {
        if let Some(number) = name.strip_prefix('@') {
            let found = number
                .parse()
                .ok()
                .and_then(|at: usize| self.constants.get(at));
            let found = found.and_then(|constant| constant.downcast_ref::<Number>());
            return found.map_or(Short::Long, |Number(value)| {
                Short::Literal(Literal::Decimal(*value))
            });
        }
        self.field(name)
            .map_or(Short::Long, |field| Short::Field(field.index))
    }

    fn field(&self, name: &str) -> Option<&Named> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    fn call(&self, call: &CallExpr) -> Option<Short> {
        let name = call.func_name.as_str();
        if let Some(which) = ORDERS.iter().position(|order| *order == name) {
            return Some(Short::Order(self.nodes(call)?, ORDERINGS[which]));
        }
        Some(match name {
            op::LOGICAL_AND => Short::And(self.nodes(call)?),
            op::LOGICAL_OR => Short::Or(self.nodes(call)?),
            op::LOGICAL_NOT => Short::Not(self.node(call.args.first()?).into()),
            op::CONDITIONAL => Short::Choice(self.nodes(call)?),
            op::EQUALS | EQUALS => Short::Equal(self.nodes(call)?, true),
            op::NOT_EQUALS => Short::Equal(self.nodes(call)?, false),
            op::IN => {
                let [value, list] = &call.args[..] else {
                    return None;
                };
                Short::Within(self.node(value).into(), words(list)?)
            }
            op::ADD => Short::Reckon(self.nodes(call)?, Reckoning::Add),
            op::SUBSTRACT => Short::Reckon(self.nodes(call)?, Reckoning::Subtract),
            op::MULTIPLY => Short::Reckon(self.nodes(call)?, Reckoning::Multiply),
            "decimal" => {
                let [inner] = &call.args[..] else { return None };
                Short::Exact(self.node(inner).into())
            }
            "date" => {
                let [of] = &call.args[..] else { return None };
                let Expr::Ident(name) = &of.expr else {
                    return None;
                };
                let field = self.field(name)?;
                Short::Day(field.index, Offsets::of(&field.zone))
            }
            _ => return None,
        })
    }

    /// The nodes of a call's arguments, where there are `N`.
    fn nodes<const N: usize>(&self, call: &CallExpr) -> Option<Box<[Short; N]>> {
        let args: &[Node; N] = call.args.first_chunk().filter(|_| call.args.len() == N)?;
        Some(Box::new(args.each_ref().map(|arg| self.node(arg))))
    }
}

fn literal_of(literal: &LiteralValue) -> Short {
    Short::Literal(match literal {
        LiteralValue::Null => Literal::Null,
        LiteralValue::String(text) => Literal::Text(text.inner().into()),
        LiteralValue::Int(value) => Literal::Integer(*value.inner()),
        LiteralValue::Double(value) => Literal::Float(*value.inner()),
        LiteralValue::Boolean(value) => Literal::Truth(*value.inner()),
        LiteralValue::Bytes(_) | LiteralValue::UInt(_) => return Short::Long,
    })
}

/// The items of a list of texts.
fn words(list: &Node) -> Option<Box<[Box<str>]>> {
    let Expr::List(list) = &list.expr else {
        return None;
    };
    let word = |item: &Node| match &item.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().into()),
        _ => None,
    };
    list.elements.iter().map(word).collect()
}
