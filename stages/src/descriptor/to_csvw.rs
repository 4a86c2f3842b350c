//! A spec of CSV as a metadata document of CSV on the Web: dialect, columns and their datatypes.

use super::json::{Json, Object};
use super::table::{self, Column};
use super::{moment, pattern};
use crate::plan::Plan;
use crate::record::Type;
use crate::spec::Spec;
use crate::step::bind::{FieldSpec, Literal};

/// Writes the document; what it cannot say goes to `lost`.
pub fn write(spec: &Spec, plan: &Plan, lost: &mut Vec<String>) -> Json {
    let mut document = Object::default();
    document.say("@context", "http://www.w3.org/ns/csvw");
    // A table must say where it lies, and a spec does not know it.
    document.say("url", format!("{}.csv", plan.name).as_str());
    document.say_some("dc:description", spec.description.as_deref());
    document.say("dialect", dialect(spec, lost));
    let mut schema = Object::default();
    let columns = table::columns(spec, lost);
    let column = |column: &Column<'_>| of_column(column, spec, plan, lost);
    schema.say("columns", columns.iter().map(column).collect::<Json>());
    for unique in spec
        .unique
        .iter()
        .flatten()
        .filter_map(|unique| unique.fields.as_ref())
    {
        lost.push(format!(
            "unique = {unique:?}: there is a primary key there, which is required too"
        ));
    }
    document.say("tableSchema", schema);
    if spec.columns.is_some() {
        lost.push("[columns]: columns are those of the document there".into());
    }
    table::whole(spec, lost);
    document.into()
}

fn dialect(spec: &Spec, lost: &mut Vec<String>) -> Object {
    let csv = table::csv_of(spec);
    let mut dialect = Object::default();
    dialect.say("delimiter", csv.delimiter.as_deref().unwrap_or(","));
    match csv.quote_char.as_deref() {
        Some("") => dialect.say("quoteChar", Json::Null),
        other => dialect.say("quoteChar", other.unwrap_or("\"")),
    }
    let double = csv.double_quote.unwrap_or(true);
    dialect.say("doubleQuote", double);
    if csv.escape_char.as_deref() != (!double).then_some("\\") {
        lost.push(
            "format.csv.escape_char: it is a backslash there, and only without double quotes"
                .into(),
        );
    }
    match csv.comment_char.as_deref() {
        Some(comment) => dialect.say("commentPrefix", comment),
        None => dialect.say("commentPrefix", Json::Null),
    }
    let rows = csv.header.and_then(|header| header.rows).unwrap_or(1);
    dialect.say("header", rows > 0);
    dialect.say("headerRowCount", u64::from(rows));
    dialect.say_some("skipRows", csv.skip_rows);
    let encoding = spec
        .input
        .as_ref()
        .and_then(|input| input.encoding.as_deref());
    match encoding {
        Some("auto") => lost.push("input.encoding = \"auto\": an encoding is named there".into()),
        other => dialect.say("encoding", other.unwrap_or("utf-8")),
    }
    dialect
}

fn of_column(column: &Column<'_>, spec: &Spec, plan: &Plan, lost: &mut Vec<String>) -> Object {
    let mut out = Object::default();
    out.say("name", column.name.as_str());
    out.say(
        "titles",
        column.titles.iter().map(String::as_str).collect::<Json>(),
    );
    let Some(field) = column.field else {
        return out;
    };
    let name = &column.name;
    out.say("datatype", datatype(column, field, spec, lost));
    if column.kind() == Type::List {
        match &field.separator {
            Some(separator) => out.say("separator", separator.as_str()),
            None => lost.push(format!("{name}: a list as JSON text is a text there")),
        }
        if field.min_length.is_some() || field.max_length.is_some() {
            lost.push(format!("{name}: the length of a list has no equivalent"));
        }
    }
    let missing = table::missing(Some(field), spec);
    out.say("null", missing.iter().map(String::as_str).collect::<Json>());
    out.say_some("required", field.required.filter(|required| *required));
    match &field.default {
        None => {}
        Some(_) if !missing.iter().any(String::is_empty) || missing.len() > 1 => {
            lost.push(format!(
                "{name}: default stands for an empty cell alone there"
            ));
        }
        Some(Literal::Text(text)) => out.say("default", text.as_str()),
        Some(other) => out.say("default", other.to_string().as_str()),
    }
    if field.unique == Some(true) {
        lost.push(format!("{name}: unique has no equivalent"));
    }
    if field.allowed.is_some() {
        lost.push(format!("{name}: enum has no equivalent"));
    }
    table::tell(column, spec, plan, lost);
    out
}

fn datatype(column: &Column<'_>, field: &FieldSpec, spec: &Spec, lost: &mut Vec<String>) -> Object {
    let name = &column.name;
    let kind = match column.kind() {
        Type::List => field.items.unwrap_or(Type::String),
        kind => kind,
    };
    let mut out = Object::default();
    out.say(
        "base",
        match kind {
            Type::Integer => "integer",
            Type::Decimal => "decimal",
            Type::Float => "double",
            Type::Boolean => "boolean",
            Type::Date => "date",
            Type::Datetime => "datetime",
            Type::Time => "time",
            Type::Duration => "duration",
            Type::Url => "anyURI",
            Type::Object => "json",
            Type::String | Type::Uuid | Type::Email | Type::List => "string",
        },
    );
    match kind {
        Type::Integer | Type::Decimal | Type::Float => {
            let (decimal, group) = table::marks(field, spec);
            let mut format = Object::default();
            format.say_some("decimalChar", decimal.filter(|_| kind != Type::Integer));
            format.say_some("groupChar", group);
            if !format.is_empty() {
                out.say("format", format);
            }
        }
        Type::Boolean => match table::truths(field, spec) {
            (yes, no) if yes == ["true", "1"] && no == ["false", "0"] => {}
            (yes, no) => {
                let first = |all: &[String]| all.first().cloned().unwrap_or_default();
                out.say("format", format!("{}|{}", first(&yes), first(&no)).as_str());
                if yes.len() != 1 || no.len() != 1 {
                    lost.push(format!(
                        "{name}: there is one word for true and one for false there"
                    ));
                }
            }
        },
        Type::Date | Type::Datetime | Type::Time => {
            if let Some(format) = table::format_of(field) {
                match moment::to_letters(format) {
                    Some(letters) => out.say("format", letters.as_str()),
                    None => lost.push(format!("{name}: format = {format:?} has no equivalent")),
                }
            }
        }
        Type::Uuid | Type::Email | Type::Url | Type::Object => {
            lost.push(format!("{name}: its type is a text of no form there"));
        }
        _ => {}
    }
    if let Some(text) = &field.pattern {
        match pattern::anchored(text) {
            Some(text) => out.say("format", text.as_str()),
            None => lost.push(format!(
                "{name}: pattern = {text:?}: other libraries do not read it"
            )),
        }
    }
    if column.kind() != Type::List {
        out.say_some("minLength", field.min_length);
        out.say_some("maxLength", field.max_length);
    }
    let value = |literal: &Literal| table::value(literal, kind);
    out.say_some("minimum", field.minimum.as_ref().map(value));
    out.say_some("maximum", field.maximum.as_ref().map(value));
    out
}
