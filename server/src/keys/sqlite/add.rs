//! `add`: enters a key where its tenant has room for one.

use super::{KEY, NOW_MS, SqliteKeys, key};
use crate::id::Id;
use crate::keys::{Key, MAX_LIVE_KEYS};
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::OptionalExtension;

impl SqliteKeys {
    pub(super) async fn add_key(
        &self,
        id: Id,
        tenant: &Tenant,
        sha256: [u8; 32],
    ) -> Result<Option<Key>, Fatal> {
        let tenant = tenant.key().to_owned();
        let added = self.database.write(move |change| {
            change
                .prepare_cached(&format!(
                    "INSERT INTO keys SELECT ?1, ?2, ?3, {NOW_MS}, NULL WHERE \
                     (SELECT count(*) FROM keys WHERE tenant = ?2 AND revoked_ms IS NULL) < {MAX_LIVE_KEYS} \
                     RETURNING {KEY}"
                ))?
                .query_row((id.0, tenant, sha256), key)
                .optional()
        });
        added.await
    }
}
