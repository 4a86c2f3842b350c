//! in_progress → failed, with the failure that ended it.

use super::left::{self, LEAVE, MINE, PROGRESS, ProgressParams};
use super::row;
use crate::job::Failure;
use crate::queue::{Claim, Progress};
use rusqlite::Connection;

pub(super) fn fail(
    change: &Connection,
    now: i64,
    claim: &Claim,
    progress: &Progress,
    failure: &Failure,
) -> rusqlite::Result<bool> {
    let failure = row::json(failure)?;
    let progress = ProgressParams::of(progress);
    let update = format!(
        "UPDATE jobs SET state = 'failed', failure = :failure, finished_ms = :now, {PROGRESS}, {LEAVE} WHERE {MINE}"
    );
    let params = progress.and(&[(":failure", &failure), (":now", &now)]);
    left::leave(change, claim, "fail", &update, &params)
}
