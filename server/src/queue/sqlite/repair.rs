//! Wakes tenants with queued jobs whom no claim would look at in time, and forgets old idempotency keys.
//!
//! Every change of this store is whole, so there is nothing to mend unless somebody else has written to the file.

use super::{idempotency, turns};
use rusqlite::{Connection, OptionalExtension};

/// The first tenant with queued jobs behind `?1`: asked for one by one, so that no queue is read through.
pub(super) const TENANT: &str = "SELECT tenant FROM jobs WHERE state = 'queued' AND tenant > ?1 \
     ORDER BY tenant LIMIT 1";
/// The tenant without a name comes before all others.
pub(super) const NAMELESS: &str =
    "SELECT tenant FROM jobs WHERE state = 'queued' AND tenant = '' LIMIT 1";

pub(super) fn repair(change: &Connection, now: i64) -> rusqlite::Result<u64> {
    idempotency::clean(change, now)?;
    let mut woken = 0;
    let mut tenant: Option<String> = change
        .prepare_cached(NAMELESS)?
        .query_row([], |row| row.get(0))
        .optional()?;
    if tenant.is_none() {
        tenant = behind(change, "")?;
    }
    while let Some(key) = tenant {
        if let Some(due) = turns::earliest(change, &key)? {
            woken += u64::from(turns::wake(change, &key, due)?);
        }
        tenant = behind(change, &key)?;
    }
    Ok(woken)
}

fn behind(change: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    change
        .prepare_cached(TENANT)?
        .query_row([key], |row| row.get(0))
        .optional()
}
