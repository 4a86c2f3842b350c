//! Jobs that a dead process has left in progress: read once, at the start of the next one.

use super::row;
use crate::id::Id;
use crate::queue::Job;
use rusqlite::{Connection, Row};

const LEFT: &str =
    "SELECT tenant, id FROM jobs WHERE state = 'in_progress' ORDER BY lock_until_ms LIMIT ?1";

pub(super) fn left_running(read: &Connection, limit: u32) -> rusqlite::Result<Vec<Job>> {
    let key = |row: &Row<'_>| Ok((row::tenant(row)?, row.get("id").map(Id)?));
    let mut left = read.prepare_cached(LEFT)?;
    let keys = left.query_map([limit], key)?;
    let mut jobs = Vec::new();
    for key in keys {
        let (tenant, id) = key?;
        jobs.extend(row::job(read, &tenant, id)?);
    }
    Ok(jobs)
}
