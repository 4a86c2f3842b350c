//! Removes the rejects of records that were loaded after all.

use super::{REJECTS, id};
use crate::rejects::Run;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// Rejects that one command removes.
const PORTION_REJECTS: usize = 10_000;

pub(super) async fn remove(
    statements: &Statements,
    run: &Run,
    ordinals: &[u64],
) -> Result<(), Fatal> {
    for portion in ordinals.chunks(PORTION_REJECTS) {
        let ids = portion.iter().map(|ordinal| id(run.job, run.run, *ordinal));
        let filter = doc! {
            "_id": { "$in": ids.collect::<Vec<_>>() },
            "tenant": { "$eq": run.tenant.key() },
        };
        let command = doc! { "delete": REJECTS, "deletes": [{ "q": filter, "limit": 0 }] };
        statements.write(command).await?;
    }
    Ok(())
}
