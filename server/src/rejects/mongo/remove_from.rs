//! Removing from MongoDB the rejects of a run behind its checkpoint, but those of the claim that asks and of newer ones:
//! what was sent by a claim that is gone may be applied when the next one has stored and checkpointed its own.

use super::{REJECTS, id};
use crate::rejects::Run;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn remove_from(
    statements: &Statements,
    run: &Run,
    fence: u64,
    from: u64,
) -> Result<(), Fatal> {
    let behind = doc! {
        "$gte": id(run.job, run.run, from),
        "$lte": id(run.job, run.run, u64::MAX),
    };
    let filter = doc! {
        "_id": behind,
        "tenant": { "$eq": run.tenant.key() },
        "fence": { "$not": { "$gte": fence.cast_signed() } },
    };
    let command = doc! { "delete": REJECTS, "deletes": [{ "q": filter, "limit": 0 }] };
    statements.write(command).await.map(drop)
}
