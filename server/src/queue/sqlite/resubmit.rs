//! A completed job and the job that sends its rejects again: whose turn it is, and what moves when it is done.

use super::row;
use crate::id::Id;
use crate::queue::Moved;
use crate::tenant::Tenant;
use rusqlite::{Connection, named_params};

pub(super) fn begin(
    change: &Connection,
    tenant: &Tenant,
    parent: Id,
    before: Option<Id>,
    child: Id,
) -> rusqlite::Result<bool> {
    let rows = change
        .prepare_cached(
            "UPDATE jobs SET child_moved = CASE WHEN child IS :child THEN child_moved ELSE 0 END, child = :child \
             WHERE tenant = :tenant AND id = :id AND state = 'completed' AND is_expired = 0 \
             AND (child IS :before OR child IS :child)",
        )?
        .execute(named_params! {
            ":tenant": tenant.key(),
            ":id": parent.0,
            ":before": before.map(|before| before.0),
            ":child": child.0,
        })?;
    Ok(rows == 1)
}

pub(super) fn moved(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    parent: Id,
    child: Id,
    moved: &Moved,
) -> rusqlite::Result<bool> {
    change
        .prepare_cached(
            "UPDATE jobs SET checkpoint = :checkpoint, receipt = :receipt, child_moved = 1, updated_ms = :now \
             WHERE tenant = :tenant AND id = :id AND child = :child AND child_moved = 0",
        )?
        .execute(named_params! {
            ":tenant": tenant.key(),
            ":id": parent.0,
            ":child": child.0,
            ":now": now,
            ":checkpoint": row::json(&moved.checkpoint)?,
            ":receipt": row::json(&moved.receipt)?,
        })?;
    change
        .prepare_cached(
            "SELECT 1 FROM jobs WHERE tenant = :tenant AND id = :id AND child = :child AND child_moved = 1",
        )?
        .exists(named_params! {
            ":tenant": tenant.key(),
            ":id": parent.0,
            ":child": child.0,
        })
}
