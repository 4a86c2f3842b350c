//! How one field's values are read, put together from what the field says and what `[values]` says for all, with
//! every key checked against the field's type and the kind of input.

mod format;
mod keys;
mod values;

pub(super) use values::check_values;

use super::{PlanProblem, RowKind};
use crate::record::{Record, Type, Value};
use crate::step::bind::field::{FieldPlan, Fill, MissingTexts};
use crate::step::bind::lookup::Lookup;
use crate::step::bind::number::{Negative, NumberStyle};
use crate::step::bind::spec::{FieldSpec, Literal, Transform, ValuesSpec};
use crate::step::bind::text::{Change, Shape};
use crate::step::bind::time::Zone;
use crate::step::bind::validate::{Constant, Constraints, Wanted, regex_fault};
use crate::step::bind::value::{Reader, Truths};
use regex::Regex;
use std::sync::Arc;
use values::{check_char, check_truths, no_zone, same_chars, truths};

/// The most digits that can stand behind an implied point: a decimal has 34.
const MAX_SCALE: u32 = 34;

/// What was found out about one field.
pub(super) struct Reading {
    pub zone: Option<Arc<Zone>>,
    shape: Shape,
    missing: MissingTexts,
    default: Option<Fill>,
    reader: Reader,
    lax: bool,
    required: bool,
    constraints: Constraints,
}

impl Reading {
    pub fn new(
        input: RowKind,
        spec: &FieldSpec,
        values: &ValuesSpec,
        path: &str,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        let kind = spec.kind.unwrap_or(Type::String);
        let scalar = match (kind, input) {
            (Type::List, RowKind::Columns) => spec.items.unwrap_or(Type::String),
            (Type::List, RowKind::Tree | RowKind::Elements) => spec.items.unwrap_or(Type::Object),
            (kind, _) => kind,
        };
        let mut builder = Builder {
            input,
            spec,
            values,
            path,
            problems,
            kind,
            scalar,
        };
        builder.check_keys();
        let zone = builder.zone();
        let reader = builder.reader(zone.as_ref());
        let shape = builder.shape();
        let missing = spec
            .missing_values
            .as_ref()
            .or(values.missing_values.as_ref());
        let wanted = Wanted {
            minimum: spec.minimum.as_ref(),
            maximum: spec.maximum.as_ref(),
            min_length: spec.min_length,
            max_length: spec.max_length,
            pattern: spec.pattern.as_deref(),
            allowed: spec.allowed.as_deref(),
        };
        let constraints = Constraints::plan(kind, wanted, zone.as_ref(), path, builder.problems);
        let default = builder.default(&reader, &constraints, zone.as_ref());
        Self {
            zone,
            shape,
            missing: missing
                .into_iter()
                .flatten()
                .map(|text| text.as_str().into())
                .collect(),
            default,
            reader,
            // All there is in XML is texts.
            lax: spec.lax.unwrap_or(input == RowKind::Elements),
            required: spec.required.unwrap_or(false),
            constraints,
        }
    }

    /// The field as the hot path needs it.
    pub fn field(self, name: Arc<str>, looked_for: Box<str>) -> FieldPlan {
        let Self {
            shape,
            missing,
            default,
            reader,
            lax,
            required,
            constraints,
            ..
        } = self;
        FieldPlan {
            name,
            shape,
            missing,
            default,
            reader,
            lax,
            required,
            looked_for,
            constraints,
        }
    }
}

struct Builder<'p> {
    input: RowKind,
    spec: &'p FieldSpec,
    values: &'p ValuesSpec,
    path: &'p str,
    problems: &'p mut Vec<PlanProblem>,
    kind: Type,
    /// The type of one item, where the field is a list.
    scalar: Type,
}

