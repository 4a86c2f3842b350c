//! Lists one more file of the same content on a job, whatever its state.

use super::row;
use crate::id::Id;
use crate::queue::MAX_FILES;
use crate::tenant::Tenant;
use rusqlite::{Connection, OptionalExtension, params};

pub(super) fn attach(
    change: &Connection,
    now: i64,
    tenant: &Tenant,
    id: Id,
    file: Id,
) -> rusqlite::Result<bool> {
    let found = change
        .prepare_cached("SELECT files, created_ms FROM jobs WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![tenant.key(), id.0], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((mut bytes, created_ms)) = found else {
        return Ok(false);
    };
    let files = row::files(&bytes);
    if files.contains(&file) {
        return Ok(true);
    }
    if files.len() >= MAX_FILES {
        return Ok(false);
    }
    bytes.extend(file.0);
    change
        .prepare_cached(
            "UPDATE jobs SET files = ?3, updated_ms = ?4 WHERE tenant = ?1 AND id = ?2",
        )?
        .execute(params![tenant.key(), id.0, bytes, now])?;
    change
        .prepare_cached(
            "INSERT INTO job_files (tenant, file, created_ms, job) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![tenant.key(), file.0, created_ms, id.0])?;
    Ok(true)
}
