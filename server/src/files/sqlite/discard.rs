//! uploading → (none), in SQLite.

use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn discard(database: &Database, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
    let tenant = tenant.clone();
    let discarded = database.write(move |change| {
        change.execute(
            "DELETE FROM files WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NULL",
            params![tenant.key(), id.0],
        )
    });
    Ok(discarded.await? == 1)
}
