//! in_progress → queued, or → failed where attempts run out. What it was released for before stands where nothing is
//! said.

use super::left::{self, LEAVE, MINE};
use super::{after, callbacks, row, turns};
use crate::queue::{Claim, Release, crash_loop};
use rusqlite::{Connection, ToSql};

const WORD: &str = "release";

pub(super) fn release(
    change: &Connection,
    now: i64,
    held: &Claim,
    release: &Release,
) -> rusqlite::Result<bool> {
    let failure = release.failure.as_ref().map(row::json).transpose()?;
    if release.charge {
        let last = match &failure {
            Some(failure) => failure.clone(),
            None => row::json(&crash_loop(release.max_attempts))?,
        };
        let update = format!(
            "UPDATE jobs SET state = 'failed', attempts = attempts + 1, failure = :failure, finished_ms = :now, \
             {LEAVE} WHERE {MINE} AND furthest <= claimed_furthest AND attempts + 1 >= :max_attempts"
        );
        let params: [(&str, &dyn ToSql); 3] = [
            (":failure", &last),
            (":max_attempts", &release.max_attempts),
            (":now", &now),
        ];
        if left::execute(change, held, &update, &params, Some(WORD))? {
            callbacks::came_to(change, &held.tenant, held.job)?;
            return Ok(true);
        }
    }
    let update = format!(
        "UPDATE jobs SET state = 'queued', queued_ms = :now, due_ms = :due, failure = ifnull(:failure, failure), \
         attempts = CASE WHEN furthest > claimed_furthest THEN 0 ELSE attempts + :charge END, {LEAVE} WHERE {MINE}"
    );
    let due = after(now, release.delay_ms);
    let params: [(&str, &dyn ToSql); 4] = [
        (":failure", &failure),
        (":due", &due),
        (":charge", &release.charge),
        (":now", &now),
    ];
    if left::execute(change, held, &update, &params, Some(WORD))? {
        turns::wake(change, held.tenant.key(), due)?;
        return Ok(true);
    }
    left::has_left(change, held, WORD)
}
