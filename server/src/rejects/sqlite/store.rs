//! Storing rejects in SQLite: one transaction, which the next save of the job's checkpoint makes durable.

use super::put;
use crate::rejects::Run;
use pipeline::{Fatal, Reject};
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
            put(&mut insert, &run, fence, reject)?;
        }
        Ok(())
    });
    stored.await
}
