//! A spec of CSV as a Data Resource of Frictionless, version 2: dialect, fields and their constraints.

use super::json::{Json, Object};
use super::pattern;
use super::table::{self, Column};
use crate::plan::Plan;
use crate::record::Type;
use crate::spec::Spec;
use crate::step::bind::{FieldSpec, Literal, Missing, Order, Unknown};

/// Writes the resource; what it cannot say goes to `lost`.
pub fn write(spec: &Spec, plan: &Plan, lost: &mut Vec<String>) -> Json {
    let mut resource = Object::default();
    resource.say(
        "$schema",
        "https://datapackage.org/profiles/2.0/dataresource.json",
    );
    resource.say("name", plan.name.to_ascii_lowercase().as_str());
    resource.say_some("description", spec.description.as_deref());
    // A resource must say where it lies, and a spec does not know it.
    resource.say("path", format!("{}.csv", plan.name).as_str());
    resource.say("type", "table");
    resource.say("format", "csv");
    let encoding = spec
        .input
        .as_ref()
        .and_then(|input| input.encoding.as_deref());
    match encoding {
        Some("auto") => lost.push("input.encoding = \"auto\": an encoding is named there".into()),
        other => resource.say_some("encoding", other),
    }
    resource.say("dialect", dialect(spec, lost));
    let mut schema = Object::default();
    schema.say(
        "$schema",
        "https://datapackage.org/profiles/2.0/tableschema.json",
    );
    let columns = table::columns(spec, lost);
    let field = |column: &Column<'_>| field(column, spec, plan, lost);
    schema.say("fields", columns.iter().map(field).collect::<Json>());
    schema.say("fieldsMatch", fields_match(spec, lost));
    let missing = table::missing(None, spec);
    schema.say(
        "missingValues",
        missing.iter().map(String::as_str).collect::<Json>(),
    );
    let titled = |name: &String| {
        let column = columns.iter().find(|column| column.name == *name)?;
        Some(column.titles[0].as_str())
    };
    let keys: Vec<_> = (spec.unique.iter().flatten())
        .filter_map(|unique| unique.fields.as_ref())
        .map(|fields| fields.iter().filter_map(titled).collect::<Json>())
        .collect();
    if !keys.is_empty() {
        schema.say("uniqueKeys", Json::List(keys));
    }
    resource.say("schema", schema);
    table::whole(spec, lost);
    resource.into()
}

fn fields_match(spec: &Spec, lost: &mut Vec<String>) -> &'static str {
    let columns = spec.columns.clone().unwrap_or_default();
    let (order, missing, unknown) = (
        columns.order.unwrap_or_default(),
        columns.missing.unwrap_or_default(),
        columns.unknown.unwrap_or_default(),
    );
    let (matches, is_exact) = match (order, missing, unknown) {
        (Order::Strict, Missing::FailAny, Unknown::Fail) => ("exact", true),
        (order, Missing::FailAny, Unknown::Fail) => ("equal", order == Order::Any),
        (order, Missing::FailAny, unknown) => {
            ("subset", (order, unknown) == (Order::Any, Unknown::Drop))
        }
        (order, missing, Unknown::Fail) => {
            ("superset", (order, missing) == (Order::Any, Missing::Null))
        }
        (order, missing, unknown) => (
            "partial",
            (order, missing, unknown) == (Order::Any, Missing::FailRequired, Unknown::Drop),
        ),
    };
    if !is_exact {
        lost.push(format!(
            "[columns]: {matches:?} is the nearest that fieldsMatch can say"
        ));
    }
    matches
}

fn dialect(spec: &Spec, lost: &mut Vec<String>) -> Object {
    let csv = table::csv_of(spec);
    let mut dialect = Object::default();
    dialect.say("delimiter", csv.delimiter.as_deref().unwrap_or(","));
    match csv.quote_char.as_deref() {
        Some("") => lost.push("format.csv.quote_char = \"\": there is always one there".into()),
        other => dialect.say("quoteChar", other.unwrap_or("\"")),
    }
    dialect.say("doubleQuote", csv.double_quote.unwrap_or(true));
    dialect.say_some("escapeChar", csv.escape_char.as_deref());
    dialect.say_some("commentChar", csv.comment_char.as_deref());
    let rows = csv.header.and_then(|header| header.rows).unwrap_or(1);
    let skipped = csv.skip_rows.unwrap_or(0);
    match rows {
        0 => {
            dialect.say("header", false);
            if skipped > 0 {
                lost.push(format!(
                    "format.csv.skip_rows = {skipped}: only rows before a header are skipped there"
                ));
            }
        }
        rows => {
            dialect.say("header", true);
            if rows > 1 || skipped > 0 {
                let numbers = (skipped + 1)..=(skipped + u64::from(rows));
                dialect.say("headerRows", numbers.collect::<Json>());
            }
        }
    }
    dialect
}

