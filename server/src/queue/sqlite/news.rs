//! What is new of jobs that somebody watches. A job is looked up by its key, and read only where it is not as it is known.

use super::row;
use crate::queue::{Job, Known, MAX_NEWS, State};
use crate::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension, named_params};

/// The statement for one job.
pub(super) fn text() -> String {
    let columns = row::watched();
    let rests = State::RESTING.map(|state| format!("'{}'", state.word()));
    format!(
        "SELECT {columns} FROM jobs WHERE tenant = :tenant AND id = :id AND CASE WHEN :wants_any \
         THEN state <> :state OR updated_ms <> :updated_ms ELSE state <> :state AND state IN ({}) END",
        rests.join(", ")
    )
}

pub(super) fn news(
    connection: &Connection,
    tenant: &Tenant,
    known: &[Known],
) -> rusqlite::Result<Vec<Job>> {
    let mut select = connection.prepare_cached(&text())?;
    let mut news = Vec::new();
    for known in known.iter().take(MAX_NEWS) {
        let params = named_params! {
            ":tenant": tenant.key(),
            ":id": known.id.0,
            ":wants_any": known.wants_any,
            ":state": known.state.word(),
            ":updated_ms": i64::try_from(known.updated_ms).unwrap_or(i64::MAX),
        };
        news.extend(select.query_row(params, row::read).optional()?);
    }
    Ok(news)
}
