//! uploaded → uploaded, its object gone, in SQLite.

use super::NOW;
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn mark_gone(database: &Database, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
    let tenant = tenant.clone();
    let marked = database.write(move |change| {
        let update = format!(
            "UPDATE files SET content_gone = 1, updated_ms = {NOW} \
             WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NOT NULL AND content_gone = 0"
        );
        change.execute(&update, params![tenant.key(), id.0])
    });
    marked.await.map(drop)
}
