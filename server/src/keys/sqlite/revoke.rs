//! `revoke`: ends a live key.

use super::{NOW_MS, SqliteKeys};
use crate::id::Id;
use pipeline::Fatal;

impl SqliteKeys {
    pub(super) async fn revoke_key(&self, id: Id) -> Result<bool, Fatal> {
        let revoked = self.database.write(move |change| {
            change
                .prepare_cached(&format!(
                    "UPDATE keys SET revoked_ms = {NOW_MS} WHERE id = ?1 AND revoked_ms IS NULL"
                ))?
                .execute([id.0])
        });
        Ok(revoked.await? == 1)
    }
}
