//! `any`: whether there is any live key.

use super::SqliteKeys;
use pipeline::Fatal;

impl SqliteKeys {
    pub(super) async fn any_key(&self) -> Result<bool, Fatal> {
        let any = self.database.read(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM keys WHERE revoked_ms IS NULL)")?
                .query_row([], |row| row.get(0))
        });
        any.await
    }
}
