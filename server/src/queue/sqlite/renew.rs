//! in_progress → in_progress: a longer lease, and how far it is.

use super::after;
use super::left::{self, MINE, PROGRESS, ProgressParams};
use crate::queue::{Claim, Renewal};
use rusqlite::Connection;

pub(super) fn renew(
    change: &Connection,
    now: i64,
    claim: &Claim,
    renewal: &Renewal,
) -> rusqlite::Result<bool> {
    let until = after(now, renewal.lease_ms);
    let progress = ProgressParams::of(&renewal.progress);
    let update = format!(
        "UPDATE jobs SET lock_until_ms = :until, {PROGRESS}, updated_ms = :now WHERE {MINE}"
    );
    let params = progress.and(&[(":until", &until), (":now", &now)]);
    left::execute(change, claim, &update, &params, None)
}
