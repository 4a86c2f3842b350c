//! Storing rejects in SQLite: one transaction, which the next save of the job's checkpoint makes durable.

use super::number;
use crate::rejects::Run;
use pipeline::{Fatal, Reject};
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn store(
    database: &Database,
    run: &Run,
    fence: u64,
    rejects: &[Reject],
) -> Result<(), Fatal> {
    if rejects.is_empty() {
        return Ok(());
    }
    let (run, rejects) = (run.clone(), rejects.to_vec());
    let stored = database.write_ahead(move |change| {
        let mut insert = change.prepare_cached(
            "INSERT INTO rejects (tenant, job, run, ordinal, line, offset, code, field, problems, raw, fence) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
             ON CONFLICT DO UPDATE SET line = excluded.line, offset = excluded.offset, code = excluded.code, \
             field = excluded.field, problems = excluded.problems, raw = excluded.raw, fence = excluded.fence \
             WHERE fence < excluded.fence",
        )?;
        for reject in &rejects {
            let problems = serde_json::to_string(&reject.problems)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let leading = reject.leading();
            insert.execute(params![
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
    stored.await
}
