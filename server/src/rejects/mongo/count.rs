//! Counting the rejects of a run in MongoDB, in an index alone.

use super::{REJECTS, broken, read, wanted};
use crate::rejects::{Filter, Run};
use mongodb::bson::{Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

pub(super) async fn count(
    statements: &Statements,
    run: &Run,
    filter: &Filter,
) -> Result<u64, Fatal> {
    let documents = read(statements, command(run, filter)).await?;
    match documents.first().map(|counted| counted.get_i64("count")) {
        None => Ok(0),
        Some(Ok(count)) => Ok(count.cast_unsigned()),
        Some(Err(error)) => Err(broken("a count is no number").because(&error)),
    }
}

pub(super) fn command(run: &Run, filter: &Filter) -> Document {
    doc! {
        "aggregate": REJECTS,
        "pipeline": [
            { "$match": wanted(run, filter) },
            { "$group": { "_id": null, "count": { "$sum": 1_i64 } } },
        ],
        "cursor": {},
    }
}
