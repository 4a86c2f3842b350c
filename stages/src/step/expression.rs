//! Expressions in the Common Expression Language over the fields of a record.
//!
//! It promises: only the fields that an expression names are looked at; decimals are compared and reckoned
//! exactly; names and types are checked when the spec is, as far as they can be; the same record always gives
//! the same answer. An expression sees no clock, no file and no network. It has no loops but over lists, and of
//! those at most two inside each other.

mod check;
mod functions;
mod result;
mod short;
#[cfg(test)]
mod tests;
mod values;

use crate::record::{Field, Record, Schema, Type, Value};
use cel::common::types::CelBool;
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr};
use check::{Check, Kind};
use jiff::tz::TimeZone;
use pipeline::Problem;
use short::Short;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The most bytes of an expression's text.
pub const MAX_EXPRESSION_BYTES: usize = 8 * 1024;
/// The most signs of an expression that can nest it: each may cost CEL's parser a stack frame.
pub const MAX_EXPRESSION_SIGNS: usize = 512;
/// The most calls, lists and operators inside each other: evaluation recurses on the stack of whoever asks.
pub const MAX_EXPRESSION_DEPTH: usize = 48;
/// The stack on which expressions are parsed, in bytes. CEL's parser takes up to 150 KiB for one parenthesis.
const PARSER_STACK_BYTES: usize = 128 * 1024 * 1024;
/// The most characters that a message shows of what CEL says.
const MAX_SHOWN_CHARACTERS: usize = 300;

static ENVIRONMENT: LazyLock<Result<Arc<Env>, String>> = LazyLock::new(|| {
    let made = functions::environment();
    made.map(Arc::new).map_err(|error| error.to_string())
});

/// The fields that an expression can name.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// All fields of the record.
    pub schema: &'a Schema,
    /// How many of them, from the first on, have their value when the expression is evaluated.
    pub visible: usize,
    /// The zone in which a field's day is reckoned, for the fields that have one, by their index. UTC for others.
    pub zones: &'a [(usize, TimeZone)],
    /// Fields with a fault that was told: they are named rightly, and nothing is said of their types.
    pub uncertain: &'a [Arc<str>],
}

impl<'a> Names<'a> {
    fn visible(&self) -> impl Iterator<Item = &'a Field> {
        self.schema.fields.iter().take(self.visible)
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        self.visible().position(|field| &*field.name == name)
    }
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes from the beginning of the text.
    pub offset: usize,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.offset)
    }
}

impl std::error::Error for ExpressionError {}

/// A checked expression.
pub struct Expression {
    root: IdedExpr,
    kind: Kind,
    fields: Vec<Named>,
    constants: Vec<Box<dyn Val>>,
    context: Context<'static, 'static>,
    /// What is asked first.
    short: Short,
}

