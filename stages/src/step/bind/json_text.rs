//! JSON text in a cell: a list or an object as sinks of CSV write it, read by the grammar and the readers of JSON records.

use super::value::{Fault, Reader};
use crate::parse::json::{Scratch, read_any};
use crate::record::{Record, Tree, Value};
use pipeline::Problem;
use std::borrow::Cow;

/// Reads `text` as JSON and its value as `reader` says; texts go into the buffer of `record`.
///
/// # Errors
/// `type` where it is no JSON, or another value; else what the grammar (`duplicate_key`, `json_depth`) and the items say.
pub fn read(text: &str, reader: &Reader, record: &mut Record) -> Result<Value, Fault> {
    let mut tree = Tree::default();
    read_any(text, &mut tree, &mut Scratch::default()).map_err(|problem| no_json(&problem))?;
    // The places of its texts are those in a record of its own.
    let mut own = Record::default();
    own.take_over(&tree);
    let Some(root) = tree.root() else {
        return Err(Fault::wrong(reader.expectation()));
    };
    let value = reader.item_to(root, false, &mut own, |_, value| value)?;
    Ok(moved(value, &own, record))
}

#[cold]
fn no_json(problem: &Problem) -> Fault {
    let reason = format!("is no JSON: {}", problem.message);
    match problem.code {
        Cow::Borrowed(code) if code != "json_syntax" => Fault {
            code,
            reason: reason.into(),
        },
        _ => Fault::wrong(reason),
    }
}

/// The value with its texts in another record; it is nested no deeper than what was read.
fn moved(value: Value, from: &Record, to: &mut Record) -> Value {
    match value {
        Value::Text(text) => Value::Text(to.store(from.text(text))),
        Value::List(items) => {
            let items = items.into_iter().map(|item| moved(item, from, to));
            Value::List(items.collect())
        }
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(name, value)| {
                let name = to.store(from.text(name));
                (name, moved(value, from, to))
            });
            Value::Object(entries.collect())
        }
        other => other,
    }
}
