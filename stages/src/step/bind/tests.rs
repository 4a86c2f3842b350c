//! Rows go in, values come out: one line per case, for cells and for JSON.

mod cells;
mod json;
mod round_trip;

use super::*;
use crate::record::{Cells, Name, Record, Tree, Value};
use crate::step::bind::validate::canonical;
use pipeline::{Accepted, Bind, Verdict};

/// A plan that must have no problems; fields are TOML, one a line.
fn plan(input: RowKind, fields: &str, columns: &str, values: &str) -> BindPlan {
    let fields: Vec<(String, FieldSpec)> = fields
        .lines()
        .map(|line| {
            let FieldsSpec(mut one) =
                toml::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            one.pop().unwrap()
        })
        .collect();
    let (columns, values) = (
        toml::from_str(columns).unwrap(),
        toml::from_str(values).unwrap(),
    );
    let mut problems = Vec::new();
    let plan = BindPlan::new(input, &fields, &columns, &values, &mut problems);
    assert_eq!(problems, [], "{fields:?}");
    plan
}

/// A value as one text, names and all.
fn show(value: &Value, record: &Record) -> String {
    match value {
        Value::Text(text) => format!("{:?}", record.text(*text)),
        Value::Float(value) => format!("{value:?}f"),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| show(item, record)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entry = |(name, value): &(crate::record::Text, Value)| {
                format!("{}: {}", record.text(*name), show(value, record))
            };
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => canonical(other, record),
    }
}

/// The values of a record, then what was unknown; or the problems as `code field`.
fn shown(verdict: Verdict, record: &Record, fields: usize) -> String {
    match verdict {
        Verdict::Keep | Verdict::Warn(_) => {
            let values = (0..fields).map(|index| show(record.value(index), record));
            let unknown = record.unknown().iter();
            let unknown = unknown
                .map(|(name, value)| format!("{}={}", record.text(*name), show(value, record)));
            values.chain(unknown).collect::<Vec<_>>().join(" ")
        }
        Verdict::Reject(problems) => {
            let one = |problem: &pipeline::Problem| {
                format!(
                    "{} {}",
                    problem.code,
                    problem.field.as_deref().unwrap_or("-")
                )
            };
            format!(
                "! {}",
                problems.iter().map(one).collect::<Vec<_>>().join(", ")
            )
        }
        Verdict::Drop(name) => format!("dropped {name}"),
        Verdict::Halt(halt) => {
            let word = if halt.fails.is_some() { "fail" } else { "hold" };
            format!("{word} {:?}", halt.breach.cause)
        }
    }
}

/// Binds a row of cells to the titles `a,b,c,…` split at `|`.
fn bind_cells(plan: &BindPlan, titles: &str, cells: &str) -> (Verdict, Record) {
    let titles: Vec<String> = titles.split('|').map(str::to_owned).collect();
    let bind = plan.for_columns(&titles, &Accepted::default()).unwrap();
    let mut record = Record::default();
    let mut row: Cells = cells.split('|').collect();
    let verdict = bind.bind(&mut row, &mut record);
    (verdict, record)
}

/// A JSON text as a tree, numbers as they are written.
fn tree(text: &str) -> Tree {
    let mut tree = Tree::default();
    let mut writer = tree.refill();
    let mut rest = text.trim();
    write(&mut writer, Name::default(), &mut rest);
    assert!(rest.trim().is_empty(), "{rest}");
    tree
}

/// A small reader of well-formed JSON, so that numbers keep their digits.
fn write(writer: &mut crate::record::TreeWriter<'_>, key: Name, rest: &mut &str) {
    use crate::record::Kind;
    let scalar = |rest: &mut &str| {
        let end = rest.find([',', ']', '}', ' ']).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(end);
        *rest = behind;
        text.to_owned()
    };
    *rest = rest.trim_start();
    match rest.as_bytes()[0] {
        b'{' | b'[' => {
            let is_object = rest.starts_with('{');
            let kind = if is_object { Kind::Object } else { Kind::List };
            let node = writer.open(kind, key, (0, (0, 0)));
            *rest = rest[1..].trim_start();
            while !rest.starts_with(['}', ']']) {
                let mut key = Name::default();
                if is_object {
                    let text = string(writer, rest);
                    key = writer.name(text);
                    *rest = rest.trim_start().strip_prefix(':').unwrap();
                }
                write(writer, key, rest);
                *rest = rest.trim_start();
                *rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            *rest = &rest[1..];
            writer.close(node);
        }
        b'"' => {
            let text = string(writer, rest);
            writer.push(Kind::String, key, text);
        }
        _ => {
            let text = scalar(rest);
            let start = writer.text().len() as u32;
            writer.text().push_str(&text);
            let (kind, place) = match text.as_str() {
                "null" => (Kind::Null, (0, 0)),
                "true" | "false" => (Kind::Boolean(text == "true"), (0, 0)),
                _ => (Kind::Number, (start, start + text.len() as u32)),
            };
            writer.push(kind, key, place);
        }
    }
}

fn string(writer: &mut crate::record::TreeWriter<'_>, rest: &mut &str) -> (u32, u32) {
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let text = stream.next().unwrap().unwrap();
    *rest = &rest[stream.byte_offset()..];
    let start = writer.text().len() as u32;
    writer.text().push_str(&text);
    (start, start + text.len() as u32)
}

fn bind_tree(plan: &BindPlan, text: &str) -> (Verdict, Record) {
    let mut record = Record::default();
    let verdict = plan
        .for_tree(&Accepted::default())
        .bind(&mut tree(text), &mut record);
    (verdict, record)
}
