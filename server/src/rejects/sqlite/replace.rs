//! New reasons of rejects in SQLite: only of those that are there.

use super::number;
use crate::rejects::Run;
use pipeline::{Fatal, Reject};
use rusqlite::params;
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
            let problems = serde_json::to_string(&reject.problems)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let leading = reject.leading();
            update.execute(params![
                run.tenant.key(),
                run.job.0.as_slice(),
                run.run,
                number(reject.at.ordinal),
                number(reject.at.line),
                number(reject.at.offset),
                leading.map_or("", |problem| &problem.code),
                leading.and_then(|problem| problem.field.as_deref()),
                problems,
                reject.raw,
                number(fence)
            ])?;
        }
        Ok(())
    });
    replaced.await
}
