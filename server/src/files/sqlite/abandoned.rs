//! uploading → lost, for those that nobody uploads any more, of all tenants, in SQLite: longest idle first. Those that
//! were lost before and are not yet discarded are given again.

use super::{NOW, row};
use crate::files::File;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn abandoned(
    database: &Database,
    idle_ms: u64,
    limit: u32,
) -> Result<Vec<File>, Fatal> {
    let idle = i64::try_from(idle_ms).unwrap_or(i64::MAX);
    let limit = limit.max(1);
    let found = database.write(move |change| {
        let take = format!(
            "UPDATE files SET is_lost = 1, updated_ms = {NOW} WHERE is_lost = 0 AND id IN ({})",
            idlest()
        );
        change.prepare_cached(&take)?.execute(params![limit, idle])?;
        let select = format!(
            "SELECT {} FROM files WHERE uploaded_ms IS NULL AND is_lost = 1 ORDER BY renewed_ms LIMIT ?1",
            row::FILE
        );
        let mut select = change.prepare_cached(&select)?;
        let files = select.query_map(params![limit], row::file)?;
        files.collect()
    });
    found.await
}

/// The `?1` files that were idle longest, each for at least `?2` milliseconds.
pub(super) fn idlest() -> String {
    format!(
        "SELECT id FROM files WHERE uploaded_ms IS NULL AND is_lost = 0 AND renewed_ms <= {NOW} - ?2 \
         ORDER BY renewed_ms LIMIT ?1"
    )
}
