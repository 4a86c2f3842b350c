//! failed or cancelled → queued, from the checkpoint or from the start. A job whose spec was changed by an approval
//! has no start any more, an expired one neither spec nor checkpoint.

use super::changed::changed;
use super::turns;
use crate::id::Id;
use crate::queue::Changed;
use crate::tenant::Tenant;
use rusqlite::{Connection, named_params, params};

pub(super) fn retry(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
    reset: bool,
) -> rusqlite::Result<Changed> {
    let rows = change
        .prepare_cached(
            "UPDATE jobs SET state = 'queued', attempts = 0, queued_ms = :now, due_ms = :now, finished_ms = NULL, \
             failure = NULL, held = NULL, left_owner = NULL, left_by = NULL, updated_ms = :now \
             WHERE tenant = :tenant AND id = :id AND state IN ('failed', 'cancelled') AND is_expired = 0 \
             AND NOT (:reset AND spec_changed)",
        )?
        .execute(named_params! {
            ":tenant": tenant.key(),
            ":id": id.0,
            ":now": now,
            ":reset": reset,
        })?;
    if rows == 1 {
        turns::wake(change, tenant.key(), now)?;
        if reset {
            begin_anew(change, tenant, id)?;
        }
    }
    changed(change, tenant, id, rows)
}

fn begin_anew(change: &Connection, tenant: &Tenant, id: Id) -> rusqlite::Result<usize> {
    change
        .prepare_cached(
            "UPDATE jobs SET run = run + 1, started_ms = NULL, checkpoint = NULL, checkpoint_end = 0, furthest = 0, \
             claimed_furthest = 0, bytes_read = 0, records_per_second = 0, busy = NULL, accepted = '[]', \
             max_rejects = NULL WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![tenant.key(), id.0])
}
