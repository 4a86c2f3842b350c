//! A page of the rejects of a run from SQLite, in the order of the file.

use super::{index, number, wanted};
use crate::rejects::{Filter, Run};
use pipeline::{Fatal, Position, Reject};
use rusqlite::types::{Type, Value};
use rusqlite::{Row, params_from_iter};
use stages::sqlite::Database;

pub(super) async fn page(
    database: &Database,
    run: &Run,
    filter: &Filter,
    from: u64,
    skip: u64,
    limit: u32,
) -> Result<Vec<Reject>, Fatal> {
    let (text, values) = select(run, filter, from, skip, limit);
    let read = database.read(move |connection| {
        let mut select = connection.prepare_cached(&text)?;
        let rows = select.query_map(params_from_iter(&values), reject)?;
        rows.collect()
    });
    read.await
}

/// The statement and its parameters.
pub(super) fn select(
    run: &Run,
    filter: &Filter,
    from: u64,
    skip: u64,
    limit: u32,
) -> (String, Vec<Value>) {
    let (condition, mut values) = wanted(run, filter);
    let next = values.len() + 1;
    values.extend([number(from), i64::from(limit), number(skip)].map(Value::Integer));
    let by = index(filter).map_or(String::new(), |index| format!("INDEXED BY {index}"));
    let text = format!(
        "SELECT ordinal, line, offset, problems, raw FROM rejects {by} \
         WHERE {condition} AND ordinal >= ?{next} ORDER BY ordinal LIMIT ?{} OFFSET ?{}",
        next + 1,
        next + 2
    );
    (text, values)
}

pub(super) fn reject(row: &Row<'_>) -> rusqlite::Result<Reject> {
    let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let problems: String = row.get(3)?;
    Ok(Reject {
        at: Position {
            ordinal: count(0)?,
            line: count(1)?,
            offset: count(2)?,
        },
        problems: serde_json::from_str(&problems).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(3, Type::Text, error.into())
        })?,
        raw: row.get(4)?,
    })
}
