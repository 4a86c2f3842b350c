//! Webhooks: what a transition makes due, who sends it, what came of it, and where a tenant's go by default.
//!
//! The record of a job is one column of JSON; the time from which it is due stands beside it, for its index.

use super::{now_ms, row};
use crate::id::Id;
use crate::queue::callback::{MAX_TOLD_CHARS, UNREADABLE_MS};
use crate::queue::{Callback, Job, Resent, Sent, Skip, Told};
use crate::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension, params};

/// The lists are JSON.
pub(super) const DUE: &str = "SELECT tenant, id FROM jobs WHERE callback_due_ms <= ?1 \
     AND tenant NOT IN (SELECT value FROM json_each(?2)) \
     AND tenant || '@' || ifnull(callback_host, '') NOT IN (SELECT value FROM json_each(?3)) \
     ORDER BY callback_due_ms LIMIT 1";
pub(super) const PENDING: &str = "SELECT count(*) FROM jobs WHERE callback_due_ms IS NOT NULL";

/// Notes what the state to which a job came makes due, at the moment at which it did. Belongs to the transaction of the
/// transition.
pub(super) fn came_to(change: &Connection, tenant: &Tenant, id: Id) -> rusqlite::Result<()> {
    let mut select = change.prepare_cached(
        "SELECT state, updated_ms, callback, substr(CASE state WHEN 'failed' THEN failure ->> '$.message' \
         WHEN 'held' THEN held ->> '$.message' END, 1, ?3) AS error, \
         ifnull(checkpoint ->> '$.books.counters.loaded', 0) \
         + ifnull(checkpoint ->> '$.books.counters.alreadyLoaded', 0) AS rows_processed, \
         ifnull(checkpoint ->> '$.books.counters.rejected', 0) AS rows_failed FROM jobs WHERE tenant = ?1 AND id = ?2 AND callback IS NOT NULL",
    )?;
    let found = select.query_row(params![tenant.key(), id.0, MAX_TOLD_CHARS as i64], |row| {
        let updated_ms: i64 = row.get("updated_ms")?;
        let told = Told {
            error: row.get("error")?,
            rows_processed: row.get::<_, i64>("rows_processed")?.cast_unsigned(),
            rows_failed: row.get::<_, i64>("rows_failed")?.cast_unsigned(),
        };
        let callback = row::parsed(row, "callback")?;
        Ok((row::state(row)?, updated_ms, callback, told))
    });
    let Some((state, updated_ms, Some(mut callback), told)) = found.optional()? else {
        return Ok(());
    };
    let callback: &mut Callback = &mut callback;
    callback.came_to(state, updated_ms.cast_unsigned(), told);
    put(change, tenant, id, callback)
}

/// Whether any webhook is due.
pub(super) fn is_due(connection: &Connection, skip: &Skip) -> rusqlite::Result<bool> {
    let now = now_ms(connection)?;
    let (tenants, places) = (row::json(&skip.tenants)?, row::json(&skip.places)?);
    connection
        .prepare_cached(DUE)?
        .exists(params![now, tenants, places])
}

pub(super) fn claim(
    change: &Connection,
    now: i64,
    owner: &str,
    lease_ms: u64,
    skip: &Skip,
) -> rusqlite::Result<Option<Job>> {
    let (tenants, places) = (row::json(&skip.tenants)?, row::json(&skip.places)?);
    loop {
        let due = change
            .prepare_cached(DUE)?
            .query_row(params![now, tenants, places], |row| {
                Ok((row::tenant(row)?, Id(row.get("id")?)))
            });
        let Some((tenant, id)) = due.optional()? else {
            return Ok(None);
        };
        let found = row::job(change, &tenant, id);
        if let Err(rusqlite::Error::FromSqlConversionFailure(_, _, why)) = &found {
            tracing::error!(job_id = %id, %why, "a job cannot be read: its webhook waits");
        }
        let mut job = match found {
            Ok(Some(job)) if job.callback.is_some() => job,
            Ok(_) | Err(rusqlite::Error::FromSqlConversionFailure(..)) => {
                put_off(change, now, &tenant, id)?;
                continue;
            }
            Err(error) => return Err(error),
        };
        let Some(callback) = &mut job.callback else {
            continue;
        };
        let claimed = callback.claim(owner, now.cast_unsigned(), lease_ms);
        put(change, &tenant, id, callback)?;
        if claimed {
            return Ok(Some(job));
        }
    }
}

