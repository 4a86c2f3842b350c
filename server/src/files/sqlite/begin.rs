//! (none) → uploading, in SQLite.

use super::NOW;
use crate::files::NewFile;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn begin(database: &Database, file: &NewFile) -> Result<(), Fatal> {
    let file = file.clone();
    let begun = database.write(move |change| {
        let insert = format!(
            "INSERT INTO files (id, tenant, name, content_type, key, bucket, upload, \
             created_ms, renewed_ms, updated_ms) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, {NOW}, {NOW}, {NOW}) ON CONFLICT DO NOTHING"
        );
        change.prepare_cached(&insert)?.execute(params![
            file.id.0,
            file.tenant.key(),
            file.original_name,
            file.content_type,
            file.key,
            file.bucket,
            file.upload
        ])
    });
    begun.await.map(drop)
}
