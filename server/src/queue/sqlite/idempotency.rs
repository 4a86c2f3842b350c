//! Idempotency keys: which request came first under a key, for a day.

use crate::id::Id;
use crate::queue::{IDEMPOTENCY_MS, Remembered};
use crate::tenant::Tenant;
use rusqlite::{Connection, named_params, params};

pub(super) const CLEAN: &str = "DELETE FROM idempotency WHERE created_ms <= ?1";

pub(super) fn remember(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    key: &str,
    request: &str,
    job: Id,
) -> rusqlite::Result<Remembered> {
    change
        .prepare_cached(
            "INSERT INTO idempotency (tenant, key, request, job, created_ms) \
             VALUES (:tenant, :key, :request, :job, :now) ON CONFLICT (tenant, key) \
             DO UPDATE SET request = :request, job = :job, created_ms = :now WHERE created_ms <= :old",
        )?
        .execute(named_params! {
            ":tenant": tenant.key(),
            ":key": key,
            ":request": request,
            ":job": job.0,
            ":now": now,
            ":old": old(now),
        })?;
    let (known, first) = change
        .prepare_cached("SELECT request, job FROM idempotency WHERE tenant = ?1 AND key = ?2")?
        .query_row(params![tenant.key(), key], |row| {
            Ok((row.get::<_, String>(0)?, Id(row.get(1)?)))
        })?;
    Ok(match known == request {
        false => Remembered::Other,
        // Ids are fresh: this is the same statement, sent again.
        true if first == job => Remembered::New,
        true => Remembered::Same(first),
    })
}

pub(super) fn settle(
    change: &Connection,
    tenant: &Tenant,
    key: &str,
    job: Id,
) -> rusqlite::Result<()> {
    change
        .prepare_cached("UPDATE idempotency SET job = ?3 WHERE tenant = ?1 AND key = ?2")?
        .execute(params![tenant.key(), key, job.0])?;
    Ok(())
}

/// Forgets keys that are too old.
pub(super) fn clean(change: &Connection, now: i64) -> rusqlite::Result<usize> {
    change.prepare_cached(CLEAN)?.execute([old(now)])
}

fn old(now: i64) -> i64 {
    now.saturating_sub_unsigned(IDEMPOTENCY_MS)
}
