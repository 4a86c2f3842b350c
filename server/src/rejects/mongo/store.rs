//! Storing rejects in MongoDB: inserts in commands of a bounded size.
//!
//! A command of which one insert met a reject that is there says so and no more: which of the others are stored is
//! then not known from its first error alone, so all of it is sent again as upserts. They leave what the same claim or a
//! newer one has stored as it is, and put this claim's own in the place of an older one's.

use super::{REJECTS, id, run_key};
use crate::rejects::Run;
use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};
use pipeline::{Fatal, Problem, Reject};
use stages::sink::mongodb::{Done, Statements};

/// The most bytes of one command, about.
pub(super) const MAX_COMMAND_BYTES: usize = 8 * 1024 * 1024;
/// What a document takes beside the texts in it, in bytes, at most.
const DOCUMENT_BYTES: usize = 320;
/// What a problem takes beside its texts, in bytes, at most.
const PROBLEM_BYTES: usize = 64;
/// How often upserts that met each other are sent, at most: another one that stores the same rejects is a worker
/// that has lost its job, and ends.
const MAX_UPSERTS: u32 = 10;

pub(super) async fn store(
    statements: &Statements,
    run: &Run,
    fence: u64,
    mut rejects: &[Reject],
) -> Result<(), Fatal> {
    while !rejects.is_empty() {
        let (command, rest) = rejects.split_at(fitting(rejects));
        store_command(statements, run, fence, command).await?;
        rejects = rest;
    }
    Ok(())
}

/// How many of the first rejects one command takes: one at least.
pub(super) fn fitting(rejects: &[Reject]) -> usize {
    let mut left = MAX_COMMAND_BYTES;
    let fits = |reject: &&Reject| {
        let bytes = bytes(reject);
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    rejects.iter().take_while(fits).count().max(1)
}

/// An upper bound of what a reject takes in a command.
fn bytes(reject: &Reject) -> usize {
    let of_problem = |problem: &Problem| {
        let field = problem.field.as_ref().map_or(0, String::len);
        PROBLEM_BYTES + problem.code.len() + field + problem.message.len()
    };
    let problems: usize = reject.problems.iter().map(of_problem).sum();
    // Code and field of the leading problem stand twice.
    let leading = reject.leading().map_or(0, of_problem);
    DOCUMENT_BYTES + problems + leading + reject.raw.len()
}

async fn store_command(
    statements: &Statements,
    run: &Run,
    fence: u64,
    rejects: &[Reject],
) -> Result<(), Fatal> {
    let inserted = doc! {
        "insert": REJECTS,
        "documents": rejects.iter().map(|reject| {
            let mut document = doc! { "_id": id(run.job, run.run, reject.at.ordinal) };
            document.extend(fields(run, fence, reject));
            document
        }).collect::<Vec<_>>(),
        "ordered": false,
    };
    if let Done::Reply(_) = statements.write(inserted).await? {
        return Ok(());
    }
    let upserted = doc! {
        "update": REJECTS,
        "updates": rejects.iter().map(|reject| doc! {
            "q": { "_id": id(run.job, run.run, reject.at.ordinal) },
            "u": [unless_newer(fence, fields(run, fence, reject))],
            "upsert": true,
        }).collect::<Vec<_>>(),
        "ordered": false,
    };
    for _ in 0..MAX_UPSERTS {
        if let Done::Reply(_) = statements.write(upserted.clone()).await? {
            return Ok(());
        }
    }
    Err(Fatal::transient(
        "rejects_contended",
        format!("somebody else stores the rejects of job {}", run.job),
    ))
}

/// Sets `fields`, unless what is there has the same fence number or a higher one.
pub(super) fn unless_newer(fence: u64, fields: Document) -> Document {
    let stays = doc! { "$gte": ["$fence", fence.cast_signed()] };
    let ours = doc! { "$mergeObjects": [{ "_id": "$_id" }, { "$literal": fields }] };
    doc! { "$replaceWith": { "$cond": [stays, "$$ROOT", ours] } }
}

/// What is kept beside the `_id`.
pub(super) fn fields(run: &Run, fence: u64, reject: &Reject) -> Document {
    let mut fields = doc! {
        "tenant": run.tenant.key(),
        "run": run_key(run.job, run.run),
        "fence": fence.cast_signed(),
        "line": reject.at.line.cast_signed(),
        "offset": reject.at.offset.cast_signed(),
    };
    let leading = reject.leading();
    fields.insert("code", leading.map_or("", |problem| &problem.code));
    if let Some(field) = leading.and_then(|problem| problem.field.as_ref()) {
        fields.insert("field", field);
    }
    let problems = reject.problems.iter().map(problem).collect::<Vec<_>>();
    fields.insert("problems", problems);
    let raw = Binary {
        subtype: BinarySubtype::Generic,
        bytes: reject.raw.clone(),
    };
    fields.insert("raw", raw);
    fields
}

fn problem(problem: &Problem) -> Bson {
    let mut document = doc! { "code": problem.code.as_ref(), "message": &problem.message };
    if let Some(field) = &problem.field {
        document.insert("field", field);
    }
    document.into()
}