/// A field that an expression names.
#[derive(Debug)]
struct Named {
    name: Arc<str>,
    index: usize,
    zone: TimeZone,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expression")
            .field("root", &self.root)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl Expression {
    /// Parses and checks `text`, of at most [`MAX_EXPRESSION_BYTES`].
    ///
    /// # Errors
    /// The first thing that is wrong: syntax, an unknown name, types that do not fit.
    pub fn compile(text: &str, names: &Names<'_>) -> Result<Self, ExpressionError> {
        let refused = |message: String| Err(ExpressionError { message, offset: 0 });
        if text.len() > MAX_EXPRESSION_BYTES {
            return refused(format!(
                "an expression has at most {MAX_EXPRESSION_BYTES} bytes"
            ));
        }
        let nests = |byte: &u8| b"+-*/%.?([{".contains(byte);
        if text.bytes().filter(nests).count() > MAX_EXPRESSION_SIGNS {
            return refused(format!(
                "an expression has at most {MAX_EXPRESSION_SIGNS} operators, dots and brackets"
            ));
        }
        std::thread::scope(|scope| {
            let parser = std::thread::Builder::new()
                .name("expression".into())
                .stack_size(PARSER_STACK_BYTES)
                .spawn_scoped(scope, || Self::compile_here(text, names));
            match parser {
                Ok(parser) => parser
                    .join()
                    .unwrap_or_else(|_| refused("this is no expression".into())),
                Err(error) => refused(format!("no thread can be started: {error}")),
            }
        })
    }

    /// [`Self::compile`], on a stack that is large enough.
    fn compile_here(text: &str, names: &Names<'_>) -> Result<Self, ExpressionError> {
        let env = ENVIRONMENT.as_ref().map_err(|message| ExpressionError {
            message: message.clone(),
            offset: 0,
        })?;
        let program = env
            .compile(text)
            .map_err(|errors| not_parsed(text, &errors))?;
        let mut root = program.expression().clone();
        let mut check = Check::new(names);
        let kind = check.walk(&mut root).map_err(|wrong| {
            let start = program.source_info().offset_for(wrong.node);
            ExpressionError {
                message: wrong.message,
                offset: start.map_or(0, |(start, _)| text.len().min(start as usize)),
            }
        })?;
        let Check {
            fields, constants, ..
        } = check;
        let named = |index: usize| {
            let zone = names.zones.iter().find(|(of, _)| *of == index);
            Named {
                name: names.schema.fields[index].name.clone(),
                index,
                zone: zone.map_or(TimeZone::UTC, |(_, zone)| zone.clone()),
            }
        };
        let fields: Vec<Named> = fields.into_iter().map(named).collect();
        Ok(Self {
            short: Short::of(&root, &fields, &constants),
            root,
            kind,
            fields,
            constants,
            context: Context::with_env(env.clone()),
        })
    }

    /// The fields that it names, in the order in which they first stand in the text.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// Refuses an expression that can never be true or false.
    ///
    /// # Errors
    /// What it is instead.
    pub fn must_be_condition(&self) -> Result<(), String> {
        match self.kind {
            Kind::Truth | Kind::Any => Ok(()),
            other => Err(format!("a condition is true or false, this is {other}")),
        }
    }

    /// Refuses an expression that can never give a value of type `wanted`.
    ///
    /// # Errors
    /// What it gives instead.
    pub fn must_give(&self, wanted: Type) -> Result<(), String> {
        result::fits(self.kind, wanted)
    }

    /// Whether the condition holds for `record`.
    ///
    /// # Errors
    /// The problem `expression`: it cannot be evaluated, or is neither true nor false.
    pub fn holds(&self, record: &Record) -> Result<bool, Problem> {
        match self.short.truth(record) {
            Some(truth) => Ok(truth),
            None => self.holds_in_full(record),
        }
    }

    /// [`Self::holds`], as CEL says.
    fn holds_in_full(&self, record: &Record) -> Result<bool, Problem> {
        self.with(record, |value| match value.downcast_ref::<CelBool>() {
            Some(truth) => Ok(*truth.inner()),
            None => Err(format!(
                "the condition is neither true nor false, but of type {}",
                value.get_type().name()
            )),
        })
    }

    /// Evaluates it and puts the value into field `index` of `record`, as type `kind`.
    ///
    /// # Errors
    /// The problem `expression`: it cannot be evaluated, or its value is none of `kind`.
    pub fn fill(&self, record: &mut Record, index: usize, kind: Type) -> Result<(), Problem> {
        let given = self.short.give(record);
        if let Some(value) = given.and_then(|given| given.stored(kind, record)) {
            record.set(index, value);
            return Ok(());
        }
        self.fill_in_full(record, index, kind)
    }

    /// [`Self::fill`], as CEL says.
    fn fill_in_full(&self, record: &mut Record, index: usize, kind: Type) -> Result<(), Problem> {
        let made = self.with(record, |value| result::made(value, kind))?;
        let value = made.stored(record);
        record.set(index, value);
        Ok(())
    }

    fn with<T>(
        &self,
        record: &Record,
        take: impl FnOnce(&dyn Val) -> Result<T, String>,
    ) -> Result<T, Problem> {
        let scope = Scope {
            expression: self,
            record,
        };
        let mut context = self.context.new_inner_scope();
        context.set_variable_resolver(&scope);
        let value = cel::Value::resolve_val(&self.root, &context);
        let taken = match value {
            Ok(value) => take(&*value),
            Err(error) => Err(said(&error)),
        };
        taken.map_err(|message| Problem::of_record("expression", message))
    }
}

/// One record as an expression sees it.
struct Scope<'a> {
    expression: &'a Expression,
    record: &'a Record,
}

