//! `list`: all keys, by tenant, then newest first.

use super::{KEY, SqliteKeys, key};
use crate::keys::{Key, MAX_LISTED};
use pipeline::Fatal;

impl SqliteKeys {
    pub(super) async fn list_keys(&self) -> Result<Vec<Key>, Fatal> {
        let keys = self.database.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {KEY} FROM keys ORDER BY tenant, created_ms DESC, id DESC LIMIT {MAX_LISTED}"
                ))?
                .query_map([], key)?
                .collect()
        });
        keys.await
    }
}
