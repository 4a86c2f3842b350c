//! Removing from SQLite the rejects of earlier runs, a portion at a time.

use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn remove_runs(
    database: &Database,
    tenant: &Tenant,
    job: Id,
    before: u32,
    limit: u32,
) -> Result<bool, Fatal> {
    let tenant = tenant.clone();
    let limit = limit.max(1);
    let last = match before {
        u32::MAX => i64::MAX,
        before => i64::from(before) - 1,
    };
    let removed = database.write(move |change| {
        change.execute(
            "DELETE FROM rejects WHERE (job, run, ordinal) IN (
                SELECT job, run, ordinal FROM rejects
                WHERE tenant = ?1 AND job = ?2 AND run <= ?3 LIMIT ?4
            )",
            params![tenant.key(), job.0.as_slice(), last, limit],
        )
    });
    Ok(removed.await? >= limit as usize)
}
