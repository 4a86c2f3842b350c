//! `add`: enters a ticket where its tenant has room for one, and takes away those that are too old.

use super::{NOW_MS, SqliteTickets};
use crate::tenant::Tenant;
use crate::tickets::{LIFE_MS, MAX_LIVE};
use pipeline::Fatal;
use rusqlite::OptionalExtension;

impl SqliteTickets {
    pub(super) async fn add_ticket(
        &self,
        tenant: &Tenant,
        sha256: [u8; 32],
    ) -> Result<Option<u64>, Fatal> {
        let tenant = tenant.key().to_owned();
        let added = self.database.write(move |change| {
            change
                .prepare_cached(&format!("DELETE FROM tickets WHERE until_ms <= {NOW_MS}"))?
                .execute([])?;
            change
                .prepare_cached(&format!(
                    "INSERT INTO tickets SELECT ?1, ?2, {NOW_MS} + {LIFE_MS} WHERE \
                     (SELECT count(*) FROM tickets WHERE tenant = ?2) < {MAX_LIVE} RETURNING until_ms"
                ))?
                .query_row((sha256, tenant), |row| row.get::<_, i64>(0))
                .optional()
        });
        Ok(added.await?.map(i64::cast_unsigned))
    }
}
