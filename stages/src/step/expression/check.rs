//! What can be known of an expression before any record: that its names exist and its types fit.
//!
//! The walk also rewrites what CEL would get wrong. CEL asks only the left operand of an operator, and its
//! integers do not know our decimals: `0 == total` would silently be false. So wherever a decimal may stand on
//! the right of an integer the operands change places, or a function of our own is called. Patterns and
//! decimals that are written out are made once, here.

use super::functions::{CONTAINS, EQUALS, MATCHES, ORDERS};
use super::values::{Number, Pattern};
use super::{MAX_EXPRESSION_DEPTH, Names};
use crate::record::{Decimal, Type};
use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators as op};
use cel::common::types::CelString;
use cel::common::value::Val;
use std::fmt;

/// What is known of a value's type. Any of them may also be null in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Float,
    Decimal,
    Truth,
    Day,
    Moment,
    List,
    Object,
    Null,
    /// Nothing is known.
    Any,
}

impl Kind {
    /// The kind of a field's values.
    pub fn of(kind: Type) -> Self {
        match kind {
            Type::String | Type::Email | Type::Url | Type::Time | Type::Uuid => Self::Text,
            Type::Integer | Type::Duration => Self::Integer,
            Type::Float => Self::Float,
            Type::Decimal => Self::Decimal,
            Type::Boolean => Self::Truth,
            Type::Date => Self::Day,
            Type::Datetime => Self::Moment,
            Type::List => Self::List,
            Type::Object => Self::Object,
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a string",
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::Decimal => "a decimal",
            Self::Truth => "a boolean",
            Self::Day => "a date",
            Self::Moment => "a datetime",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Null => "null",
            Self::Any => "a value",
        })
    }
}

/// What is wrong, and at which node.
pub struct Wrong {
    pub node: u64,
    pub message: String,
}

/// The most macros, such as `exists`, inside each other: each multiplies the time by a list's length.
const MAX_NESTED_MACROS: usize = 2;

type Checked = Result<Kind, Wrong>;

/// The walk over one expression, and what it finds.
pub struct Check<'a> {
    names: &'a Names<'a>,
    /// Nodes around the current one, itself counted.
    depth: usize,
    /// Macros around the current node.
    macros: usize,
    /// Variables of the macros around the current node, innermost last.
    local: Vec<(String, Kind)>,
    /// The fields that are named, by their index.
    pub fields: Vec<usize>,
    /// Values that are made once; `@0` names the first.
    pub constants: Vec<Box<dyn Val>>,
}

/// A function: name, whether it is called on a target, what it gives.
const FUNCTIONS: &[(&str, bool, Kind)] = &[
    ("bool", false, Kind::Truth),
    ("date", false, Kind::Day),
    ("decimal", false, Kind::Decimal),
    ("double", false, Kind::Float),
    ("dyn", false, Kind::Any),
    ("int", false, Kind::Integer),
    ("lower", false, Kind::Text),
    ("matches", false, Kind::Truth),
    ("size", false, Kind::Integer),
    ("string", false, Kind::Text),
    ("timestamp", false, Kind::Moment),
    ("trim", false, Kind::Text),
    ("type", false, Kind::Any),
    ("uint", false, Kind::Any),
    ("upper", false, Kind::Text),
    ("contains", true, Kind::Truth),
    ("endsWith", true, Kind::Truth),
    ("getDate", true, Kind::Integer),
    ("getDayOfWeek", true, Kind::Integer),
    ("getFullYear", true, Kind::Integer),
    ("getMonth", true, Kind::Integer),
    ("matches", true, Kind::Truth),
    ("size", true, Kind::Integer),
    ("startsWith", true, Kind::Truth),
];

/// Names of CEL's types, which `type(x)` is compared with.
const TYPES: [&str; 9] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];

impl<'a> Check<'a> {
    pub fn new(names: &'a Names<'a>) -> Self {
        Self {
            names,
            depth: 0,
            macros: 0,
            local: Vec::new(),
            fields: Vec::new(),
            constants: Vec::new(),
        }
    }

    /// Checks `node` and everything below it.
    pub fn walk(&mut self, node: &mut IdedExpr) -> Checked {
        self.depth += 1;
        if self.depth > MAX_EXPRESSION_DEPTH {
            return Err(wrong(node.id, too_deep()));
        }
        let kind = self.look(node);
        self.depth -= 1;
        kind
    }

