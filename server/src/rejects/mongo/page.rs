//! A page of the rejects of a run from MongoDB, in the order of the file.

use super::{REJECTS, RUN_BYTES, broken, id, read, wanted};
use crate::rejects::{Filter, Run};
use mongodb::bson::{Bson, Document, doc};
use pipeline::{Fatal, Position, Problem, Reject};
use stages::sink::mongodb::Statements;

pub(super) async fn page(
    statements: &Statements,
    run: &Run,
    filter: &Filter,
    mut from: u64,
    mut skip: u64,
    limit: u32,
) -> Result<Vec<Reject>, Fatal> {
    let mut page: Vec<Reject> = Vec::new();
    // One answer holds 16 MiB at most, so that it may be short of what was asked for.
    while page.len() < limit as usize {
        let left = limit - page.len() as u32;
        let found = read(statements, command(run, filter, from, skip, left)).await?;
        let ends = found.is_empty();
        for document in &found {
            page.push(reject(document).ok_or_else(|| broken("a reject lacks fields"))?);
        }
        let next = page.last().and_then(|last| last.at.ordinal.checked_add(1));
        match next {
            Some(next) if !ends => (from, skip) = (next, 0),
            _ => break,
        }
    }
    Ok(page)
}

pub(super) fn command(run: &Run, filter: &Filter, from: u64, skip: u64, limit: u32) -> Document {
    let mut wanted = wanted(run, filter);
    wanted.insert(
        "_id",
        doc! {
            "$gte": id(run.job, run.run, from),
            "$lte": id(run.job, run.run, u64::MAX),
        },
    );
    doc! {
        "find": REJECTS,
        "filter": wanted,
        "sort": { "_id": 1 },
        "skip": i64::try_from(skip).unwrap_or(i64::MAX),
        "limit": i64::from(limit),
        "batchSize": i64::from(limit),
        "singleBatch": true,
    }
}

pub(super) fn reject(document: &Document) -> Option<Reject> {
    let bytes = |name: &str| document.get_binary_generic(name).ok();
    let number = |name: &str| document.get_i64(name).ok().map(i64::cast_unsigned);
    let ordinal = bytes("_id")?.get(RUN_BYTES..)?;
    let problems = document.get_array("problems").ok()?;
    Some(Reject {
        at: Position {
            ordinal: u64::from_be_bytes(ordinal.try_into().ok()?),
            line: number("line")?,
            offset: number("offset")?,
        },
        problems: problems.iter().map(problem).collect::<Option<_>>()?,
        raw: bytes("raw")?.clone(),
    })
}

fn problem(problem: &Bson) -> Option<Problem> {
    let problem = problem.as_document()?;
    let text = |name: &str| problem.get_str(name).ok().map(str::to_owned);
    Some(Problem {
        code: text("code")?.into(),
        field: text("field"),
        message: text("message")?,
    })
}
