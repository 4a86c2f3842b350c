//! How one field's values are read, put together from what the field says and what `[values]` says for all, with
//! every key checked against the field's type and the kind of input.

use super::{Input, PlanProblem};
use crate::record::{Record, Type, Value};
use crate::step::bind::field::{FieldPlan, Fill};
use crate::step::bind::number::NumberStyle;
use crate::step::bind::spec::{FieldSpec, Literal, Transform, ValuesSpec};
use crate::step::bind::text::{Change, Shape};
use crate::step::bind::time::{Form, Pattern, Zone};
use crate::step::bind::value::{Reader, Truths};
use crate::step::validate::{Constant, Constraints, Wanted, regex_fault, type_name};
use regex::Regex;
use std::sync::Arc;

/// The most digits that can stand behind an implied point: a decimal has 34.
const MAX_SCALE: u32 = 34;

/// What was found out about one field.
pub(super) struct Reading {
    pub zone: Option<Arc<Zone>>,
    shape: Shape,
    missing: Vec<Box<str>>,
    default: Option<Fill>,
    reader: Reader,
    lax: bool,
    required: bool,
    constraints: Constraints,
}

impl Reading {
    pub fn new(
        input: Input,
        spec: &FieldSpec,
        values: &ValuesSpec,
        path: &str,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        let kind = spec.kind.unwrap_or(Type::String);
        let scalar = match (kind, input) {
            (Type::List, Input::Columns) => spec.items.unwrap_or(Type::String),
            (Type::List, Input::Tree) => spec.items.unwrap_or(Type::Object),
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
            lax: spec.lax.unwrap_or(false),
            required: spec.required.unwrap_or(false),
            constraints,
        }
    }

    /// The field as the hot path needs it.
    pub fn field(self, name: Arc<str>) -> FieldPlan {
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
            constraints,
        }
    }
}

/// Checks what `[values]` says for all fields, once.
pub(super) fn check_values(values: &ValuesSpec, problems: &mut Vec<PlanProblem>) {
    if values.group_char.is_some() && values.group_char == Some(values.decimal_char.unwrap_or('.'))
    {
        problems.push(same_chars("values.group_char"));
    }
    for (key, char) in [
        ("decimal_char", values.decimal_char),
        ("group_char", values.group_char),
    ] {
        check_char(char, &format!("values.{key}"), problems);
    }
    if let Some(name) = &values.timezone
        && Zone::named(name).is_none()
    {
        problems.push(no_zone(name, "values.timezone".into()));
    }
    check_truths(
        values.true_values.as_deref(),
        values.false_values.as_deref(),
        "values",
        problems,
    );
}

fn check_char(char: Option<char>, path: &str, problems: &mut Vec<PlanProblem>) {
    if let Some(char) = char.filter(|char| char.is_ascii_digit() || "+-eE".contains(*char)) {
        let message = format!("{char:?} is a part of numbers themselves");
        problems.push(PlanProblem::new(path, "impossible", message));
    }
}

fn check_truths(
    yes: Option<&[String]>,
    no: Option<&[String]>,
    path: &str,
    problems: &mut Vec<PlanProblem>,
) {
    let (yes, no) = (truths(yes, &["true", "1"]), truths(no, &["false", "0"]));
    if let Some(both) = yes.iter().find(|text| no.contains(text)) {
        let message = format!("{both:?} would mean true and false");
        problems.push(PlanProblem::new(
            format!("{path}.false_values"),
            "impossible",
            message,
        ));
    }
}