/// Has one looked at later that cannot be read: it holds up no other.
fn put_off(change: &Connection, now: i64, tenant: &Tenant, id: Id) -> rusqlite::Result<()> {
    change
        .prepare_cached("UPDATE jobs SET callback_due_ms = ?3 WHERE tenant = ?1 AND id = ?2")?
        .execute(params![
            tenant.key(),
            id.0,
            now.saturating_add_unsigned(UNREADABLE_MS),
        ])?;
    Ok(())
}

/// Gives a job a webhook that has none and has not ended.
pub(super) fn add(
    change: &Connection,
    tenant: &Tenant,
    id: Id,
    url: String,
) -> rusqlite::Result<Option<Job>> {
    let Some(mut job) = row::job(change, tenant, id)? else {
        return Ok(None);
    };
    if job.callback.is_none() && !job.state.is_terminal() {
        let callback = Callback::new(url);
        put(change, tenant, id, &callback)?;
        job.callback = Some(callback);
    }
    Ok(Some(job))
}

pub(super) fn note(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
    owner: &str,
    n: u64,
    sent: &Sent,
) -> rusqlite::Result<bool> {
    let job = row::job(change, tenant, id)?;
    let Some(mut callback) = job.and_then(|job| job.callback) else {
        return Ok(false);
    };
    let noted = callback.note(owner, n, sent, now.cast_unsigned());
    if noted {
        put(change, tenant, id, &callback)?;
    }
    Ok(noted)
}

pub(super) fn resend(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
    n: u64,
) -> rusqlite::Result<Resent> {
    let Some(mut job) = row::job(change, tenant, id)? else {
        return Ok(Resent::Missing);
    };
    let Some(callback) = &mut job.callback else {
        return Ok(Resent::NoSuchTry);
    };
    if !callback.resend(n, now.cast_unsigned()) {
        return Ok(Resent::NoSuchTry);
    }
    put(change, tenant, id, callback)?;
    Ok(Resent::Due(Box::new(job)))
}

/// Those that a sender has are among those that are due, now or later.
pub(super) fn give_back(change: &Connection) -> rusqlite::Result<u64> {
    let mut select = change.prepare_cached(
        "SELECT tenant, id FROM jobs WHERE callback_due_ms IS NOT NULL AND json_valid(callback) \
         AND callback ->> '$.owner' IS NOT NULL",
    )?;
    let owned = select.query_map([], |row| Ok((row::tenant(row)?, Id(row.get("id")?))))?;
    let owned: Vec<(Tenant, Id)> = owned.collect::<rusqlite::Result<_>>()?;
    let mut given_back = 0;
    for (tenant, id) in owned {
        let job = match row::job(change, &tenant, id) {
            // As when it is taken.
            Err(rusqlite::Error::FromSqlConversionFailure(..)) => continue,
            job => job?,
        };
        if let Some(mut callback) = job.and_then(|job| job.callback) {
            callback.give_back();
            put(change, &tenant, id, &callback)?;
            given_back += 1;
        }
    }
    Ok(given_back)
}

pub(super) fn default_of(
    connection: &Connection,
    tenant: &Tenant,
) -> rusqlite::Result<Option<String>> {
    let mut select =
        connection.prepare_cached("SELECT url FROM default_callbacks WHERE tenant = ?1")?;
    let url = select.query_row([tenant.key()], |row| row.get(0));
    url.optional()
}

pub(super) fn set_default(
    change: &Connection,
    tenant: &Tenant,
    url: Option<&str>,
) -> rusqlite::Result<()> {
    match url {
        Some(url) => change
            .prepare_cached(
                "INSERT OR REPLACE INTO default_callbacks (tenant, url) VALUES (?1, ?2)",
            )?
            .execute(params![tenant.key(), url])?,
        None => change
            .prepare_cached("DELETE FROM default_callbacks WHERE tenant = ?1")?
            .execute([tenant.key()])?,
    };
    Ok(())
}

fn put(change: &Connection, tenant: &Tenant, id: Id, callback: &Callback) -> rusqlite::Result<()> {
    change
        .prepare_cached(
            "UPDATE jobs SET callback = ?3, callback_due_ms = ?4, callback_host = ?5 WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![
            tenant.key(),
            id.0,
            row::json(callback)?,
            callback.due_ms.map(u64::cast_signed),
            callback.host(),
        ])?;
    Ok(())
}