    fn look(&mut self, node: &mut IdedExpr) -> Checked {
        let id = node.id;
        match &mut node.expr {
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Kind::Truth,
                LiteralValue::Double(_) => Kind::Float,
                LiteralValue::Int(_) => Kind::Integer,
                LiteralValue::Null => Kind::Null,
                LiteralValue::String(_) => Kind::Text,
                LiteralValue::Bytes(_) | LiteralValue::UInt(_) => Kind::Any,
            }),
            Expr::Ident(name) => self.name(id, name),
            Expr::Select(select) => {
                let of = self.walk(&mut select.operand)?;
                match of {
                    Kind::Object | Kind::Any if select.test => Ok(Kind::Truth),
                    Kind::Object | Kind::Any => Ok(Kind::Any),
                    other => Err(wrong(id, format!("{other} has no `.{}`", select.field))),
                }
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.walk(element)?;
                }
                Ok(Kind::List)
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    match &mut entry.expr {
                        EntryExpr::MapEntry(entry) => {
                            self.walk(&mut entry.key)?;
                            self.walk(&mut entry.value)?;
                        }
                        EntryExpr::StructField(field) => {
                            self.walk(&mut field.value)?;
                        }
                    }
                }
                Ok(Kind::Object)
            }
            Expr::Comprehension(each) => {
                let over = self.walk(&mut each.iter_range)?;
                if !matches!(over, Kind::List | Kind::Object | Kind::Any) {
                    return Err(wrong(id, format!("{over} has no items")));
                }
                if self.macros == MAX_NESTED_MACROS {
                    let message =
                        format!("macros stand at most {MAX_NESTED_MACROS} inside each other");
                    return Err(wrong(id, message));
                }
                self.macros += 1;
                let start = self.walk(&mut each.accu_init)?;
                let outside = self.local.len();
                self.local.push((each.accu_var.clone(), start));
                self.local.push((each.iter_var.clone(), Kind::Any));
                if let Some(second) = &each.iter_var2 {
                    self.local.push((second.clone(), Kind::Any));
                }
                self.walk(&mut each.loop_cond)?;
                self.walk(&mut each.loop_step)?;
                self.local.truncate(outside + 1);
                let result = self.walk(&mut each.result);
                self.macros -= 1;
                self.local.truncate(outside);
                result
            }
            Expr::Struct(made) => Err(wrong(id, format!("there is no type `{}`", made.type_name))),
            Expr::Unspecified => Err(wrong(id, "an expression is missing".into())),
            Expr::Call(_) => self.call(node),
        }
    }

    fn name(&mut self, id: u64, name: &str) -> Checked {
        let local = self.local.iter().rev().find(|(local, _)| local == name);
        if let Some((_, kind)) = local {
            return Ok(*kind);
        }
        if name.starts_with('@') {
            // A decimal of ours, met again in a list that is looked at twice.
            return Ok(Kind::Decimal);
        }
        if self.names.uncertain.iter().any(|field| **field == *name) {
            return Ok(Kind::Any);
        }
        if let Some(index) = self.names.index_of(name) {
            if !self.fields.contains(&index) {
                self.fields.push(index);
            }
            return Ok(Kind::of(self.names.schema.fields[index].kind));
        }
        if TYPES.contains(&name) {
            return Ok(Kind::Any);
        }
        let fields = self.names.visible().map(|field| &*field.name);
        let near = nearest(name, fields);
        Err(wrong(id, format!("there is no field `{name}`{near}")))
    }

    fn call(&mut self, node: &mut IdedExpr) -> Checked {
        let id = node.id;
        let Expr::Call(call) = &mut node.expr else {
            return Ok(Kind::Any);
        };
        let target = match &mut call.target {
            Some(target) => Some(self.walk(target)?),
            None => None,
        };
        let mut kinds = Vec::with_capacity(call.args.len());
        for arg in &mut call.args {
            kinds.push(self.walk(arg)?);
        }
        match (call.func_name.as_str(), &kinds[..]) {
            (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT, kinds) => {
                for (kind, arg) in kinds.iter().zip(&call.args) {
                    truth(arg.id, *kind)?;
                }
                Ok(Kind::Truth)
            }
            (op::CONDITIONAL, &[condition, yes, no]) => {
                truth(call.args[0].id, condition)?;
                Ok(match (yes, no) {
                    (Kind::Null, kind) | (kind, Kind::Null) => kind,
                    (yes, no) if yes == no => yes,
                    _ => Kind::Any,
                })
            }
            (op::EQUALS | op::NOT_EQUALS, &[a, b]) => equality(id, call, a, b).map(|()| {
                negate_renamed(node);
                Kind::Truth
            }),
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, &[a, b]) => {
                ordering(id, a, b)?;
                let all = [op::LESS, op::LESS_EQUALS, op::GREATER, op::GREATER_EQUALS];
                let which = all.iter().position(|name| *name == call.func_name);
                call.func_name = ORDERS[which.unwrap_or_default()].to_owned();
                Ok(Kind::Truth)
            }
            (op::IN, &[value, container]) => self.membership(id, call, value, container),
            (
                name @ (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO),
                &[a, b],
            ) => {
                let kind = arithmetic(id, name, a, b)?;
                if kind == Kind::Decimal && a != Kind::Decimal {
                    let left = std::mem::take(&mut call.args[0]);
                    call.args[0] = called(left.id, "decimal", vec![left]);
                }
                Ok(kind)
            }
            (op::NEGATE, &[kind]) => match kind {
                Kind::Integer | Kind::Float | Kind::Decimal | Kind::Any => Ok(kind),
                other => Err(wrong(id, format!("{other} has no sign"))),
            },
            (op::INDEX, &[of, _]) => match of {
                Kind::List | Kind::Object | Kind::Any => Ok(Kind::Any),
                other => Err(wrong(id, format!("{other} has no items"))),
            },
            _ => self.function(node, target),
        }
    }

    fn function(&mut self, node: &mut IdedExpr, target: Option<Kind>) -> Checked {
        let id = node.id;
        let Expr::Call(call) = &mut node.expr else {
            return Ok(Kind::Any);
        };
        let name = call.func_name.as_str();
        if name.starts_with('@') {
            return Ok(Kind::Truth);
        }
        let known = |(known, member, _): &&(&str, bool, Kind)| {
            *known == name && *member == target.is_some()
        };
        let Some((_, _, kind)) = FUNCTIONS.iter().find(known) else {
            let all = FUNCTIONS.iter().map(|(known, ..)| *known);
            let same = FUNCTIONS.iter().find(|(known, ..)| *known == name);
            let message = match same {
                Some((_, true, _)) => {
                    format!("`{name}` is written behind its subject: `x.{name}(…)`")
                }
                Some(_) => format!("`{name}` is written before its subject: `{name}(x)`"),
                None => format!("there is no function `{name}`{}", nearest(name, all)),
            };
            return Err(wrong(id, message));
        };
        match (name, call.args.last().map(|arg| &arg.expr)) {
            ("matches", Some(Expr::Literal(LiteralValue::String(text)))) => {
                let pattern = self.pattern(id, text)?;
                call.args.pop();
                if let Some(target) = call.target.take() {
                    call.args.push(*target);
                }
                call.args.push(pattern);
                call.func_name = MATCHES.to_owned();
            }
            ("decimal", Some(Expr::Literal(LiteralValue::String(text))))
                if call.args.len() == 1 =>
            {
                let Some(value) = Decimal::parse(text.inner()) else {
                    let text = text.inner();
                    return Err(wrong(
                        id,
                        format!("{text:?} is no decimal of at most 34 digits"),
                    ));
                };
                *node = self.constant(id, Box::new(Number(value)));
            }
            _ => {}
        }
        Ok(*kind)
    }

    fn pattern(&mut self, id: u64, text: &CelString<'_>) -> Result<IdedExpr, Wrong> {
        let pattern = crate::spec::regex(text.inner())
            .map_err(|error| wrong(id, format!("{:?} is no pattern: {error}", text.inner())))?;
        Ok(self.constant(id, Box::new(Pattern(pattern))))
    }

    /// A name for a value that is made once.
    fn constant(&mut self, id: u64, value: Box<dyn Val>) -> IdedExpr {
        let expr = Expr::Ident(format!("@{}", self.constants.len()));
        self.constants.push(value);
        IdedExpr { id, expr }
    }

    fn membership(
        &mut self,
        id: u64,
        call: &mut CallExpr,
        value: Kind,
        container: Kind,
    ) -> Checked {
        if !matches!(container, Kind::List | Kind::Object | Kind::Any) {
            return Err(wrong(id, format!("{container} has no items")));
        }
        if let Expr::List(list) = &mut call.args[1].expr {
            for element in &mut list.elements {
                let kind = self.walk(element)?;
                let mut pair = CallExpr::default();
                equality(element.id, &mut pair, value, kind)?;
            }
        }
        if matches!(value, Kind::Decimal | Kind::Any) {
            call.func_name = CONTAINS.to_owned();
        }
        Ok(Kind::Truth)
    }
}

