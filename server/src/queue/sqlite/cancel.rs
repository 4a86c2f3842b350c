//! queued, in_progress or held → cancelled, at once: the worker that has it finds that its claim is over.

use super::callbacks;
use super::changed::changed;
use crate::id::Id;
use crate::queue::Changed;
use crate::tenant::Tenant;
use rusqlite::{Connection, named_params};

/// The same for a job that nobody was told of: its webhook goes first, with those of the same transaction.
pub(super) fn withdraw(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
) -> rusqlite::Result<Changed> {
    change
        .prepare_cached(
            "UPDATE jobs SET callback = NULL, callback_due_ms = NULL, callback_host = NULL \
             WHERE tenant = :tenant AND id = :id AND state IN ('queued', 'in_progress', 'held') \
             AND length(files) = :one_file AND callback ->> '$.lastEvent' = 0",
        )?
        .execute(named_params! {
            ":tenant": tenant.key(),
            ":id": id.0,
            ":one_file": id.0.len() as i64,
        })?;
    cancel(change, now, tenant, id)
}

pub(super) fn cancel(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
) -> rusqlite::Result<Changed> {
    let rows = change
        .prepare_cached(
            "UPDATE jobs SET state = 'cancelled', owner = NULL, lock_until_ms = NULL, left_owner = NULL, \
             left_by = NULL, held = NULL, finished_ms = :now, updated_ms = :now \
             WHERE tenant = :tenant AND id = :id AND state IN ('queued', 'in_progress', 'held')",
        )?
        .execute(named_params! { ":tenant": tenant.key(), ":id": id.0, ":now": now })?;
    if rows == 1 {
        callbacks::came_to(change, tenant, id)?;
    }
    changed(change, tenant, id, rows)
}
