//! Mode insert: every record is a document of its own, under an id that only its record has.
//!
//! A document that is there already was loaded by an earlier try or run, because ids are never given twice.

use super::encode::{self, Operations};
use super::table::{self, Table};
use crate::sqlite::Database;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Problem, Sink, Written};
use rusqlite::{Transaction, params};

/// Inserts batches, one transaction each.
pub(super) struct InsertSink {
    database: Database,
    statement: String,
}

impl InsertSink {
    pub fn new(database: Database, table: &Table) -> Self {
        let statement = format!(
            "INSERT INTO {} (id, doc, position) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
            table.quoted
        );
        Self {
            database,
            statement,
        }
    }
}

/// What became of a batch.
#[derive(Default)]
pub(super) struct Outcome {
    pub loaded: u64,
    pub already_loaded: u64,
    /// The number of the operation in its batch, and what is wrong with it.
    pub refused: Vec<(usize, Problem)>,
}

impl Outcome {
    /// The same with rejects, which hold the records of `batch`.
    pub fn of(self, batch: &Batch) -> Written {
        let mut refused = self.refused.into_iter().peekable();
        let mut rejects = Vec::new();
        for (index, operation) in batch.operations().enumerate() {
            if let Some((_, problem)) = refused.next_if(|(refused, _)| *refused == index) {
                rejects.push(operation.reject(problem));
            }
        }
        Written {
            loaded: self.loaded,
            already_loaded: self.already_loaded,
            rejects,
            ..Written::default()
        }
    }
}

#[async_trait]
impl Sink for InsertSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        if batch.is_empty() {
            return Ok(Written::default());
        }
        let operations = Operations::of(batch);
        let statement = self.statement.clone();
        let outcome = self
            .database
            .write(move |change| insert_all(change, &statement, &operations))
            .await?;
        Ok(outcome.of(batch))
    }
}

fn insert_all(
    change: &Transaction<'_>,
    statement: &str,
    operations: &Operations,
) -> rusqlite::Result<Outcome> {
    let mut statement = change.prepare_cached(statement)?;
    let mut outcome = Outcome::default();
    for (index, bytes) in operations.iter().enumerate() {
        let (id, doc) = encode::insert(bytes).ok_or(rusqlite::Error::InvalidQuery)?;
        match statement.execute(params![id, doc, encode::ordinal(id)]) {
            Ok(0) => outcome.already_loaded += 1,
            Ok(_) => outcome.loaded += 1,
            Err(error) => match table::problem(&error) {
                Some(problem) => outcome.refused.push((index, problem)),
                None => return Err(error),
            },
        }
    }
    Ok(outcome)
}
