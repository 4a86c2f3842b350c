//! Files of all tenants that nobody uploads any more, from SQLite: longest idle first.

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
    let found = database.read(move |connection| {
        let mut select = connection.prepare_cached(&select())?;
        let files = select.query_map(params![idle, limit.max(1)], row::file)?;
        files.collect()
    });
    found.await
}

/// The statement; `?1` is the time, `?2` the most files.
pub(super) fn select() -> String {
    format!(
        "SELECT {} FROM files WHERE uploaded_ms IS NULL AND renewed_ms <= {NOW} - ?1 \
         ORDER BY renewed_ms LIMIT ?2",
        row::FILE
    )
}
