//! Removing from SQLite the rejects of a run behind its checkpoint, but those of the claim that asks and of newer ones.

use super::number;
use crate::rejects::Run;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn remove_from(
    database: &Database,
    run: &Run,
    fence: u64,
    from: u64,
) -> Result<(), Fatal> {
    let run = run.clone();
    let removed = database.write(move |change| {
        change.execute(
            "DELETE FROM rejects WHERE tenant = ?1 AND job = ?2 AND run = ?3 AND ordinal >= ?4 AND fence < ?5",
            params![
                run.tenant.key(),
                run.job.0.as_slice(),
                run.run,
                number(from),
                number(fence)
            ],
        )
    });
    removed.await.map(drop)
}
