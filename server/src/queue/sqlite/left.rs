//! How a worker's statement finds its job, and its own change when it is sent again.

use super::callbacks;
use crate::queue::Claim;
use rusqlite::{Connection, ToSql, named_params};

/// The job that this claim holds.
pub(super) const MINE: &str =
    "tenant = :tenant AND id = :id AND state = 'in_progress' AND owner = :owner AND fence = :fence";

/// What every transition that ends a claim sets; `:by` is its word.
pub(super) const LEAVE: &str =
    "owner = NULL, lock_until_ms = NULL, left_owner = :owner, left_by = :by, updated_ms = :now";

/// What every transition that takes progress along sets. The object's size is not forgotten where it is not known now.
pub(super) const PROGRESS: &str = "furthest = max(furthest, :furthest), bytes_read = :bytes_read, \
     bytes_total = ifnull(:bytes_total, bytes_total), records_per_second = :records_per_second, busy = :busy";

/// Runs an update that ends a claim by the transition `by`, once: `true` as well where this claim has done so before.
pub(super) fn leave(
    change: &Connection,
    claim: &Claim,
    by: &str,
    update: &str,
    more: &[(&str, &dyn ToSql)],
) -> rusqlite::Result<bool> {
    if !execute(change, claim, update, more, Some(by))? {
        return has_left(change, claim, by);
    }
    callbacks::came_to(change, &claim.tenant, claim.job)?;
    Ok(true)
}

/// Runs an update of the job that this claim holds.
pub(super) fn execute(
    change: &Connection,
    claim: &Claim,
    update: &str,
    more: &[(&str, &dyn ToSql)],
    by: Option<&str>,
) -> rusqlite::Result<bool> {
    let (tenant, fence) = (claim.tenant.key(), claim.fence.cast_signed());
    let mut params: Vec<(&str, &dyn ToSql)> = vec![
        (":tenant", &tenant),
        (":id", &claim.job.0),
        (":owner", &claim.owner),
        (":fence", &fence),
    ];
    if let Some(by) = &by {
        params.push((":by", by));
    }
    params.extend(more);
    let changed = change.prepare_cached(update)?.execute(params.as_slice())?;
    Ok(changed == 1)
}

/// Whether this claim has left the job in its present state by the transition `by`.
pub(super) fn has_left(change: &Connection, claim: &Claim, by: &str) -> rusqlite::Result<bool> {
    change
        .prepare_cached(
            "SELECT 1 FROM jobs WHERE tenant = :tenant AND id = :id AND left_owner = :owner AND fence = :fence \
             AND left_by = :by",
        )?
        .exists(named_params! {
            ":tenant": claim.tenant.key(),
            ":id": claim.job.0,
            ":owner": claim.owner,
            ":fence": claim.fence.cast_signed(),
            ":by": by,
        })
}

/// The parameters of [`PROGRESS`].
pub(super) struct ProgressParams {
    furthest: i64,
    bytes_read: i64,
    bytes_total: Option<i64>,
    records_per_second: i64,
    busy: Option<String>,
}

impl ProgressParams {
    /// Those of this progress.
    pub(super) fn of(progress: &crate::queue::Progress) -> Self {
        Self {
            furthest: progress.furthest.cast_signed(),
            bytes_read: progress.bytes_read.cast_signed(),
            bytes_total: progress.bytes_total.map(u64::cast_signed),
            records_per_second: progress.records_per_second.cast_signed(),
            busy: progress
                .busy
                .as_ref()
                .and_then(|busy| serde_json::to_string(busy).ok()),
        }
    }

    /// With others behind them.
    pub(super) fn and<'b>(
        &'b self,
        more: &[(&'b str, &'b dyn ToSql)],
    ) -> Vec<(&'b str, &'b dyn ToSql)> {
        let mut params: Vec<(&'b str, &'b dyn ToSql)> = vec![
            (":furthest", &self.furthest),
            (":bytes_read", &self.bytes_read),
            (":bytes_total", &self.bytes_total),
            (":records_per_second", &self.records_per_second),
            (":busy", &self.busy),
        ];
        params.extend(more);
        params
    }
}
