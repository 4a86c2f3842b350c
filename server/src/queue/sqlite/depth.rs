//! How many jobs wait, run and are held, and how long the oldest due one has waited.

use super::now_ms;
use crate::queue::record::MAX_PRIORITY;
use crate::queue::{Depth, State};
use rusqlite::{Connection, OptionalExtension, params};

/// The oldest queued job of one priority and one tenant is the first row of an index; tenants are few.
const TENANTS: &str = "SELECT tenant FROM turns";
const OLDEST: &str = "SELECT due_ms FROM jobs WHERE state = 'queued' AND tenant = ?1 AND priority = ?2 \
     ORDER BY due_ms LIMIT 1";
/// Each is counted in an index that holds no others.
const COUNTS: [(State, &str); 3] = [
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
        let count = connection
            .prepare_cached(count)?
            .query_row([], |row| row.get::<_, i64>(0));
        jobs.push((state, count?.cast_unsigned()));
    }
    let now = now_ms(connection)?;
    let mut oldest_due = now;
    let mut tenants = connection.prepare_cached(TENANTS)?;
    let mut tenants = tenants.query([])?;
    let mut oldest = connection.prepare_cached(OLDEST)?;
    while let Some(row) = tenants.next()? {
        let tenant: String = row.get(0)?;
        for priority in 0..=MAX_PRIORITY {
            let due = oldest.query_row(params![tenant, priority], |row| row.get(0));
            oldest_due = oldest_due.min(due.optional()?.unwrap_or(now));
        }
    }
    Ok(Depth {
        jobs,
        oldest_due_ms: (now - oldest_due).unsigned_abs(),
    })
}
