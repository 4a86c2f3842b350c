//! in_progress → completed, with its receipt.

use super::left::{self, LEAVE, MINE, PROGRESS, ProgressParams};
use super::row;
use crate::queue::{Claim, Progress, Receipt};
use rusqlite::Connection;

pub(super) fn finish(
    change: &Connection,
    now: i64,
    claim: &Claim,
    progress: &Progress,
    receipt: &Receipt,
) -> rusqlite::Result<bool> {
    let receipt = row::json(receipt)?;
    let progress = ProgressParams::of(progress);
    let update = format!(
        "UPDATE jobs SET state = 'completed', receipt = :receipt, failure = NULL, finished_ms = :now, \
         {PROGRESS}, {LEAVE} WHERE {MINE}"
    );
    let params = progress.and(&[(":receipt", &receipt), (":now", &now)]);
    left::leave(change, claim, "finish", &update, &params)
}
