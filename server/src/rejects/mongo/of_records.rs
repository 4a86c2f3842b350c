//! The rejects of some records of a run from MongoDB, by their `_id`.

use super::page::reject;
use super::{REJECTS, broken, id, read};
use crate::rejects::Run;
use mongodb::bson::{Document, doc};
use pipeline::{Fatal, Reject};
use stages::sink::mongodb::Statements;

pub(super) async fn of_records(
    statements: &Statements,
    run: &Run,
    mut ordinals: &[u64],
) -> Result<Vec<Reject>, Fatal> {
    let mut all: Vec<Reject> = Vec::new();
    // One answer holds 16 MiB at most, so that it may be short of what was asked for.
    while !ordinals.is_empty() {
        let found = read(statements, command(run, ordinals)).await?;
        if found.is_empty() {
            break;
        }
        for document in &found {
            all.push(reject(document).ok_or_else(|| broken("a reject lacks fields"))?);
        }
        let last = all.last().map_or(0, |last| last.at.ordinal);
        ordinals = &ordinals[ordinals.partition_point(|ordinal| *ordinal <= last)..];
    }
    Ok(all)
}

pub(super) fn command(run: &Run, ordinals: &[u64]) -> Document {
    let ids = ordinals
        .iter()
        .map(|ordinal| id(run.job, run.run, *ordinal));
    doc! {
        "find": REJECTS,
        "filter": { "_id": { "$in": ids.collect::<Vec<_>>() }, "tenant": { "$eq": run.tenant.key() } },
        "sort": { "_id": 1 },
        "batchSize": ordinals.len() as i64,
        "singleBatch": true,
    }
}