/// Judges `a == b`, and makes `call` right where a decimal may meet an integer.
fn equality(id: u64, call: &mut CallExpr, a: Kind, b: Kind) -> Result<(), Wrong> {
    match (a, b) {
        (Kind::Any, Kind::Any | Kind::Decimal | Kind::Integer | Kind::Float)
        | (Kind::Decimal | Kind::Integer | Kind::Float, Kind::Any)
        | (Kind::Integer, Kind::Decimal) => {
            if call.func_name == op::NOT_EQUALS {
                call.func_name = format!("!{EQUALS}");
            } else {
                call.func_name = EQUALS.to_owned();
            }
            Ok(())
        }
        (Kind::Null | Kind::Any, _) | (_, Kind::Null | Kind::Any) => Ok(()),
        (Kind::Decimal, Kind::Integer) => Ok(()),
        (a, b) if a == b || a.is_number() && b.is_number() => Ok(()),
        (a, b) => Err(wrong(
            id,
            format!("{a} is never equal to {b}{}", hint(a, b)),
        )),
    }
}

/// `!@equals(a, b)` as two nodes.
fn negate_renamed(node: &mut IdedExpr) {
    let id = node.id;
    let Expr::Call(call) = &mut node.expr else {
        return;
    };
    if call.func_name.strip_prefix('!') == Some(EQUALS) {
        let args = std::mem::take(&mut call.args);
        let equals = called(id, EQUALS, args);
        *node = called(id, op::LOGICAL_NOT, vec![equals]);
    }
}

