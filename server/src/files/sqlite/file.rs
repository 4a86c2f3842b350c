//! One file with its newest job, from SQLite.

use super::row::{self, FILE, JOB, WITH_NEWEST_JOB};
use crate::files::Seen;
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::{OptionalExtension, params};
use stages::sqlite::Database;

pub(super) async fn file(
    database: &Database,
    tenant: &Tenant,
    id: Id,
) -> Result<Option<Seen>, Fatal> {
    let tenant = tenant.clone();
    let found = database.read(move |connection| {
        let select = format!(
            "SELECT {FILE}, {JOB} FROM {WITH_NEWEST_JOB} \
             WHERE files.tenant = ?1 AND files.id = ?2 AND is_lost = 0"
        );
        let mut select = connection.prepare_cached(&select)?;
        let found = select.query_row(params![tenant.key(), id.0], row::seen);
        found.optional()
    });
    found.await
}
