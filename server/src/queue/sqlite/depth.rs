//! How many jobs wait, run and are held, and how long the oldest due one has waited.

use super::callbacks::PENDING;
use super::{now_ms, turns};
use crate::queue::{Depth, State};
use rusqlite::Connection;

/// Each is counted in an index that holds no others.
pub(super) const COUNTS: [(State, &str); 3] = [
    (
        State::Queued,
        "SELECT count(*) FROM jobs WHERE state = 'queued'",
    ),
    (
        State::InProgress,
        "SELECT count(*) FROM jobs WHERE state = 'in_progress'",
    ),
    (
        State::Held,
        "SELECT count(*) FROM jobs WHERE state = 'held'",
    ),
];

pub(super) fn depth(connection: &Connection) -> rusqlite::Result<Depth> {
    let mut jobs = vec![];
    for (state, count) in COUNTS {
        let mut count = connection.prepare_cached(count)?;
        let count = count.query_row([], |row| row.get::<_, i64>(0))?;
        jobs.push((state, count.cast_unsigned()));
    }
    let now = now_ms(connection)?;
    let mut oldest = now;
    let mut tenants = connection.prepare_cached("SELECT tenant FROM turns")?;
    let mut tenants = tenants.query([])?;
    while let Some(row) = tenants.next()? {
        let earliest = turns::earliest(connection, &row.get::<_, String>(0)?)?;
        oldest = oldest.min(earliest.unwrap_or(now));
    }
    let pending = connection
        .prepare_cached(PENDING)?
        .query_row([], |row| row.get::<_, i64>(0))?;
    Ok(Depth {
        jobs,
        pending_webhooks: pending.cast_unsigned(),
        oldest_due_ms: now.abs_diff(oldest),
    })
}