/// Judges `a < b` and the like.
fn ordering(id: u64, a: Kind, b: Kind) -> Result<(), Wrong> {
    let ordered = |kind| !matches!(kind, Kind::List | Kind::Object | Kind::Null);
    for kind in [a, b] {
        if !ordered(kind) {
            return Err(wrong(id, format!("{kind} is neither less nor greater")));
        }
    }
    match (a, b) {
        (Kind::Any, _) | (_, Kind::Any) => Ok(()),
        (Kind::Decimal, Kind::Integer) | (Kind::Integer, Kind::Decimal) => Ok(()),
        (a, b) if a == b || a.is_number() && b.is_number() => Ok(()),
        (a, b) => Err(wrong(
            id,
            format!("{a} cannot be compared with {b}{}", hint(a, b)),
        )),
    }
}

fn arithmetic(id: u64, operator: &str, a: Kind, b: Kind) -> Checked {
    let sign = operator.trim_matches('_');
    let exact = matches!(operator, op::ADD | op::SUBSTRACT | op::MULTIPLY);
    match (a, b) {
        (Kind::Decimal, Kind::Decimal | Kind::Integer | Kind::Any)
        | (Kind::Integer | Kind::Any, Kind::Decimal) => match exact {
            true => Ok(Kind::Decimal),
            false => Err(wrong(
                id,
                format!("decimals have no `{sign}`, which could not be exact"),
            )),
        },
        (Kind::Any, _) | (_, Kind::Any) => Ok(Kind::Any),
        (Kind::Integer, Kind::Integer) => Ok(Kind::Integer),
        (Kind::Float, Kind::Float) if operator != op::MODULO => Ok(Kind::Float),
        (Kind::Text, Kind::Text) | (Kind::List, Kind::List) if operator == op::ADD => Ok(a),
        (a, b) => Err(wrong(
            id,
            format!("there is no `{sign}` for {a} and {b}{}", hint(a, b)),
        )),
    }
}

fn truth(id: u64, kind: Kind) -> Result<(), Wrong> {
    match kind {
        Kind::Truth | Kind::Any => Ok(()),
        other => Err(wrong(id, format!("{other} is neither true nor false"))),
    }
}

/// What to write instead.
fn hint(a: Kind, b: Kind) -> &'static str {
    match (a, b) {
        (Kind::Decimal, Kind::Float | Kind::Text) | (Kind::Float | Kind::Text, Kind::Decimal) => {
            "; write decimal(\"10.50\") for an exact number"
        }
        (Kind::Day, Kind::Text) | (Kind::Text, Kind::Day) => "; write date(\"2026-04-03\")",
        (Kind::Moment, Kind::Text) | (Kind::Text, Kind::Moment) => {
            "; write timestamp(\"2026-04-03T07:00:00Z\")"
        }
        (Kind::Day, Kind::Moment) | (Kind::Moment, Kind::Day) => {
            "; write date(…) around the datetime"
        }
        (Kind::Integer, Kind::Float) | (Kind::Float, Kind::Integer) => {
            "; write double(…) around the integer"
        }
        _ => "",
    }
}

fn called(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let expr = Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    });
    IdedExpr { id, expr }
}

/// What is said of an expression that is nested too deep.
pub fn too_deep() -> String {
    format!("an expression has at most {MAX_EXPRESSION_DEPTH} parts inside each other")
}

fn wrong(node: u64, message: String) -> Wrong {
    Wrong { node, message }
}

/// The end of a message that names what was probably meant.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let likeness = |known: &'n str| (strsim::jaro_winkler(name, known), known);
    let best = known.map(likeness).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, known)) if likeness > 0.8 => format!(", did you mean `{known}`?"),
        _ => String::new(),
    }
}
