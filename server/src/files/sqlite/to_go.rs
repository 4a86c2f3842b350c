//! uploaded → uploaded, its object to go, and back, in SQLite.

use super::row::{self, FILE};
use crate::files::File;
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn mark(
    database: &Database,
    tenant: &Tenant,
    ids: &[Id],
    job: Id,
) -> Result<(), Fatal> {
    let (tenant, ids) = (tenant.clone(), ids.to_vec());
    let marked = database.write(move |change| {
        let mut insert = change.prepare_cached(
            "INSERT OR REPLACE INTO files_going (id, job) \
             SELECT id, ?3 FROM files WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NOT NULL",
        )?;
        for id in &ids {
            insert.execute(params![tenant.key(), id.0, job.0])?;
        }
        Ok(())
    });
    marked.await
}

pub(super) async fn list(
    database: &Database,
    after: Option<Id>,
    limit: u32,
) -> Result<Vec<File>, Fatal> {
    let found = database.read(move |connection| {
        let mut select = connection.prepare_cached(&after_id())?;
        let after = after.map_or(Vec::new(), |id| id.0.to_vec());
        let files = select.query_map(params![after, limit], row::file)?;
        files.collect()
    });
    found.await
}

/// The first `?2` files that are to go behind id `?1`. Every id comes behind an empty one.
pub(super) fn after_id() -> String {
    format!(
        "SELECT {FILE} FROM files_going AS noted CROSS JOIN files ON files.id = noted.id \
         WHERE noted.id > ?1 ORDER BY noted.id LIMIT ?2"
    )
}

pub(super) async fn unmark(database: &Database, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
    let tenant = tenant.clone();
    let unmarked = database.write(move |change| {
        let delete = "DELETE FROM files_going WHERE id = (SELECT id FROM files WHERE tenant = ?1 AND id = ?2)";
        change.execute(delete, params![tenant.key(), id.0])
    });
    unmarked.await.map(drop)
}
