//! Modes upsert, replace, merge and delete: a record changes the document with its key.
//!
//! Only what is newer than what stands there is written: a replay, or a process that should be dead, never puts
//! an older record over a newer one. Records of one key are applied in the order of the input. All of a batch is
//! one transaction of the only writer, so nothing comes between looking and changing. Where a part of an exploded record
//! is refused, what its other parts have changed is taken back.

use super::encode::{Keyed, Operations};
use super::holdings::Finder;
use super::insert::{Answer, Outcome};
use super::merge::Merger;
use super::table::{self, Table};
use crate::sink::{Load, Mode, Target};
use crate::sqlite::Database;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Problem, Sink, Written};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, OptionalExtension, Row, Transaction, params, params_from_iter};
use std::cmp::Ordering;
use std::sync::Arc;

/// Applies batches, one transaction each.
pub(super) struct KeyedSink {
    database: Database,
    applier: Arc<Applier>,
    finder: Arc<Finder>,
}

struct Applier {
    mode: Mode,
    /// Number of fields in the key.
    fields: usize,
    merger: Merger,
    find: String,
    insert: String,
    update: String,
    delete: String,
}

impl KeyedSink {
    pub fn new(database: Database, table: &Table, target: &Target, load: &Load) -> Self {
        let is_key = target
            .key
            .iter()
            .zip(1..)
            .map(|(path, number)| format!("{} = ?{number}", table::expression(path)));
        let is_key = is_key.collect::<Vec<_>>().join(" AND ");
        let finder = Finder::new(table, target, load.load_number);
        let table = &table.quoted;
        // Only a merge needs the document itself.
        let doc = if target.mode == Mode::Merge {
            "doc"
        } else {
            "NULL"
        };
        let applier = Applier {
            mode: target.mode,
            fields: target.key.len(),
            merger: Merger::new(&load.schema.layout),
            find: format!("SELECT id, position, {doc} FROM {table} WHERE {is_key}"),
            insert: format!("INSERT INTO {table} (id, doc, position) VALUES (?1, ?2, ?3)"),
            update: format!("UPDATE {table} SET doc = ?2, position = ?3 WHERE id = ?1"),
            delete: format!("DELETE FROM {table} WHERE id = ?1"),
        };
        Self {
            database,
            applier: Arc::new(applier),
            finder: Arc::new(finder),
        }
    }
}

#[async_trait]
impl Sink for KeyedSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        if batch.is_empty() {
            return Ok(Written::default());
        }
        let operations = Operations::copied(batch);
        let applier = self.applier.clone();
        let outcome = self
            .database
            .write(move |change| applier.apply_all(change, &operations))
            .await?;
        Ok(outcome.of(batch))
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        let finder = self.finder.clone();
        let holdings = self
            .database
            .read(move |connection| finder.holdings(connection));
        holdings.await.map(Some)
    }
}

/// The prepared statements of one batch.
struct Statements<'a> {
    find: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    update: CachedStatement<'a>,
    delete: CachedStatement<'a>,
}

/// The document that stands there.
struct Standing {
    id: Vec<u8>,
    /// Whether the record that made it is older than the one at hand, the same or newer.
    age: Ordering,
    doc: Option<String>,
}

enum Applied {
    Loaded,
    AlreadyLoaded,
    Refused(Problem),
}

impl Applier {
    fn apply_all(
        &self,
        change: &Transaction<'_>,
        operations: &Operations,
    ) -> rusqlite::Result<Outcome> {
        let mut statements = Statements {
            find: change.prepare_cached(&self.find)?,
            insert: change.prepare_cached(&self.insert)?,
            update: change.prepare_cached(&self.update)?,
            delete: change.prepare_cached(&self.delete)?,
        };
        let mut outcome = Outcome::default();
        for record in operations.records() {
            let first = outcome.answers.len();
            let is_exploded = record.len() > 1;
            if is_exploded {
                change.execute_batch("SAVEPOINT record")?;
            }
            let mut is_refused = false;
            for bytes in operations.of(record) {
                if is_refused {
                    outcome.answers.push(Answer::Withdrawn);
                    continue;
                }
                let operation =
                    Keyed::read(bytes, self.fields).ok_or(rusqlite::Error::InvalidQuery)?;
                match self.apply(&mut statements, &operation) {
                    Ok(Applied::Loaded) => outcome.answers.push(Answer::Loaded),
                    Ok(Applied::AlreadyLoaded) => outcome.answers.push(Answer::AlreadyLoaded),
                    Ok(Applied::Refused(problem)) => {
                        outcome.refused(problem);
                        is_refused = true;
                    }
                    Err(error) => match table::problem(&error) {
                        Some(problem) => {
                            outcome.refused(problem);
                            is_refused = true;
                        }
                        None => return Err(error),
                    },
                }
            }
            if is_exploded && is_refused {
                change.execute_batch("ROLLBACK TO record")?;
                for answer in &mut outcome.answers[first..] {
                    if !matches!(answer, Answer::Refused) {
                        *answer = Answer::Withdrawn;
                    }
                }
            }
            if is_exploded {
                change.execute_batch("RELEASE record")?;
            }
        }
        Ok(outcome)
    }

    fn apply(
        &self,
        statements: &mut Statements<'_>,
        operation: &Keyed<'_>,
    ) -> rusqlite::Result<Applied> {
        let Keyed { id, seq, key, doc } = operation;
        let find = params_from_iter(key);
        let standing = statements
            .find
            .query_row(find, |row| Standing::read(row, seq))
            .optional()?;
        let Some(standing) = standing else {
            return match self.mode {
                Mode::Replace => {
                    let message = format!("there is no document with the key {}", key.join(", "));
                    Ok(Applied::Refused(Problem::of_record("no_match", message)))
                }
                // What is not there need not be deleted.
                Mode::Delete => Ok(Applied::Loaded),
                Mode::Insert | Mode::Upsert | Mode::Merge => {
                    statements.insert.execute(params![id, doc, seq])?;
                    Ok(Applied::Loaded)
                }
            };
        };
        match standing.age {
            Ordering::Less => {}
            // This record has made it.
            Ordering::Equal => return Ok(Applied::AlreadyLoaded),
            // A newer one stands: the record was loaded, as it were, and then replaced.
            Ordering::Greater => return Ok(Applied::Loaded),
        }
        match self.mode {
            Mode::Delete => statements.delete.execute(params![standing.id])?,
            Mode::Merge => {
                let merged = self.merger.merge(&standing.doc.unwrap_or_default(), doc);
                match merged {
                    Ok(doc) => statements.update.execute(params![standing.id, doc, seq])?,
                    Err(error) => {
                        let message = format!("the document that stands there is no JSON: {error}");
                        let problem = Problem::of_record("refused_by_target", message);
                        return Ok(Applied::Refused(problem));
                    }
                }
            }
            Mode::Insert | Mode::Upsert | Mode::Replace => {
                statements.update.execute(params![standing.id, doc, seq])?
            }
        };
        Ok(Applied::Loaded)
    }
}

impl Standing {
    /// What an insert made has an ordinal instead of a sequence, and is older than every record with a key.
    fn read(row: &Row<'_>, seq: &[u8; 16]) -> rusqlite::Result<Self> {
        let age = match row.get_ref(1)? {
            ValueRef::Blob(standing) => standing.cmp(seq),
            _ => Ordering::Less,
        };
        Ok(Self {
            id: row.get(0)?,
            age,
            doc: row.get(2)?,
        })
    }
}
