//! uploading → uploading, renewed, in SQLite.

use super::NOW;
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn renew(database: &Database, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
    let tenant = tenant.clone();
    let renewed = database.write(move |change| {
        let update = format!(
            "UPDATE files SET renewed_ms = {NOW} \
             WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NULL AND is_lost = 0"
        );
        change
            .prepare_cached(&update)?
            .execute(params![tenant.key(), id.0])
    });
    Ok(renewed.await? == 1)
}
