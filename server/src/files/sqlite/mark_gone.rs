//! uploaded → uploaded, its object gone, in SQLite, unless a job in one of some states lists the file. Looking and marking
//! are one statement, as in `remove`.

use super::NOW;
use super::remove::unlisted;
use crate::id::Id;
use crate::queue::State;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn mark_gone(
    database: &Database,
    tenant: &Tenant,
    id: Id,
    unless: &[State],
) -> Result<bool, Fatal> {
    let tenant = tenant.clone();
    let update = format!(
        "UPDATE files SET content_gone = 1, updated_ms = iif(content_gone, updated_ms, {NOW}) \
         WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NOT NULL AND (content_gone OR {})",
        unlisted(unless)
    );
    let marked = database.write(move |change| change.execute(&update, params![tenant.key(), id.0]));
    Ok(marked.await? == 1)
}
