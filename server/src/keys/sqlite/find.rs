//! `find`: the live key with a hash.

use super::{KEY, SqliteKeys, key};
use crate::keys::Key;
use pipeline::Fatal;
use rusqlite::OptionalExtension;

impl SqliteKeys {
    pub(super) async fn find_key(&self, sha256: [u8; 32]) -> Result<Option<Key>, Fatal> {
        let found = self.database.read(move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {KEY} FROM keys WHERE sha256 = ?1 AND revoked_ms IS NULL"
                ))?
                .query_row([sha256], key)
                .optional()
        });
        found.await
    }
}
