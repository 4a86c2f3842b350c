//! Counting the rejects of a run in SQLite, in an index alone where it is by one of code and field.

use super::{index, wanted};
use crate::rejects::{Filter, Run};
use pipeline::Fatal;
use rusqlite::params_from_iter;
use rusqlite::types::Value;
use stages::sqlite::Database;

pub(super) async fn count(database: &Database, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
    let (text, values) = select(run, filter);
    let counted = database.read(move |connection| {
        connection
            .prepare_cached(&text)?
            .query_row(params_from_iter(&values), |row| row.get::<_, i64>(0))
    });
    Ok(counted.await?.cast_unsigned())
}

/// The statement and its parameters.
pub(super) fn select(run: &Run, filter: &Filter) -> (String, Vec<Value>) {
    let (condition, values) = wanted(run, filter);
    let index = index(filter).unwrap_or("rejects_code");
    let text = format!("SELECT count(*) FROM rejects INDEXED BY {index} WHERE {condition}");
    (text, values)
}
