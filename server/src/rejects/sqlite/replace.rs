//! New reasons of rejects in SQLite: only of those that are there.

use super::put;
use crate::rejects::Run;
use pipeline::{Fatal, Reject};
use stages::sqlite::Database;

pub(super) async fn replace(
    database: &Database,
    run: &Run,
    fence: u64,
    rejects: &[Reject],
) -> Result<(), Fatal> {
    if rejects.is_empty() {
        return Ok(());
    }
    let (run, rejects) = (run.clone(), rejects.to_vec());
    let replaced = database.write(move |change| {
        let mut update = change.prepare_cached(
            "UPDATE rejects SET line = ?5, offset = ?6, code = ?7, field = ?8, problems = ?9, raw = ?10, fence = ?11 \
             WHERE tenant = ?1 AND job = ?2 AND run = ?3 AND ordinal = ?4 AND fence < ?11",
        )?;
        for reject in &rejects {
            put(&mut update, &run, fence, reject)?;
        }
        Ok(())
    });
    replaced.await
}