fn field(column: &Column<'_>, spec: &Spec, plan: &Plan, lost: &mut Vec<String>) -> Object {
    let mut out = Object::default();
    out.say("name", column.titles[0].as_str());
    let Some(field) = column.field else {
        out.say("type", "any");
        return out;
    };
    let name = &column.name;
    for title in column.titles.iter().skip(1) {
        lost.push(format!(
            "{name}: from = {title:?}: a field has one name there"
        ));
    }
    typed(column, field, spec, &mut out, lost);
    if field.missing_values.is_some() {
        let missing = table::missing(Some(field), spec);
        out.say(
            "missingValues",
            missing.iter().map(String::as_str).collect::<Json>(),
        );
    }
    let mut constraints = Object::default();
    constraints.say_some("required", field.required.filter(|required| *required));
    constraints.say_some("unique", field.unique.filter(|unique| *unique));
    constraints.say_some("minLength", field.min_length);
    constraints.say_some("maxLength", field.max_length);
    let value = |literal: &Literal| table::value(literal, column.kind());
    constraints.say_some("minimum", field.minimum.as_ref().map(value));
    constraints.say_some("maximum", field.maximum.as_ref().map(value));
    if let Some(text) = &field.pattern {
        match pattern::portable(text) {
            Some(text) => constraints.say("pattern", text.as_str()),
            None => lost.push(format!(
                "{name}: pattern = {text:?}: other libraries do not read it"
            )),
        }
    }
    constraints.say_some(
        "enum",
        field
            .allowed
            .as_ref()
            .map(|all| all.iter().map(value).collect::<Json>()),
    );
    if !constraints.is_empty() {
        out.say("constraints", constraints);
    }
    if field.default.is_some() {
        lost.push(format!("{name}: default has no equivalent"));
    }
    table::tell(column, spec, plan, lost);
    out
}

fn typed(
    column: &Column<'_>,
    field: &FieldSpec,
    spec: &Spec,
    out: &mut Object,
    lost: &mut Vec<String>,
) {
    let name = &column.name;
    match column.kind() {
        Type::String => out.say("type", "string"),
        kind @ (Type::Email | Type::Url | Type::Uuid) => {
            out.say("type", "string");
            out.say(
                "format",
                match kind {
                    Type::Email => "email",
                    Type::Url => "uri",
                    _ => "uuid",
                },
            );
        }
        kind @ (Type::Integer | Type::Decimal | Type::Float) => {
            out.say(
                "type",
                if kind == Type::Integer {
                    "integer"
                } else {
                    "number"
                },
            );
            let (decimal, group) = table::marks(field, spec);
            out.say_some("decimalChar", decimal.filter(|_| kind != Type::Integer));
            out.say_some("groupChar", group);
            if field.strip.is_some() {
                out.say("bareNumber", false);
            }
            if kind == Type::Float {
                lost.push(format!(
                    "{name}: a float is a number there, as a decimal is"
                ));
            }
        }
        Type::Boolean => {
            out.say("type", "boolean");
            let (yes, no) = table::truths(field, spec);
            out.say(
                "trueValues",
                yes.iter().map(String::as_str).collect::<Json>(),
            );
            out.say(
                "falseValues",
                no.iter().map(String::as_str).collect::<Json>(),
            );
        }
        kind @ (Type::Date | Type::Datetime | Type::Time) => {
            out.say(
                "type",
                match kind {
                    Type::Date => "date",
                    Type::Time => "time",
                    _ => "datetime",
                },
            );
            if let Some(format) = table::format_of(field) {
                out.say("format", format);
                if format.contains("%.") || format.contains("%:") {
                    lost.push(format!(
                        "{name}: format = {format:?}: other libraries do not read all of it"
                    ));
                }
            }
        }
        Type::Duration => out.say("type", "duration"),
        Type::Object => out.say("type", "object"),
        Type::List => match &field.separator {
            None => out.say("type", "array"),
            Some(separator) => {
                out.say("type", "list");
                out.say("delimiter", separator.as_str());
                let items = match field.items.unwrap_or(Type::String) {
                    Type::String => "string",
                    Type::Integer => "integer",
                    Type::Decimal => "number",
                    Type::Boolean => "boolean",
                    Type::Date => "date",
                    Type::Datetime => "datetime",
                    Type::Time => "time",
                    _ => {
                        lost.push(format!("{name}: items have no such type there"));
                        "string"
                    }
                };
                out.say("itemType", items);
            }
        },
    }
}