impl VariableResolver for Scope<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(constant) = name.strip_prefix('@') {
            let constant = self
                .expression
                .constants
                .get(constant.parse::<usize>().ok()?)?;
            return Some(CowVal::Borrowed(&**constant));
        }
        let fields = &self.expression.fields;
        let field = fields.iter().find(|field| &*field.name == name)?;
        let value: &Value = self.record.value(field.index);
        Some(CowVal::Owned(values::bound(
            self.record,
            value,
            &field.zone,
        )))
    }
}

fn not_parsed(text: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError {
            message: "this is no expression".into(),
            offset: 0,
        };
    };
    if first.msg.contains("Recursion limit") {
        return ExpressionError {
            message: check::too_deep(),
            offset: 0,
        };
    }
    let (line, column) = first.pos;
    let before = usize::try_from(line - 1).unwrap_or(0);
    let above: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let column = usize::try_from(column - 1).unwrap_or(0);
    ExpressionError {
        message: syntax(&first.msg),
        offset: above + byte_of(&text[above..], column),
    }
}

/// What the parser says, in fewer words. It is generated by ANTLR, whose messages list every token that might
/// stand there, by names of its own.
fn syntax(said: &str) -> String {
    const LEADS: [&str; 5] = [
        "mismatched input '",
        "extraneous input '",
        "no viable alternative at input '",
        "token recognition error at: '",
        "missing ",
    ];
    let said = said.strip_prefix("Syntax error: ").unwrap_or(said);
    let Some(lead) = LEADS.iter().find(|lead| said.starts_with(**lead)) else {
        return short(said);
    };
    let rest = match *lead {
        "missing " => said.split_once(" at '").map(|(_, rest)| rest),
        lead => said.strip_prefix(lead),
    };
    let found = rest.and_then(|rest| {
        rest.split_once("' expecting")
            .map_or(rest.strip_suffix('\''), |(found, _)| Some(found))
    });
    match found {
        Some(found) if found.ends_with("<EOF>") => {
            "the expression ends where a value should stand".to_owned()
        }
        Some(found) => format!("unexpected `{}`", short(found)),
        None => short(said),
    }
}

/// Where character `index` of `text` begins, in bytes.
fn byte_of(text: &str, index: usize) -> usize {
    let character = text.char_indices().nth(index);
    character.map_or(text.len(), |(at, _)| at)
}

fn said(error: &ExecutionError) -> String {
    let mut message = match error {
        ExecutionError::UnsupportedBinaryOperator(operator, a, b) => {
            let (a, b) = (kind(a), kind(b));
            format!("`{operator}` cannot be done with {a} and {b}")
        }
        ExecutionError::ValuesNotComparable(a, b) => {
            format!("{} cannot be compared with {}", kind(a), kind(b))
        }
        ExecutionError::Overflow(operator, ..) => {
            format!("the result of `{operator}` is over 64 bits")
        }
        ExecutionError::DivisionByZero(_) => "a division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "the remainder of a division by zero".to_owned(),
        _ => short(&error.to_string()),
    };
    let about_null = match error {
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types();
            types.iter().any(|name| name == "null_type")
        }
        ExecutionError::UnsupportedBinaryOperator(_, a, b) => [a, b].contains(&&cel::Value::Null),
        _ => false,
    };
    if about_null {
        message.push_str("; where a value may be null, ask `… != null && …` first");
    }
    message
}

/// What a value is.
fn kind(value: &cel::Value) -> &'static str {
    match value {
        cel::Value::Null => "null",
        cel::Value::Bool(_) => "a boolean",
        cel::Value::String(_) => "a text",
        cel::Value::Int(_) | cel::Value::UInt(_) => "an integer",
        cel::Value::Float(_) => "a float",
        cel::Value::List(_) => "a list",
        cel::Value::Map(_) => "an object",
        // Types of this program: decimals, days and times.
        _ => "a decimal or a time",
    }
}

fn short(message: &str) -> String {
    match message.char_indices().nth(MAX_SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
