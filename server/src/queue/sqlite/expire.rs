//! Retention: what ended long ago loses what only its details need, and is then marked as cleaned.

use super::row;
use crate::id::Id;
use crate::queue::Job;
use crate::tenant::Tenant;
use rusqlite::{Connection, params};

/// Those whose rejects are still there, the oldest first. Held jobs have not ended.
pub(super) const ENDED: &str = "FROM jobs WHERE finished_ms < ?1 AND finished_ms IS NOT NULL AND is_cleaned = 0 \
     ORDER BY finished_ms, rowid LIMIT ?2";

pub(super) fn expire(
    change: &Connection,
    now: i64,
    age_ms: u64,
    limit: u32,
) -> rusqlite::Result<Vec<Job>> {
    let before = now.saturating_sub_unsigned(age_ms);
    change
        .prepare_cached(&format!(
            "UPDATE jobs SET is_expired = 1, spec_text = '', updated_ms = ?3, callback = NULL, callback_due_ms = NULL, \
             callback_host = NULL, \
             checkpoint = json_set(checkpoint, '$.head', '', '$.books.summary', json('[]')), \
             failure = json_set(failure, '$.causes', json('[]')) \
             WHERE is_expired = 0 AND rowid IN (SELECT rowid {ENDED})"
        ))?
        .execute(params![before, limit, now])?;
    let columns = row::whole();
    let mut select = change.prepare_cached(&format!("SELECT {columns} {ENDED}"))?;
    let jobs = select.query_map(params![before, limit], row::read)?;
    jobs.collect()
}

pub(super) fn forget(change: &Connection, tenant: &Tenant, id: Id) -> rusqlite::Result<()> {
    change
        .prepare_cached(
            "UPDATE jobs SET is_cleaned = 1 WHERE tenant = ?1 AND id = ?2 AND is_expired = 1",
        )?
        .execute(params![tenant.key(), id.0])?;
    Ok(())
}