fn truths(said: Option<&[String]>, else_these: &[&str]) -> Vec<String> {
    match said {
        Some(texts) => texts.to_vec(),
        None => else_these.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn same_chars(path: &str) -> PlanProblem {
    let message = "`group_char` and `decimal_char` are the same, so `1.234` could be two numbers";
    PlanProblem::new(path, "impossible", message).hint("give each a character of its own")
}

fn no_zone(name: &str, path: String) -> PlanProblem {
    let problem = PlanProblem::new(
        path,
        "unknown_timezone",
        format!("no time zone is called {name:?}"),
    );
    match &Zone::names_like(name)[..] {
        [] => problem.hint("an IANA name such as `Europe/Berlin`, or an offset such as `+01:00`"),
        near => problem.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

struct Builder<'p> {
    input: Input,
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

    /// Keys that say nothing about the field's type, or about its kind of input.
    fn check_keys(&mut self) {
        use Type::{Boolean, Date, Datetime, Decimal, Float, Integer, Object, Time};
        let spec = self.spec;
        let scalars: [(&str, bool, &[Type]); 8] = [
            ("format", spec.format.is_some(), &[Date, Datetime, Time]),
            ("timezone", spec.timezone.is_some(), &[Datetime]),
            (
                "decimal_char",
                spec.decimal_char.is_some(),
                &[Float, Decimal],
            ),
            (
                "group_char",
                spec.group_char.is_some(),
                &[Integer, Float, Decimal],
            ),
            ("scale", spec.scale.is_some(), &[Decimal]),
            ("true_values", spec.true_values.is_some(), &[Boolean]),
            ("false_values", spec.false_values.is_some(), &[Boolean]),
            (
                "items",
                spec.items.is_some() && self.kind != Type::List,
                &[],
            ),
        ];
        for (key, said, types) in scalars {
            if said && !types.contains(&self.scalar) {
                let kind = type_name(self.kind);
                self.tell(
                    key,
                    "not_applicable",
                    format!("`{key}` says nothing about type {kind}"),
                );
            }
        }
        if let Some(items @ (Type::List | Type::Object)) = spec.items
            && (items == Type::List || self.input == Input::Columns)
        {
            self.tell(
                "items",
                "not_applicable",
                format!("items cannot be of type {}", type_name(items)),
            );
        }
        self.check_separator();
        if self.kind == Object && self.input == Input::Columns {
            self.tell(
                "type",
                "not_applicable",
                "a cell is a text, never an object",
            );
        }
        if spec.lax.is_some() && self.input == Input::Columns {
            self.tell(
                "lax",
                "not_applicable",
                "`lax` is for JSON: a cell is a text already",
            );
        }
        let untouched = self.kind == Object || self.kind == Type::List && self.input == Input::Tree;
        for (key, said) in [
            ("transform", spec.transform.is_some()),
            ("strip", spec.strip.is_some()),
            ("extract", spec.extract.is_some()),
        ] {
            if said && untouched {
                let kind = type_name(self.kind);
                self.tell(
                    key,
                    "not_applicable",
                    format!("`{key}` changes a text, and type {kind} is none"),
                );
            }
        }
    }

    fn check_separator(&mut self) {
        let is_cell_list = self.kind == Type::List && self.input == Input::Columns;
        match &self.spec.separator {
            None if is_cell_list => {
                let message = "a list in a cell wants to know what stands between its items";
                self.tell_with(
                    "separator",
                    "missing_key",
                    message,
                    "`separator = \"|\"`, say",
                );
            }
            Some(separator) if is_cell_list && separator.is_empty() => {
                self.tell("separator", "bad_value", "an empty text separates nothing");
            }
            Some(_) if !is_cell_list => {
                self.tell(
                    "separator",
                    "not_applicable",
                    "`separator` is for a list in a cell",
                );
            }
            _ => {}
        }
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
        if self.kind != Type::List {
            return self.scalar_reader(zone);
        }
        let is_typed = self.input == Input::Columns || self.spec.items.is_some();
        let items = is_typed.then(|| Box::new(self.scalar_reader(zone)));
        Reader::List(items, self.spec.separator.as_deref().map(Box::from))
    }

    fn scalar_reader(&mut self, zone: Option<&Arc<Zone>>) -> Reader {
        match self.scalar {
            Type::String => Reader::String,
            Type::Integer => Reader::Integer(self.number_style()),
            Type::Float => Reader::Float(self.number_style()),
            Type::Decimal => {
                let scale = self.spec.scale;
                if scale.is_some_and(|scale| scale > MAX_SCALE) {
                    self.tell(
                        "scale",
                        "bad_value",
                        format!("a decimal has at most {MAX_SCALE} digits"),
                    );
                }
                Reader::Decimal(self.number_style(), scale)
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

    fn forms(&mut self, zone: Option<&Arc<Zone>>) -> Arc<[Form]> {
        let Some(formats) = &self.spec.format else {
            return Arc::new([Form::Iso]);
        };
        if formats.0.is_empty() {
            self.tell("format", "impossible", "`format` names no format");
        }
        let forms = formats.0.iter().enumerate().filter_map(|(index, format)| {
            let key = if formats.0.len() > 1 {
                format!("format[{index}]")
            } else {
                "format".into()
            };
            self.form(&key, format, zone)
        });
        forms.collect()
    }

    fn form(&mut self, key: &str, format: &str, zone: Option<&Arc<Zone>>) -> Option<Form> {
        if let "epoch_s" | "epoch_ms" = format {
            if self.scalar != Type::Datetime {
                let kind = type_name(self.scalar);
                self.tell(
                    key,
                    "not_applicable",
                    format!("`{format}` is a moment, and type {kind} is none"),
                );
                return None;
            }
            return Some(if format == "epoch_s" {
                Form::EpochSeconds
            } else {
                Form::EpochMillis
            });
        }
        let pattern = match Pattern::new(format) {
            Ok(pattern) => pattern,
            Err(fault) => {
                self.tell(
                    key,
                    "bad_format",
                    format!("the format {format:?} cannot be followed: {fault}"),
                );
                return None;
            }
        };
        let lacks = |what: &str| format!("the format {format:?} does not say {what}");
        if pattern.has_half_an_hour() {
            self.tell(
                key,
                "bad_format",
                lacks("the whole hour: `%I` and `%p` go together"),
            );
        } else if self.scalar != Type::Time && !pattern.has_date() {
            self.tell(key, "bad_format", lacks("year, month and day"));
        } else if self.scalar == Type::Time && !pattern.has_time() {
            self.tell(key, "bad_format", lacks("the hour"));
        } else if self.scalar == Type::Time && pattern.has_some_date() {
            self.tell(
                key,
                "bad_format",
                format!("the format {format:?} says a date, and a time has none"),
            );
        } else if self.scalar != Type::Datetime && pattern.has_offset() {
            let kind = type_name(self.scalar);
            self.tell(
                key,
                "bad_format",
                format!("the format {format:?} says an offset, and a {kind} has none"),
            );
        } else if self.scalar == Type::Datetime
            && !pattern.has_offset()
            && zone.is_none()
            && self.spec.timezone.is_none()
            && self.values.timezone.is_none()
        {
            let message = format!(
                "the format {format:?} has no offset, and no `timezone` says what local time it is"
            );
            let hint = "`timezone` in the field or in `[values]`, \"UTC\" or \"Europe/Berlin\" say";
            self.tell_with(key, "no_timezone", message, hint);
        }
        Some(Form::Pattern(pattern))
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
                    let pattern = self.regex(&format!("transform[{index}].replace"), pattern);
                    pattern.map(|pattern| Change::Replace(pattern, with.clone()))
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

    fn regex(&mut self, key: &str, pattern: &str) -> Option<Regex> {
        match Regex::new(pattern) {
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
