//! `knows`: whether a tenant has a key, or had one.

use super::SqliteKeys;
use crate::tenant::Tenant;
use pipeline::Fatal;

impl SqliteKeys {
    pub(super) async fn knows_tenant(&self, tenant: &Tenant) -> Result<bool, Fatal> {
        let tenant = tenant.key().to_owned();
        let any = self.database.read(move |connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM keys WHERE tenant = ?1)")?
                .query_row([&tenant], |row| row.get(0))
        });
        any.await
    }
}
