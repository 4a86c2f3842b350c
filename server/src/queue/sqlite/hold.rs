//! in_progress → held, with the cause that somebody must accept.

use super::left::{self, LEAVE, MINE, PROGRESS, ProgressParams};
use super::row;
use crate::queue::{Claim, Held, Progress};
use rusqlite::Connection;

pub(super) fn hold(
    change: &Connection,
    now: i64,
    claim: &Claim,
    progress: &Progress,
    held: &Held,
) -> rusqlite::Result<bool> {
    let held = row::json(held)?;
    let progress = ProgressParams::of(progress);
    let update = format!(
        "UPDATE jobs SET state = 'held', held = :held, failure = NULL, {PROGRESS}, {LEAVE} WHERE {MINE}"
    );
    let params = progress.and(&[(":held", &held), (":now", &now)]);
    left::leave(change, claim, "hold", &update, &params)
}
