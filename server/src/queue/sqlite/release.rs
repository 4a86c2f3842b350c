//! in_progress → queued, or → failed where attempts run out.

use super::left::{self, LEAVE, MINE};
use super::{after, row, turns};
use crate::queue::{Claim, Release};
use rusqlite::{Connection, ToSql};

const WORD: &str = "release";

pub(super) fn release(
    change: &Connection,
    now: i64,
    claim: &Claim,
    release: &Release,
) -> rusqlite::Result<bool> {
    let failure = release.failure.as_ref().map(row::json).transpose()?;
    let both: [(&str, &dyn ToSql); 2] = [(":failure", &failure), (":now", &now)];
    if release.charge {
        let update = format!(
            "UPDATE jobs SET state = 'failed', attempts = attempts + 1, failure = :failure, finished_ms = :now, \
             {LEAVE} WHERE {MINE} AND furthest <= claimed_furthest AND attempts + 1 >= :max_attempts"
        );
        let mut params = both.to_vec();
        params.push((":max_attempts", &release.max_attempts));
        if left::execute(change, claim, &update, &params, Some(WORD))? {
            return Ok(true);
        }
    }
    let update = format!(
        "UPDATE jobs SET state = 'queued', queued_ms = :now, due_ms = :due, failure = :failure, \
         attempts = CASE WHEN furthest > claimed_furthest THEN 0 ELSE attempts + :charge END, {LEAVE} WHERE {MINE}"
    );
    let due = after(now, release.delay_ms);
    let mut params = both.to_vec();
    params.extend([(":due", &due as &dyn ToSql), (":charge", &release.charge)]);
    if left::execute(change, claim, &update, &params, Some(WORD))? {
        turns::wake(change, claim.tenant.key(), due)?;
        return Ok(true);
    }
    left::has_left(change, claim, WORD)
}
