//! What a client is told of the change that it asked for.

use super::row;
use crate::id::Id;
use crate::queue::Changed;
use crate::tenant::Tenant;
use rusqlite::Connection;

/// The answer, where the statement that filters on the state changed `rows` rows.
pub(super) fn changed(
    change: &Connection,
    tenant: &Tenant,
    id: Id,
    rows: usize,
) -> rusqlite::Result<Changed> {
    Ok(match row::job(change, tenant, id)?.map(Box::new) {
        None => Changed::Missing,
        Some(job) if rows == 0 => Changed::WrongState(job),
        Some(job) => Changed::Done(job),
    })
}
