//! Mode insert: every record is a document of its own, under an id that only its record has.
//!
//! A document that is there already was loaded by an earlier try or run, because ids are never given twice. Where a part of
//! an exploded record is refused, its other parts are deleted in the same transaction.

use super::encode::{self, Operations};
use super::table::{self, Table};
use crate::sqlite::Database;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Outcomes, Problem, Sink, Written};
use rusqlite::{Transaction, params};
use std::sync::Arc;

/// Inserts batches, one transaction each.
pub(super) struct InsertSink {
    database: Database,
    statements: Arc<Statements>,
}

struct Statements {
    insert: String,
    delete: String,
}

impl InsertSink {
    pub fn new(database: Database, table: &Table) -> Self {
        let table = &table.quoted;
        let statements = Statements {
            insert: format!(
                "INSERT INTO {table} (id, doc, position) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING"
            ),
            delete: format!("DELETE FROM {table} WHERE id = ?1"),
        };
        Self {
            database,
            statements: Arc::new(statements),
        }
    }
}

/// What became of a batch.
#[derive(Default)]
pub(super) struct Outcome {
    /// For each operation, in order.
    pub answers: Vec<Answer>,
    /// What is wrong with each of those that are refused, in order.
    pub problems: Vec<Problem>,
}

/// What became of one operation.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Loaded,
    AlreadyLoaded,
    Refused,
    /// A part of a record that is refused for another part: it is not there.
    Withdrawn,
}

impl Outcome {
    /// One more is refused.
    pub fn refused(&mut self, problem: Problem) {
        self.answers.push(Answer::Refused);
        self.problems.push(problem);
    }

    /// The same by the records of `batch`.
    pub fn of(self, batch: &Batch) -> Written {
        let mut problems = self.problems.into_iter();
        let mut outcomes = Outcomes::default();
        for (operation, answer) in batch.operations().zip(self.answers) {
            match answer {
                Answer::Loaded => outcomes.loaded(operation),
                Answer::AlreadyLoaded => outcomes.already_loaded(operation),
                Answer::Refused => {
                    if let Some(problem) = problems.next() {
                        outcomes.refused(operation, problem);
                    }
                }
                Answer::Withdrawn => {}
            }
        }
        outcomes.written()
    }
}

#[async_trait]
impl Sink for InsertSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        if batch.is_empty() {
            return Ok(Written::default());
        }
        let operations = Operations::copied(batch);
        let statements = self.statements.clone();
        let outcome = self
            .database
            .write(move |change| insert_all(change, &statements, &operations))
            .await?;
        Ok(outcome.of(batch))
    }
}

fn insert_all(
    change: &Transaction<'_>,
    statements: &Statements,
    operations: &Operations,
) -> rusqlite::Result<Outcome> {
    let mut insert = change.prepare_cached(&statements.insert)?;
    let mut outcome = Outcome::default();
    for record in operations.records() {
        let (first, refused) = (outcome.answers.len(), outcome.problems.len());
        for bytes in operations.of(record.clone()) {
            let (id, doc) = encode::insert(bytes).ok_or(rusqlite::Error::InvalidQuery)?;
            match insert.execute(params![id, doc, encode::ordinal(id)]) {
                Ok(0) => outcome.answers.push(Answer::AlreadyLoaded),
                Ok(_) => outcome.answers.push(Answer::Loaded),
                Err(error) => match table::problem(&error) {
                    Some(problem) => outcome.refused(problem),
                    None => return Err(error),
                },
            }
        }
        if record.len() > 1 && outcome.problems.len() > refused {
            let mut delete = change.prepare_cached(&statements.delete)?;
            for bytes in operations.of(record) {
                let (id, _) = encode::insert(bytes).ok_or(rusqlite::Error::InvalidQuery)?;
                delete.execute(params![id])?;
            }
            for answer in &mut outcome.answers[first..] {
                if !matches!(answer, Answer::Refused) {
                    *answer = Answer::Withdrawn;
                }
            }
        }
    }
    Ok(outcome)
}
