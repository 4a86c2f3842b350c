//! New reasons of rejects in MongoDB: only of those that are there.

use super::store::{fields, fitting, unless_newer};
use super::{REJECTS, id};
use crate::rejects::Run;
use mongodb::bson::doc;
use pipeline::{Fatal, Reject};
use stages::sink::mongodb::Statements;

pub(super) async fn replace(
    statements: &Statements,
    run: &Run,
    fence: u64,
    mut rejects: &[Reject],
) -> Result<(), Fatal> {
    while !rejects.is_empty() {
        let (portion, rest) = rejects.split_at(fitting(rejects));
        let updates = portion.iter().map(|reject| {
            doc! {
                "q": {
                    "_id": id(run.job, run.run, reject.at.ordinal),
                    "tenant": { "$eq": run.tenant.key() },
                },
                "u": [unless_newer(fence, fields(run, fence, reject))],
            }
        });
        let updates = updates.collect::<Vec<_>>();
        let command = doc! { "update": REJECTS, "updates": updates, "ordered": false };
        statements.write(command).await?;
        rejects = rest;
    }
    Ok(())
}
