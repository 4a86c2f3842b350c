//! release: in_progress → queued, or failed where attempts run out.

use super::MongoQueue;
use super::document::{self, in_ms};
use super::leave::leave;
use crate::queue::{Claim, Release, State, crash_loop};
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn release_job(
        &self,
        claim: &Claim,
        release: &Release,
    ) -> Result<bool, Fatal> {
        let command = self::release(claim, release);
        let states = [State::Queued, State::Failed];
        let Some(job) = self.left(claim, "release", &states, command).await? else {
            return Ok(false);
        };
        let job = document::read(&job)?;
        if job.state == State::Queued {
            self.wake(&job.tenant, job.due_ms).await?;
        }
        Ok(true)
    }
}

/// Releases a job: progress since the claim lets attempts begin anew, what is charged without it adds one.
pub(super) fn release(claim: &Claim, release: &Release) -> Document {
    let progressed = doc! { "$gt": ["$progress.furthest", "$furthestAtClaim"] };
    let charge = i64::from(release.charge);
    let charged = doc! { "$cond": [progressed, 0_i64, { "$add": ["$attempts", charge] }] };
    let over = match release.charge {
        true => doc! { "$gte": ["$attempts", i64::from(release.max_attempts)] },
        false => doc! { "$literal": false },
    };
    let either = |failed: Bson, queued: Bson| doc! { "$cond": [&over, failed, queued] };
    let (kept, last) = match &release.failure {
        Some(failure) => (document::failure(failure), document::failure(failure)),
        None => {
            let last = document::failure(&crash_loop(release.max_attempts));
            ("$failure".into(), last)
        }
    };
    let set = doc! {
        "state": either(State::Failed.word().into(), State::Queued.word().into()),
        "failure": either(last, kept),
        "queuedAt": either("$queuedAt".into(), "$$NOW".into()),
        "due": either("$due".into(), in_ms(release.delay_ms).into()),
        "finishedAt": either("$$NOW".into(), "$$REMOVE".into()),
        "keptSince": either("$$NOW".into(), "$$REMOVE".into()),
    };
    let stages = vec![
        doc! { "$set": { "attempts": charged } },
        doc! { "$set": set },
    ];
    leave(claim, "release", stages)
}
