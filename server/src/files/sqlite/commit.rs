//! uploading → uploaded, in SQLite. A commit that was made before is met by its size and hash.

use super::{NOW, row};
use crate::files::File;
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::{OptionalExtension, params};
use stages::sqlite::Database;

pub(super) async fn commit(
    database: &Database,
    tenant: &Tenant,
    id: Id,
    size_bytes: u64,
    sha256: &str,
    version: Option<&str>,
) -> Result<Option<File>, Fatal> {
    let (tenant, sha256) = (tenant.clone(), sha256.to_owned());
    let version = version.map(str::to_owned);
    let committed = database.write(move |change| {
        let size_bytes = size_bytes.cast_signed();
        let update = format!(
            "UPDATE files SET size_bytes = ?3, sha256 = ?4, version = ?5, uploaded_ms = {NOW}, \
             updated_ms = {NOW} WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NULL AND is_lost = 0"
        );
        let values = params![tenant.key(), id.0, size_bytes, sha256, version];
        change.prepare_cached(&update)?.execute(values)?;
        let select = format!(
            "SELECT {} FROM files WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NOT NULL \
             AND size_bytes = ?3 AND sha256 = ?4",
            row::FILE
        );
        let mut select = change.prepare_cached(&select)?;
        let values = params![tenant.key(), id.0, size_bytes, sha256];
        select.query_row(values, row::file).optional()
    });
    committed.await
}
