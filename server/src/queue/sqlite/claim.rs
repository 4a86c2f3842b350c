//! queued → in_progress, or another worker's turn where a lease ran out; out of attempts, → failed (`crash_loop`).
//!
//! Every question is answered by the first row of an index: a claim costs the same however many jobs wait, are not
//! yet due or have ended.

use super::{after, callbacks, row, turns};
use crate::id::Id;
use crate::queue::record::MAX_PRIORITY;
use crate::queue::{Claimant, Job, crash_loop};
use crate::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

pub(super) const OWN: &str =
    "SELECT tenant, id FROM jobs WHERE state = 'in_progress' AND owner = ?1";
pub(super) const EXPIRED: &str = "SELECT tenant, id FROM jobs WHERE state = 'in_progress' AND lock_until_ms <= ?1 \
     ORDER BY lock_until_ms LIMIT 1";
pub(super) const GIVE_UP: &str = "UPDATE jobs SET state = 'failed', attempts = attempts + 1, owner = NULL, \
     lock_until_ms = NULL, failure = :failure, finished_ms = :now, updated_ms = :now \
     WHERE tenant = :tenant AND id = :id AND furthest <= claimed_furthest AND attempts + 1 >= :max_attempts";
pub(super) const BEST: &str = "SELECT id FROM jobs WHERE tenant = ?1 AND state = 'queued' AND priority = ?2 \
     AND due_ms <= ?3 ORDER BY due_ms, rowid LIMIT 1";
pub(super) const TAKE: &str = "UPDATE jobs SET state = 'in_progress', \
     attempts = CASE WHEN state = 'queued' THEN attempts WHEN furthest > claimed_furthest THEN 0 \
     ELSE attempts + 1 END, \
     fence = fence + 1, owner = :owner, worker = :worker, lock_until_ms = :until, left_owner = NULL, left_by = NULL, \
     claimed_furthest = furthest, started_ms = ifnull(started_ms, :now), updated_ms = :now \
     WHERE tenant = :tenant AND id = :id";

/// Where a job is.
type Key = (Tenant, Id);

pub(super) fn claim(
    change: &Connection,
    now: i64,
    claimant: &Claimant,
) -> rusqlite::Result<Option<Job>> {
    let own = change
        .prepare_cached(OWN)?
        .query_row([&claimant.owner], key);
    if let Some((tenant, id)) = own.optional()? {
        return row::job(change, &tenant, id);
    }
    let expired = match claimant.take_expired {
        true => expired(change, now)?,
        false => None,
    };
    if let Some((tenant, id)) = &expired
        && give_up(change, now, claimant, tenant, *id)?
    {
        callbacks::came_to(change, tenant, *id)?;
        return row::job(change, tenant, *id);
    }
    let found = match expired {
        None => due(change, now)?,
        expired => expired,
    };
    let Some((tenant, id)) = found else {
        return Ok(None);
    };
    change.prepare_cached(TAKE)?.execute(named_params! {
        ":tenant": tenant.key(),
        ":id": id.0,
        ":owner": claimant.owner,
        ":worker": claimant.worker,
        ":until": after(now, claimant.lease_ms),
        ":now": now,
    })?;
    row::job(change, &tenant, id)
}

/// The job whose lease ran out first.
fn expired(change: &Connection, now: i64) -> rusqlite::Result<Option<Key>> {
    let oldest = change.prepare_cached(EXPIRED)?.query_row([now], key);
    oldest.optional()
}

/// Fails a job whose lease ran out, where it may not be tried again.
fn give_up(
    change: &Connection,
    now: i64,
    claimant: &Claimant,
    tenant: &Tenant,
    id: Id,
) -> rusqlite::Result<bool> {
    let given_up = change.prepare_cached(GIVE_UP)?.execute(named_params! {
        ":tenant": tenant.key(),
        ":id": id.0,
        ":failure": row::json(&crash_loop(claimant.max_attempts))?,
        ":max_attempts": claimant.max_attempts,
        ":now": now,
    })?;
    Ok(given_up == 1)
}

/// The best due job of the tenant whose turn it is, whose turn is over then.
fn due(change: &Connection, now: i64) -> rusqlite::Result<Option<Key>> {
    while let Some(tenant) = turns::next(change, now)? {
        if let Some(id) = best(change, now, &tenant)? {
            turns::served(change, &tenant)?;
            return Ok(Some((row::tenant_of(&tenant)?, id)));
        }
        turns::sleep(change, &tenant)?;
    }
    Ok(None)
}

/// The oldest due job of the highest priority. Each priority is asked for by itself, so that neither jobs of others
/// nor those that are not yet due stand in the way.
fn best(change: &Connection, now: i64, tenant: &str) -> rusqlite::Result<Option<Id>> {
    let mut select = change.prepare_cached(BEST)?;
    for priority in (0..=MAX_PRIORITY).rev() {
        let oldest = select.query_row(params![tenant, priority, now], |row| row.get(0).map(Id));
        if let Some(id) = oldest.optional()? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok((row::tenant(row)?, Id(row.get("id")?)))
}
