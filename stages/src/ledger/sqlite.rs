//! The ledger of `run`: checkpoints and rejects of jobs in one SQLite file.
//!
//! What it stores is on disk when it answers; rejects are with the next checkpoint, without which they do not count:
//! a run that goes on first removes those behind its checkpoint. Everything that a run writes is fenced: once
//! somebody else has taken the job over, the run learns so and nothing of it is stored any more. A job that is reset
//! begins a new run number; rejects are known by job, run and ordinal, so storing one again changes nothing.

use crate::sqlite::{Database, Schema, Snapshot};
use async_trait::async_trait;
use pipeline::{Accepted, Cause, Checkpoint, Fatal, Ledger, Position, Reject};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS runs (
        job TEXT NOT NULL PRIMARY KEY,
        owner TEXT NOT NULL,
        fence INTEGER NOT NULL,
        run INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'in_progress',
        held TEXT,
        accepted TEXT,
        checkpoint TEXT,
        updated REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS rejects (
        job TEXT NOT NULL,
        run INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        line INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        problems TEXT NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (job, run, ordinal)
    ) WITHOUT ROWID;
",
);

/// Rejects that are read at a time.
const PAGE_REJECTS: u32 = 256;

/// The run of a job that an owner holds.
const HELD: &str = "job = :job AND owner = :owner AND fence = :fence";

/// Remembers one job for one owner.
#[derive(Clone)]
pub struct RunLedger {
    database: Database,
    holder: Arc<Holder>,
}

struct Holder {
    job: String,
    owner: String,
    fence: i64,
}

impl RunLedger {
    /// Opens the file at `path`, or makes it, and takes `job` for `owner` with a fence that nobody had before, or
    /// that this owner has already.
    ///
    /// # Errors
    /// `lease_lost` when the job is held with a greater fence, or by another owner with the same; otherwise when
    /// the file cannot be written.
    pub async fn open(path: &Path, job: &str, owner: &str, fence: u64) -> Result<Self, Fatal> {
        let database = Database::open(path, &[SCHEMA]).await?;
        let holder = Arc::new(Holder {
            job: job.into(),
            owner: owner.into(),
            fence: fence.cast_signed(),
        });
        let ledger = Self { database, holder };
        let taken = ledger.change(|change, holder| {
            change.execute(
                "INSERT INTO runs (job, owner, fence, updated) VALUES (:job, :owner, :fence, unixepoch('subsec')) \
                 ON CONFLICT (job) DO UPDATE SET owner = :owner, fence = :fence, updated = unixepoch('subsec') \
                 WHERE fence < :fence OR (fence = :fence AND owner = :owner)",
                holder.params().as_slice(),
            )
        });
        ledger.held(taken.await? == 1)?;
        Ok(ledger)
    }

    /// The checkpoint of this job, if one was saved since it began or was reset.
    ///
    /// # Errors
    /// `checkpoint_unreadable` when another version of the program has written it; otherwise when the file cannot
    /// be read.
    pub async fn load_checkpoint(&self) -> Result<Option<Checkpoint>, Fatal> {
        let holder = self.holder.clone();
        let text = self.database.read(move |connection| {
            let text = connection.query_row(
                "SELECT checkpoint FROM runs WHERE job = ?1",
                [&holder.job],
                |row| row.get::<_, Option<String>>(0),
            );
            text.optional()
        });
        let Some(text) = text.await?.flatten() else {
            return Ok(None);
        };
        let checkpoint = serde_json::from_str(&text).map_err(|error| {
            Fatal::new(
                "checkpoint_unreadable",
                "the checkpoint was written by another version of the program",
            )
            .hint("go on with that version, or load again with `--force again`")
            .because(&error)
        })?;
        Ok(Some(checkpoint))
    }

    /// Removes the rejects of this run from the record with ordinal `ordinal` on: a run that goes on finds them
    /// again.
    ///
    /// # Errors
    /// `lease_lost` when somebody else has the job; otherwise when the file cannot be written.
    pub async fn remove_rejects_from(&self, ordinal: u64) -> Result<(), Fatal> {
        let removed = self.fenced(move |change, holder, run| {
            change.execute(
                "DELETE FROM rejects WHERE job = ?1 AND run = ?2 AND ordinal >= ?3",
                params![holder.job, run, ordinal.cast_signed()],
            )
        });
        removed.await.map(drop)
    }

