//! `[sink.sqlite]` and the embedded store: documents as JSON in tables of one SQLite file.
//!
//! A collection is a table `(id BLOB PRIMARY KEY, doc TEXT, position)`: 24 bytes of identity, the document
//! without its `_id`, and the record that it came from, the ordinal of an insert or the sequence (16 bytes) of a
//! key mode. A batch is one transaction, durable when it is acknowledged. Nothing here reads a clock; where time
//! is wanted, it is SQLite's.
//!
//! In key modes documents are found by a unique index on expressions of `doc`, so documents that were inserted
//! without a key are found as well. Keys are compared as the JSON texts that this sink writes: `7`, `"7"` and
//! `true` are three keys, and the decimals `1.5` and `1.50`, which are texts here, are two.

mod encode;
mod export;
mod holdings;
mod insert;
mod keyed;
mod loads;
mod look;
mod merge;
mod table;

pub use export::Export;
pub use look::look;

use super::{
    BatchSpec, DocumentStore, Flow, FlowSpec, Load, Mode, Nulls, Opened, RateSpec, Target,
    TargetSpec,
};
use crate::record::Record;
use crate::spec::Problem;
use crate::sqlite::Database;
use async_trait::async_trait;
use encode::{InsertEncoder, KeyedEncoder};
use insert::InsertSink;
use keyed::KeyedSink;
use pipeline::{Encode, Fatal};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use table::Table;

/// Batches that may be under way: the next one is handed over while SQLite waits for the disk.
const MAX_IN_FLIGHT: usize = 2;

/// `[sink.sqlite]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqliteSpec {
    /// The database file; it is made where there is none.
    #[schemars(example = &"orders.db")]
    pub path: Option<String>,
    /// The table.
    #[schemars(example = &"orders")]
    pub table: Option<String>,
    /// How a record meets what the table holds already. Default: insert.
    #[schemars(example = &"upsert")]
    pub mode: Option<Mode>,
    /// The target paths that make a document's key; every mode but insert needs it.
    #[schemars(example = ["order_no"])]
    pub key: Option<Vec<String>>,
    /// How many documents are written in one transaction. Default: 1000, 4MiB.
    pub batch: Option<BatchSpec>,
    /// How fast documents may be written. Default: no limit.
    pub rate: Option<RateSpec>,
    /// What becomes of nulls. Default: omit.
    #[schemars(example = &"write")]
    pub nulls: Option<Nulls>,
    /// The name of a field that holds job, file, record and line, or off. Default: off.
    #[schemars(example = &"origin")]
    pub lineage: Option<String>,
}

impl SqliteSpec {
    /// The file, the target and the flow; what is wrong is added to `problems`.
    pub fn check(&self, defaults: Flow, problems: &mut Vec<Problem>) -> (PathBuf, Target, Flow) {
        let path = self.path.as_deref().unwrap_or_default();
        if path.is_empty() {
            let message = "`path` is missing".to_owned();
            problems.push(Problem::new(
                "sink.sqlite.path".to_owned(),
                "required",
                message,
            ));
        }
        let target = TargetSpec {
            collection: self.table.as_deref(),
            mode: self.mode,
            key: self.key.as_deref(),
            nulls: self.nulls,
            lineage: self.lineage.as_deref(),
        };
        let target = target.check("sink.sqlite", "table", problems);
        let flow = FlowSpec {
            batch: self.batch.as_ref(),
            in_flight: None,
            rate: self.rate.as_ref(),
        };
        let flow = flow.check("sink.sqlite", defaults, problems);
        (
            path.into(),
            target.clone(),
            EmbeddedStore::flow(&target, flow),
        )
    }
}

/// A SQLite file that holds collections of documents, and the loads that made them. Clones share its one writer.
#[derive(Clone)]
pub struct EmbeddedStore {
    database: Database,
}

impl EmbeddedStore {
    /// Opens the program's own file at `path`, or makes it; its folder must exist.
    ///
    /// # Errors
    /// When it cannot be opened, is no SQLite database, or was written by a newer version of the program.
    pub async fn open(path: &Path) -> Result<Self, Fatal> {
        let database = Database::open(path, &[loads::SCHEMA]).await?;
        Ok(Self { database })
    }

    /// The same in a file that somebody has named, who may have tables of his own in it.
    ///
    /// # Errors
    /// As [`Self::open`], whatever version the file has.
    pub async fn open_beside(path: &Path) -> Result<Self, Fatal> {
        let database = Database::open_beside(path, &[loads::SCHEMA]).await?;
        Ok(Self { database })
    }

    /// The same store, for a service: what may heal is an outage there.
    #[must_use]
    pub fn waited_out(self) -> Self {
        Self {
            database: self.database.waited_out(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// The flow that suits one writer: two batches under way, and one where their order counts.
    pub fn flow(target: &Target, flow: Flow) -> Flow {
        Flow {
            max_in_flight: match target.mode {
                Mode::Merge => 1,
                _ => MAX_IN_FLIGHT,
            },
            ..flow
        }
    }

    /// The names of the collections, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn collections(&self) -> Result<Vec<String>, Fatal> {
        self.database.read(table::collections).await
    }

    /// The documents of a collection as they are now, as JSON Lines in the order of `_id`; it blocks. A
    /// collection that there is not has none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn export(&self, collection: &str) -> Result<Export, Fatal> {
        Export::open(self.path(), collection)
    }
}

#[async_trait]
impl DocumentStore for EmbeddedStore {
    /// Opens both halves of a sink for one load, and makes the collection, and in key modes its index.
    ///
    /// # Errors
    /// `target_mismatch` when there is another kind of table under that name, `key_not_unique` when documents
    /// share a key; otherwise when the database cannot be written.
    async fn open_sink(&self, target: &Target, _: &Flow, load: Load) -> Result<Opened, Fatal> {
        let table = Table::open(&self.database, &target.collection).await?;
        let encode = encoder(target, &load)?;
        if !target.mode.has_key() {
            let sink = Arc::new(InsertSink::new(self.database.clone(), &table));
            return Ok(Opened { encode, sink });
        }
        table.index(&self.database, &target.key).await?;
        table.index_of_loads(&self.database).await?;
        let sink = KeyedSink::new(self.database.clone(), &table, target, &load);
        Ok(Opened {
            encode,
            sink: Arc::new(sink),
        })
    }
}

/// The pure half, which needs no database: for a dry run.
///
/// # Errors
/// `key_unknown`, `key_type`.
pub fn encoder(target: &Target, load: &Load) -> Result<Box<dyn Encode<Record>>, Fatal> {
    Ok(match target.mode.has_key() {
        false => Box::new(InsertEncoder::new(target, load)),
        true => Box::new(KeyedEncoder::new(target, load)?),
    })
}

#[cfg(test)]
mod tests;
