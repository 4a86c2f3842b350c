//! held → queued, with what was accepted, where the job is still held as it was when somebody looked.

use super::changed::changed;
use super::{row, turns};
use crate::id::Id;
use crate::queue::{Approval, Changed};
use crate::tenant::Tenant;
use rusqlite::{Connection, named_params};

pub(super) fn approve(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
    fence: u64,
    approval: &Approval,
) -> rusqlite::Result<Changed> {
    let (checkpoint, spec) = (approval.checkpoint.as_ref(), approval.spec.as_ref());
    let rows = change
        .prepare_cached(
            "UPDATE jobs SET state = 'queued', queued_ms = :now, due_ms = :now, held = NULL, \
             left_owner = NULL, left_by = NULL, updated_ms = :now, accepted = :accepted, \
             checkpoint = ifnull(:checkpoint, checkpoint), checkpoint_end = ifnull(:end, checkpoint_end), \
             max_rejects = ifnull(:max_rejects, max_rejects), \
             spec_changed = spec_changed OR :name IS NOT NULL, spec_from = ifnull(:spec_from, spec_from), spec_name = ifnull(:name, spec_name), \
             spec_version = ifnull(:version, spec_version), spec_sha256 = ifnull(:sha256, spec_sha256), \
             spec_is_operators = ifnull(:is_operators, spec_is_operators), spec_text = ifnull(:text, spec_text) \
             WHERE tenant = :tenant AND id = :id AND state = 'held' AND fence = :fence",
        )?
        .execute(named_params! {
            ":tenant": tenant.key(),
            ":id": id.0,
            ":fence": fence.cast_signed(),
            ":now": now,
            ":accepted": row::json(&approval.accepted)?,
            ":checkpoint": checkpoint.map(row::json).transpose()?,
            ":end": checkpoint.map(|checkpoint| checkpoint.books.end.ordinal.cast_signed()),
            ":max_rejects": approval.max_rejects.map(u64::cast_signed),
            ":spec_from": approval.spec_from().map(u64::cast_signed),
            ":name": spec.map(|spec| &spec.pin.name),
            ":version": spec.map(|spec| spec.pin.version),
            ":sha256": spec.map(|spec| &spec.pin.sha256),
            ":is_operators": spec.map(|spec| spec.is_operators),
            ":text": spec.map(|spec| &spec.text),
        })?;
    if rows == 1 {
        turns::wake(change, tenant.key(), now)?;
    }
    changed(change, tenant, id, rows)
}