    /// Forgets checkpoint and rejects: the job begins anew, as another run.
    ///
    /// # Errors
    /// `lease_lost` when somebody else has the job; otherwise when the file cannot be written.
    pub async fn reset(&self) -> Result<(), Fatal> {
        let reset = self.fenced(|change, holder, _| {
            change.execute("DELETE FROM rejects WHERE job = ?1", [&holder.job])?;
            change.execute(
                "UPDATE runs SET run = run + 1, checkpoint = NULL, state = 'in_progress', held = NULL, \
                 accepted = NULL,                  updated = unixepoch('subsec') WHERE job = ?1",
                [&holder.job],
            )
        });
        reset.await.map(drop)
    }

    /// Notes how the run stands, one of the states of a job, and why where it is held.
    ///
    /// # Errors
    /// `lease_lost` when somebody else has the job; otherwise when the file cannot be written.
    pub async fn note_state(&self, state: &'static str, held: Option<&Cause>) -> Result<(), Fatal> {
        let held = held.and_then(|cause| serde_json::to_string(cause).ok());
        let noted = self.fenced(move |change, holder, _| {
            change.execute(
                "UPDATE runs SET state = ?2, held = ?3, updated = unixepoch('subsec') WHERE job = ?1",
                params![holder.job, state, held],
            )
        });
        noted.await.map(drop)
    }

    /// Accepts what the run is held for, if it is, and says where it goes on and all that was ever accepted. A budget
    /// that was exceeded counts anew from here on. Durable when it answers, so that a run which is interrupted and
    /// goes on neither holds for the same again nor counts anew once more.
    ///
    /// # Errors
    /// `lease_lost` when somebody else has the job; otherwise when the file cannot be written.
    pub async fn approve(
        &self,
        mut checkpoint: Checkpoint,
    ) -> Result<(Checkpoint, Accepted), Fatal> {
        let read = self.fenced(|change, holder, _| {
            let select = "SELECT held, accepted FROM runs WHERE job = ?1";
            change.query_row(select, [&holder.job], |row| {
                Ok((
                    row.get::<_, Option<String>>(0)?,
                    row.get::<_, Option<String>>(1)?,
                ))
            })
        });
        let (held, accepted) = read.await?;
        let mut accepted: Accepted = parsed(accepted).unwrap_or_default();
        let Some(cause) = parsed(held) else {
            return Ok((checkpoint, accepted));
        };
        accepted.approve(cause, &mut checkpoint);
        let (text, list) = (json(&checkpoint)?, json(&accepted)?);
        let approved = self.fenced(move |change, holder, _| {
            change.execute(
                "UPDATE runs SET checkpoint = ?2, accepted = ?3, held = NULL, state = 'in_progress', \
                 updated = unixepoch('subsec') WHERE job = ?1",
                params![holder.job, text, list],
            )
        });
        approved.await?;
        Ok((checkpoint, accepted))
    }

    /// The rejects of this run in the order of the file, as they are now; it blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rejects(&self) -> Result<StoredRejects, Fatal> {
        StoredRejects::open(self.database.path(), &self.holder.job)
    }

    /// Runs `change` in a transaction.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>, &Holder) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        let holder = self.holder.clone();
        self.database
            .write(move |transaction| change(transaction, &holder))
            .await
    }

    /// Runs `change`, which is told the number of the run, if this owner still holds the job.
    async fn fenced<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>, &Holder, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        let changed = self.change(|transaction, holder| holder.fenced(transaction, change));
        let changed = changed.await?;
        self.held(changed.is_some())?;
        changed.ok_or_else(|| self.lost())
    }

    fn held(&self, held: bool) -> Result<(), Fatal> {
        if held { Ok(()) } else { Err(self.lost()) }
    }

    fn lost(&self) -> Fatal {
        let job = &self.holder.job;
        Fatal::new(
            "lease_lost",
            format!("somebody else has taken over job {job}"),
        )
    }
}

