//! uploading → uploading, its multipart upload known, in SQLite.

use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn note_upload(
    database: &Database,
    tenant: &Tenant,
    id: Id,
    upload: &str,
) -> Result<bool, Fatal> {
    let (tenant, upload) = (tenant.clone(), upload.to_owned());
    let noted = database.write(move |change| {
        let update = "UPDATE files SET upload = ?3 \
                      WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NULL AND is_lost = 0";
        change.execute(update, params![tenant.key(), id.0, upload])
    });
    Ok(noted.await? == 1)
}
