//! The store of rejects in MongoDB: one statement per change, acknowledged by a majority and journaled.
//!
//! ```text
//! { _id: <job 12 ‖ run 4, big endian ‖ ordinal 8, big endian>, tenant, run: <job 12 ‖ run 4, big endian>,
//!   fence, line, offset, code, field?, problems: [{ code, field?, message }], raw }
//! ```
//!
//! So they lie in the order of the file by `_id`, and storing one again meets it. Those of one code or one field have an
//! index each in the same order, which also counts them without reading one.

mod count;
mod of_records;
mod page;
mod remove;
mod remove_from;
mod remove_runs;
mod replace;
mod store;
#[cfg(test)]
mod tests;

use super::{Filter, Rejects, Run};
use crate::id::Id;
use crate::tenant::Tenant;
use async_trait::async_trait;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use pipeline::{Fatal, Reject};
use stages::sink::mongodb::{Done, Statements};

/// The collection.
const REJECTS: &str = "rejects";
/// The bytes of a job and a run in an `_id`.
const RUN_BYTES: usize = 16;

/// The store of rejects in a MongoDB.
pub struct MongoRejects {
    statements: Statements,
}

impl MongoRejects {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        let with_field = doc! { "field": { "$exists": true } };
        let command = doc! {
            "createIndexes": REJECTS,
            "indexes": [
                { "key": { "tenant": 1, "run": 1, "code": 1, "_id": 1 }, "name": "tenant_run_code" },
                {
                    "key": { "tenant": 1, "run": 1, "field": 1, "_id": 1 },
                    "name": "tenant_run_field",
                    "partialFilterExpression": with_field,
                },
            ],
        };
        statements.write(command).await?;
        Ok(Self { statements })
    }
}

#[async_trait]
impl Rejects for MongoRejects {
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        store::store(&self.statements, run, fence, rejects).await
    }

    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        replace::replace(&self.statements, run, fence, rejects).await
    }

    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal> {
        remove_from::remove_from(&self.statements, run, fence, from).await
    }

    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
        remove::remove(&self.statements, run, ordinals).await
    }

    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
        count::count(&self.statements, run, filter).await
    }

    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal> {
        page::page(&self.statements, run, filter, from, skip, limit).await
    }

    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal> {
        of_records::of_records(&self.statements, run, ordinals).await
    }

    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal> {
        remove_runs::remove_runs(&self.statements, tenant, job, before, limit).await
    }
}

/// The `_id` of the reject of a record.
fn id(job: Id, run: u32, ordinal: u64) -> Binary {
    let mut bytes = run_key(job, run).bytes;
    bytes.extend(ordinal.to_be_bytes());
    binary(bytes)
}

/// What all rejects of a run have in `run`, and at the beginning of their `_id`.
fn run_key(job: Id, run: u32) -> Binary {
    let mut bytes = Vec::with_capacity(RUN_BYTES + size_of::<u64>());
    bytes.extend(job.0);
    bytes.extend(run.to_be_bytes());
    binary(bytes)
}

fn binary(bytes: Vec<u8>) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    }
}

/// Those of a run with a filter.
fn wanted(run: &Run, filter: &Filter) -> Document {
    let mut wanted = doc! {
        "tenant": { "$eq": run.tenant.key() },
        "run": run_key(run.job, run.run),
    };
    for (name, text) in [("code", &filter.code), ("field", &filter.field)] {
        if let Some(text) = text {
            wanted.insert(name, doc! { "$eq": text });
        }
    }
    wanted
}

/// Sends a read of what a majority has, and returns its documents.
async fn read(statements: &Statements, mut command: Document) -> Result<Vec<Document>, Fatal> {
    command.insert("readConcern", doc! { "level": "majority" });
    let Done::Reply(mut reply) = statements.run(command).await? else {
        return Err(broken("a read met a duplicate"));
    };
    let batch = reply
        .get_document_mut("cursor")
        .and_then(|cursor| cursor.get_array_mut("firstBatch"));
    let batch = batch.map_err(|error| broken("an answer has no documents").because(&error))?;
    let documents = batch.drain(..).filter_map(|document| match document {
        Bson::Document(document) => Some(document),
        _ => None,
    });
    Ok(documents.collect())
}

fn broken(message: &str) -> Fatal {
    Fatal::new(
        "rejects_unreadable",
        format!("`{REJECTS}` cannot be used: {message}"),
    )
}