impl Holder {
    /// Runs `change` with the number of the run; `None` when this owner does not hold the job.
    fn fenced<T>(
        &self,
        transaction: &Transaction<'_>,
        change: impl FnOnce(&Transaction<'_>, &Self, i64) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let run = transaction
            .prepare_cached(&format!("SELECT run FROM runs WHERE {HELD}"))?
            .query_row(self.params().as_slice(), |row| row.get(0))
            .optional()?;
        match run {
            Some(run) => change(transaction, self, run).map(Some),
            None => Ok(None),
        }
    }

    fn params(&self) -> [(&'static str, &dyn rusqlite::ToSql); 3] {
        [
            (":job", &self.job),
            (":owner", &self.owner),
            (":fence", &self.fence),
        ]
    }
}

#[async_trait]
impl Ledger for RunLedger {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        if rejects.is_empty() {
            return Ok(());
        }
        let rejects = rejects.to_vec();
        let store = move |change: &Transaction<'_>, holder: &Holder, run: i64| {
            let mut insert = change.prepare_cached(
                "INSERT INTO rejects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            )?;
            for Reject { at, problems, raw } in &rejects {
                let problems = serde_json::to_string(problems)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                insert.execute(params![
                    holder.job,
                    run,
                    at.ordinal.cast_signed(),
                    at.line.cast_signed(),
                    at.offset.cast_signed(),
                    problems,
                    raw
                ])?;
            }
            Ok(())
        };
        let holder = self.holder.clone();
        let stored = self
            .database
            .write_ahead(move |transaction| holder.fenced(transaction, store));
        self.held(stored.await?.is_some())
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Fatal> {
        let text = json(checkpoint)?;
        let saved = self.change(move |change, holder| {
            let update = format!(
                "UPDATE runs SET checkpoint = :checkpoint, updated = unixepoch('subsec') WHERE {HELD}"
            );
            change.prepare_cached(&update)?.execute(named_params! {
                ":checkpoint": text,
                ":job": holder.job,
                ":owner": holder.owner,
                ":fence": holder.fence,
            })
        });
        self.held(saved.await? == 1)
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        let holder = self.holder.clone();
        let stored = self.database.read(move |connection| {
            connection.query_row(
                "SELECT count(*) FROM rejects JOIN runs USING (job, run) WHERE job = ?1",
                [&holder.job],
                |row| row.get::<_, i64>(0),
            )
        });
        Ok(stored.await?.cast_unsigned())
    }
}

/// The rejects of a job's present run, in the order of the file, read page by page.
pub struct StoredRejects {
    snapshot: Snapshot,
    job: String,
    /// The ordinal from which the next page is read; none when there is nothing more.
    next: Option<i64>,
    page: VecDeque<Reject>,
}

impl StoredRejects {
    /// The rejects of `job` in the ledger at `path`.
    ///
    /// # Errors
    /// When there is no such file, or it is no ledger.
    pub fn open(path: &Path, job: &str) -> Result<Self, Fatal> {
        Ok(Self {
            snapshot: Snapshot::open(path)?,
            job: job.into(),
            next: Some(0),
            page: VecDeque::new(),
        })
    }

    fn turn(&mut self, from: i64) -> Result<(), Fatal> {
        let job = &self.job;
        let page = self
            .snapshot
            .read(|connection| read_page(connection, job, from))?;
        self.next = page.back().map(|last| last.at.ordinal.cast_signed() + 1);
        self.page = page;
        Ok(())
    }
}

impl Iterator for StoredRejects {
    type Item = Result<Reject, Fatal>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Some(from) = self.next.take()
            && let Err(fatal) = self.turn(from)
        {
            return Some(Err(fatal));
        }
        self.page.pop_front().map(Ok)
    }
}

fn json(value: &impl Serialize) -> Result<String, Fatal> {
    serde_json::to_string(value).map_err(|error| {
        Fatal::new("checkpoint_unwritable", "the checkpoint cannot be written").because(&error)
    })
}

/// What another version wrote that this one cannot read is nothing.
fn parsed<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    serde_json::from_str(&text?).ok()
}

fn read_page(connection: &Connection, job: &str, from: i64) -> rusqlite::Result<VecDeque<Reject>> {
    let mut select = connection.prepare_cached(
        "SELECT ordinal, line, offset, problems, raw FROM rejects JOIN runs USING (job, run) \
         WHERE job = ?1 AND ordinal >= ?2 ORDER BY ordinal LIMIT ?3",
    )?;
    let rejects = select.query_map(params![job, from, PAGE_REJECTS], reject)?;
    rejects.collect()
}

fn reject(row: &Row<'_>) -> rusqlite::Result<Reject> {
    let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let problems: String = row.get(3)?;
    Ok(Reject {
        at: Position {
            ordinal: count(0)?,
            line: count(1)?,
            offset: count(2)?,
        },
        problems: serde_json::from_str(&problems).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(3, Type::Text, error.into())
        })?,
        raw: row.get(4)?,
    })
}

#[cfg(test)]
mod tests;
