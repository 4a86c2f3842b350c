//! Whose turn it is: one row for each tenant that ever had a job.
//!
//! While a tenant is waiting, claims look for its due jobs; one that is found to have none sleeps until its next is
//! due, or until it has one again. So a claim looks at each sleeping tenant once, however often it is asked.

use crate::queue::record::MAX_PRIORITY;
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const WAKE: &str = "INSERT INTO turns (tenant, is_waiting, wake_ms, served) VALUES (?1, 0, ?2, 0) \
     ON CONFLICT (tenant) DO UPDATE SET wake_ms = ?2 WHERE is_waiting = 0 AND (wake_ms IS NULL OR wake_ms > ?2)";
pub(super) const RISE: &str =
    "UPDATE turns SET is_waiting = 1, wake_ms = NULL WHERE is_waiting = 0 AND wake_ms <= ?1";
pub(super) const NEXT: &str =
    "SELECT tenant FROM turns WHERE is_waiting = 1 ORDER BY served LIMIT 1";
pub(super) const EARLIEST: &str = "SELECT due_ms FROM jobs WHERE tenant = ?1 AND state = 'queued' AND priority = ?2 \
     ORDER BY due_ms LIMIT 1";
pub(super) const SLEEP: &str = "UPDATE turns SET is_waiting = 0, wake_ms = ?2 WHERE tenant = ?1";
// A number and no time: of two claims in one millisecond one is the later.
pub(super) const SERVED: &str = "UPDATE turns SET served = 1 + max( \
     ifnull((SELECT max(served) FROM turns WHERE is_waiting = 1), 0), \
     ifnull((SELECT max(served) FROM turns WHERE is_waiting = 0), 0)) WHERE tenant = ?1";

/// Has claims look at a tenant from `due` on; whether they would not have done so.
pub(super) fn wake(change: &Connection, tenant: &str, due: i64) -> rusqlite::Result<bool> {
    let woken = change.prepare_cached(WAKE)?.execute(params![tenant, due])?;
    Ok(woken == 1)
}

/// The tenant whose turn it is, if any has waiting jobs.
pub(super) fn next(change: &Connection, now: i64) -> rusqlite::Result<Option<String>> {
    change.prepare_cached(RISE)?.execute([now])?;
    change
        .prepare_cached(NEXT)?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Leaves a tenant without due jobs alone until its next one is due.
pub(super) fn sleep(change: &Connection, tenant: &str) -> rusqlite::Result<()> {
    let until = earliest(change, tenant)?;
    change
        .prepare_cached(SLEEP)?
        .execute(params![tenant, until])?;
    Ok(())
}

/// Puts a tenant behind all others.
pub(super) fn served(change: &Connection, tenant: &str) -> rusqlite::Result<()> {
    change.prepare_cached(SERVED)?.execute([tenant])?;
    Ok(())
}

/// When the next queued job of a tenant is or was due.
pub(super) fn earliest(change: &Connection, tenant: &str) -> rusqlite::Result<Option<i64>> {
    let mut select = change.prepare_cached(EARLIEST)?;
    let mut earliest: Option<i64> = None;
    for priority in 0..=MAX_PRIORITY {
        let due = select
            .query_row(params![tenant, priority], |row| row.get::<_, i64>(0))
            .optional()?;
        earliest = [earliest, due].into_iter().flatten().min();
    }
    Ok(earliest)
}
