//! Removes the rejects of records that were loaded after all.

use super::number;
use crate::rejects::Run;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn remove(database: &Database, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
    let (run, ordinals) = (run.clone(), ordinals.to_vec());
    let removed = database.write(move |change| {
        let mut delete = change.prepare_cached(
            "DELETE FROM rejects WHERE tenant = ?1 AND job = ?2 AND run = ?3 AND ordinal = ?4",
        )?;
        for ordinal in ordinals {
            delete.execute(params![
                run.tenant.key(),
                run.job.0.as_slice(),
                run.run,
                number(ordinal)
            ])?;
        }
        Ok(())
    });
    removed.await
}
