//! in_progress → in_progress: a checkpoint in the place of the one before.

use super::left::{self, MINE};
use super::row;
use crate::queue::Claim;
use pipeline::Checkpoint;
use rusqlite::{Connection, ToSql};

pub(super) fn save(
    change: &Connection,
    now: i64,
    claim: &Claim,
    previous: u64,
    checkpoint: &Checkpoint,
) -> rusqlite::Result<bool> {
    let end = checkpoint.books.end.ordinal.cast_signed();
    let previous = previous.cast_signed();
    let text = row::json(checkpoint)?;
    let update = format!(
        "UPDATE jobs SET checkpoint = :checkpoint, checkpoint_end = :end, furthest = max(furthest, :end), \
         updated_ms = :now WHERE {MINE} AND checkpoint_end = :previous"
    );
    let params: [(&str, &dyn ToSql); 4] = [
        (":checkpoint", &text),
        (":end", &end),
        (":previous", &previous),
        (":now", &now),
    ];
    if left::execute(change, claim, &update, &params, None)? {
        return Ok(true);
    }
    // Where the answer was lost, it is there already.
    let own = format!(
        "UPDATE jobs SET updated_ms = updated_ms WHERE {MINE} AND checkpoint = :checkpoint"
    );
    left::execute(change, claim, &own, &[(":checkpoint", &text)], None)
}
