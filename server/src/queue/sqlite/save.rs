//! in_progress → in_progress: a checkpoint in the place of the one before.

use super::left::{self, MINE};
use super::row;
use crate::queue::Claim;
use pipeline::Checkpoint;
use rusqlite::{Connection, ToSql, named_params};

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
    has_saved(change, claim, &text)
}

/// Whether this claim has saved this very checkpoint, and its answer was lost.
fn has_saved(change: &Connection, claim: &Claim, text: &str) -> rusqlite::Result<bool> {
    change
        .prepare_cached(&format!(
            "SELECT 1 FROM jobs WHERE {MINE} AND checkpoint = :checkpoint"
        ))?
        .exists(named_params! {
            ":tenant": claim.tenant.key(),
            ":id": claim.job.0,
            ":owner": claim.owner,
            ":fence": claim.fence.cast_signed(),
            ":checkpoint": text,
        })
}
