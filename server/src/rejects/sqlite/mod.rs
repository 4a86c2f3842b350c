//! The store of rejects in SQLite: one writer, WAL, every change one transaction.
//!
//! Rejects lie in the order of the file under their key, so a page costs what it shows. Those of one code or one field
//! have an index each in the same order, which also counts them without reading one. New rejects do not wait for the
//! disk: the queue's next save, in the same file, does.

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
use pipeline::{Fatal, Reject};
use rusqlite::types::Value;
use rusqlite::{Statement, params};
use stages::sqlite::{Added, Database, Schema};

/// The tables of this store; running it again changes nothing.
pub const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS rejects (
        tenant TEXT NOT NULL,
        job BLOB NOT NULL,
        run INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        fence INTEGER NOT NULL,
        line INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        code TEXT NOT NULL,
        field TEXT,
        problems TEXT NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (job, run, ordinal)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS rejects_code ON rejects (tenant, job, run, code, ordinal);
    CREATE INDEX IF NOT EXISTS rejects_field ON rejects (tenant, job, run, field, ordinal)
        WHERE field IS NOT NULL;
",
)
.with_added(&[FENCE]);

/// The claim that stored a reject. What a program without it has stored is older than every claim.
const FENCE: Added = Added {
    table: "rejects",
    column: "fence",
    definition: "INTEGER NOT NULL DEFAULT 0",
};

/// The store of rejects in a SQLite file.
pub struct SqliteRejects {
    database: Database,
}

impl SqliteRejects {
    /// The store in a database that was opened with [`SCHEMA`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Rejects for SqliteRejects {
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        store::store(&self.database, run, fence, rejects).await
    }

    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        replace::replace(&self.database, run, fence, rejects).await
    }

    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal> {
        remove_from::remove_from(&self.database, run, fence, from).await
    }

    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
        remove::remove(&self.database, run, ordinals).await
    }

    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
        count::count(&self.database, run, filter).await
    }

    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal> {
        page::page(&self.database, run, filter, from, skip, limit).await
    }

    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal> {
        of_records::of_records(&self.database, run, ordinals).await
    }

    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal> {
        remove_runs::remove_runs(&self.database, tenant, job, before, limit).await
    }
}

/// Executes `change`, whose parameters are the columns of a reject and the claim that gives it, in the order of the table's
/// key, then of what it holds, then the fence.
fn put(change: &mut Statement<'_>, run: &Run, fence: u64, reject: &Reject) -> rusqlite::Result<()> {
    let problems = serde_json::to_string(&reject.problems)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let leading = reject.leading();
    change.execute(params![
        run.tenant.key(),
        run.job.0.as_slice(),
        run.run,
        number(reject.at.ordinal),
        number(reject.at.line),
        number(reject.at.offset),
        leading.map_or("", |problem| &problem.code),
        leading.and_then(|problem| problem.field.as_deref()),
        problems,
        reject.raw,
        number(fence)
    ])?;
    Ok(())
}

/// A number as SQLite keeps it; what it cannot keep is beyond every number that it has.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// An index that serves a filter in the order of the file; the planner knows no numbers, and would read the whole run.
fn index(filter: &Filter) -> Option<&'static str> {
    match filter {
        Filter { field: Some(_), .. } => Some("rejects_field"),
        Filter { code: Some(_), .. } => Some("rejects_code"),
        Filter { .. } => None,
    }
}

/// The condition that finds the rejects of a run with a filter, and its parameters from `?1` on.
fn wanted(run: &Run, filter: &Filter) -> (String, Vec<Value>) {
    let mut condition = String::from("tenant = ?1 AND job = ?2 AND run = ?3");
    let mut values = vec![
        Value::Text(run.tenant.key().to_owned()),
        Value::Blob(run.job.0.to_vec()),
        Value::Integer(run.run.into()),
    ];
    for (column, text) in [("code", &filter.code), ("field", &filter.field)] {
        if let Some(text) = text {
            values.push(Value::Text(text.clone()));
            condition += &format!(" AND {column} = ?{}", values.len());
        }
    }
    (condition, values)
}