impl Builder<'_> {
    fn tell(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        let path = format!("{}.{key}", self.path);
        self.problems.push(PlanProblem::new(path, code, message));
    }

    fn tell_with(&mut self, key: &str, code: &'static str, message: impl Into<String>, hint: &str) {
        let path = format!("{}.{key}", self.path);
        self.problems
            .push(PlanProblem::new(path, code, message).hint(hint));
    }

    fn zone(&mut self) -> Option<Arc<Zone>> {
        match (&self.spec.timezone, &self.values.timezone) {
            (Some(name), _) => {
                let zone = Zone::named(name);
                if zone.is_none() {
                    self.problems
                        .push(no_zone(name, format!("{}.timezone", self.path)));
                }
                zone.map(Arc::new)
            }
            // What is wrong with the zone of all is told once.
            (None, Some(name)) => Zone::named(name).map(Arc::new),
            (None, None) => None,
        }
    }

    fn reader(&mut self, zone: Option<&Arc<Zone>>) -> Reader {
        let in_json = self.input == RowKind::Columns && self.spec.separator.is_none();
        let reader = if self.kind == Type::List {
            let is_typed = self.input == RowKind::Columns && !in_json || self.spec.items.is_some();
            let items = is_typed.then(|| Box::new(self.scalar_reader(zone)));
            Reader::List(items, self.spec.separator.as_deref().map(Box::from))
        } else {
            self.scalar_reader(zone)
        };
        match self.kind {
            Type::List | Type::Object if in_json => Reader::JsonText(Box::new(reader)),
            _ => reader,
        }
    }

    fn scalar_reader(&mut self, zone: Option<&Arc<Zone>>) -> Reader {
        let reader = self.typed_reader(zone);
        match &self.spec.lookup {
            None => reader,
            Some(lookup) => Reader::Lookup(Arc::new(Lookup::new(lookup)), Box::new(reader)),
        }
    }

    fn typed_reader(&mut self, zone: Option<&Arc<Zone>>) -> Reader {
        match self.scalar {
            Type::String => Reader::String,
            Type::Integer => {
                let style = self.number_style();
                self.signed(Reader::Integer(style))
            }
            Type::Float => {
                let style = self.number_style();
                self.signed(Reader::Float(style))
            }
            Type::Decimal => {
                let scale = self.spec.scale;
                if scale.is_some_and(|scale| scale > MAX_SCALE) {
                    self.tell(
                        "scale",
                        "bad_value",
                        format!("a decimal has at most {MAX_SCALE} digits"),
                    );
                }
                let style = self.number_style();
                self.signed(Reader::Decimal(style, scale))
            }
            Type::Boolean => Reader::Boolean(Arc::new(self.truths())),
            Type::Date => Reader::Date(self.forms(zone)),
            Type::Datetime => Reader::Datetime(self.forms(zone), zone.cloned()),
            Type::Time => Reader::Time(self.forms(zone)),
            Type::Duration => Reader::Duration,
            Type::Uuid => Reader::Uuid,
            Type::Email => Reader::Email,
            Type::Url => Reader::Url,
            Type::List => Reader::List(None, None),
            Type::Object => Reader::Object,
        }
    }

    /// The reader of a number, behind one that finds its sign where that may stand elsewhere.
    fn signed(&self, number: Reader) -> Reader {
        match self.spec.negative.or(self.values.negative) {
            None | Some(Negative::Leading) => number,
            Some(negative) => Reader::Signed(Box::new(number), negative),
        }
    }

    fn number_style(&mut self) -> NumberStyle {
        let (spec, values) = (self.spec, self.values);
        let style = NumberStyle {
            decimal_char: spec.decimal_char.or(values.decimal_char).unwrap_or('.'),
            group_char: spec.group_char.or(values.group_char),
        };
        let own = [
            ("decimal_char", spec.decimal_char),
            ("group_char", spec.group_char),
        ];
        for (key, char) in own {
            check_char(char, &format!("{}.{key}", self.path), self.problems);
        }
        // An integer has no decimal point that a group could be taken for.
        if let Some((key, _)) = own.iter().find(|(_, char)| char.is_some())
            && style.group_char == Some(style.decimal_char)
            && self.scalar != Type::Integer
        {
            self.problems
                .push(same_chars(&format!("{}.{key}", self.path)));
        }
        style
    }

    fn truths(&mut self) -> Truths {
        let (spec, values) = (self.spec, self.values);
        let yes = spec
            .true_values
            .as_deref()
            .or(values.true_values.as_deref());
        let no = spec
            .false_values
            .as_deref()
            .or(values.false_values.as_deref());
        if spec.true_values.is_some() || spec.false_values.is_some() {
            check_truths(yes, no, self.path, self.problems);
        }
        Truths {
            yes: truths(yes, &["true", "1"]),
            no: truths(no, &["false", "0"]),
        }
    }

    fn shape(&mut self) -> Shape {
        let spec = self.spec;
        let mut changes = Vec::new();
        for (index, transform) in spec.transform.iter().flatten().enumerate() {
            changes.extend(match transform {
                Transform::Trim => Some(Change::Trim),
                Transform::Lowercase => Some(Change::Lowercase),
                Transform::Uppercase => Some(Change::Uppercase),
                Transform::Collapse => Some(Change::Collapse),
                Transform::Unescape => Some(Change::Unescape),
                Transform::Replace([pattern, with]) => {
                    let key = format!("transform[{index}].replace");
                    let pattern = self.regex(&key, pattern);
                    pattern.map(|pattern| {
                        self.groups(&key, &pattern, with);
                        Change::Replace(pattern, with.clone())
                    })
                }
            });
        }
        for unwanted in spec.strip.iter().flatten() {
            if unwanted.is_empty() {
                self.tell("strip", "bad_value", "an empty text cannot be taken away");
            } else {
                changes.push(Change::Strip(unwanted.clone()));
            }
        }
        if let Some(pattern) = &spec.extract {
            changes.extend(self.regex("extract", pattern).map(Change::Extract));
        }
        Shape::new(changes)
    }

    /// Tells of groups that a replacement names and its pattern does not have: they would be the empty text.
    fn groups(&mut self, key: &str, pattern: &Regex, with: &str) {
        for name in named_groups(with) {
            let is_there = match name.parse::<usize>() {
                Ok(number) => number < pattern.captures_len(),
                Err(_) => pattern.capture_names().flatten().any(|known| known == name),
            };
            if is_there {
                continue;
            }
            let message = format!("the pattern has no group `{name}`");
            let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let hint = match name.split_at(digits) {
                ("", _) | (_, "") => {
                    format!("a dollar sign of its own is `$$`; groups are `$1`, or `(?<{name}>…)`")
                }
                (number, behind) => {
                    format!("write `${{{number}}}{behind}` where `{behind}` is a text")
                }
            };
            self.tell_with(key, "bad_value", message, &hint);
        }
    }

    fn regex(&mut self, key: &str, pattern: &str) -> Option<Regex> {
        match crate::spec::regex(pattern) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.tell(key, "bad_regex", regex_fault(&error));
                None
            }
        }
    }

    /// A default is read as if it had been found, and must satisfy the constraints.
    fn default(
        &mut self,
        reader: &Reader,
        constraints: &Constraints,
        zone: Option<&Arc<Zone>>,
    ) -> Option<Fill> {
        let literal = self.spec.default.as_ref()?;
        let mut record = Record::default();
        let read = match literal {
            Literal::Text(text) => reader
                .of_values()
                .text(text, &mut record)
                .map_err(|fault| fault.reason.into_owned()),
            _ => Constant::new(self.kind, literal, zone).map(|constant| constant.into_value()),
        };
        let value = match read {
            Ok(value) => value,
            Err(reason) => {
                let message = format!("the default {literal} {reason}");
                self.tell_with(
                    "default",
                    "bad_value",
                    message,
                    "a default is written as in the input",
                );
                return None;
            }
        };
        let mut found = Vec::new();
        constraints.check("default", &value, &record, &mut found);
        for problem in found {
            self.tell(
                "default",
                "impossible",
                format!("the default {}", problem.message),
            );
        }
        Some(match (literal, &value) {
            (Literal::Text(text), Value::Text(_) | Value::List(_)) => {
                Fill::Text(text.as_str().into())
            }
            _ => Fill::Value(value),
        })
    }
}

/// The groups that a replacement names, by the rules of [`regex::Captures::expand`].
fn named_groups(with: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = with;
    while let Some((_, behind)) = rest.split_once('$') {
        rest = behind;
        if let Some(behind) = rest.strip_prefix('$') {
            rest = behind;
            continue;
        }
        let name = match rest.strip_prefix('{') {
            Some(inside) => inside.split_once('}').map_or("", |(name, _)| name),
            None => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c: char| !is_name(c));
                &rest[..end.unwrap_or(rest.len())]
            }
        };
        if !name.is_empty() {
            names.push(name);
        }
    }
    names
}
