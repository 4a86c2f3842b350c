//! `take`: takes a ticket away, and says whose it was. What is no ticket costs no write: anybody may show one.

use super::{NOW_MS, SqliteTickets};
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::OptionalExtension;

impl SqliteTickets {
    pub(super) async fn take_ticket(&self, sha256: [u8; 32]) -> Result<Option<Tenant>, Fatal> {
        let found = self.database.read(move |tickets| {
            tickets
                .prepare_cached(&format!(
                    "SELECT 1 FROM tickets WHERE sha256 = ?1 AND until_ms > {NOW_MS}"
                ))?
                .exists([sha256])
        });
        if !found.await? {
            return Ok(None);
        }
        let taken = self.database.write(move |change| {
            change
                .prepare_cached(&format!(
                    "DELETE FROM tickets WHERE sha256 = ?1 AND until_ms > {NOW_MS} RETURNING tenant"
                ))?
                .query_row([sha256], |row| row.get::<_, String>(0))
                .optional()
        });
        let tenant = taken.await?.map(|key| Tenant::of_key(&key)).transpose();
        tenant.map_err(|_| Fatal::new("store_damaged", "a ticket is of what is no tenant"))
    }
}
