//! The documents of one tenant in memory, and what is remembered of its loads, as MongoDB keeps them.
//!
//! A batch is one step, like every other call, unless a test tears it. Documents are kept as JSON with the values of the
//! embedded store, and found by `_id`, by the key of a load and by other unique indexes. What was written is logged, so
//! that a test can see how much was done again.

mod encode;
mod insert;
mod keyed;
mod loads;
mod merge;
mod table;

#[cfg(test)]
mod tests;

use super::{Clock, lock};
use async_trait::async_trait;
use encode::{InsertEncoder, KeyedEncoder};
use insert::InsertSink;
use keyed::KeyedSink;
use loads::Entered;
use pipeline::{Batch, Fatal, Written};
use serde_json::Value;
use stages::sink::{DocumentStore, Flow, Load, Mode, Opened, Target};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use table::Table;

/// Bytes of an `_id`.
const ID_BYTES: usize = 24;
/// Bytes of a sequence: load number and ordinal.
const SEQUENCE_BYTES: usize = 16;

/// A database of documents. Clones share everything.
#[derive(Clone)]
pub struct MemoryDocuments {
    clock: Clock,
    held: Arc<Mutex<Held>>,
}

/// What the database holds.
#[derive(Default)]
struct Held {
    tables: BTreeMap<String, Table>,
    /// By identity.
    loads: BTreeMap<[u8; 12], Entered>,
    /// The last load number of each collection.
    counters: BTreeMap<String, u64>,
    log: Vec<Applied>,
    /// How many operations of the next batch are applied before its connection breaks.
    torn_after: Option<usize>,
}

/// A batch that was applied, or the part of it that was before its connection broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The collection.
    pub collection: String,
    /// The ordinal of the batch's first record.
    pub from: u64,
    /// The ordinal behind its last.
    pub to: u64,
    /// Operations that were applied.
    pub operations: u64,
    /// Of these: the document was there already, from this record or from a newer one.
    pub found: u64,
    /// Of these: refused.
    pub refused: u64,
}

impl MemoryDocuments {
    /// An empty database.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            held: Arc::default(),
        }
    }

    /// The documents of a collection in the order of their ids; none where there is no such collection.
    pub fn documents(&self, collection: &str) -> Vec<([u8; 24], Value)> {
        let held = lock(&self.held);
        let table = held.tables.get(collection);
        table.map(Table::documents).unwrap_or_default()
    }

    /// Every batch that was applied, in order.
    pub fn applied(&self) -> Vec<Applied> {
        lock(&self.held).log.clone()
    }

    /// Refuses from now on a document whose value at `path`, names with dots, another one has: the reject
    /// `duplicate_value`. `false`: there are such documents already.
    pub fn make_unique(&self, collection: &str, path: &str) -> bool {
        let path = path.split('.').map(Arc::from).collect();
        let mut held = lock(&self.held);
        held.table(collection).make_unique(&[path])
    }

    /// Applies only the first `operations` operations of the next batch (in key modes: keys), and breaks its connection
    /// then: its writer is told of an outage.
    pub fn tear_next_write(&self, operations: usize) {
        lock(&self.held).torn_after = Some(operations);
    }
}

impl Held {
    fn table(&mut self, collection: &str) -> &mut Table {
        self.tables.entry(collection.to_owned()).or_default()
    }
}

/// Where a sink writes.
#[derive(Clone)]
struct Place {
    held: Arc<Mutex<Held>>,
    collection: String,
}

/// What became of a batch, or of its first operations.
#[derive(Default)]
struct Outcome {
    written: Written,
    operations: u64,
    found: u64,
}

impl Place {
    /// Applies `batch` by `apply`, which is told how many operations at most, and logs it.
    fn apply(
        &self,
        batch: &Batch,
        apply: impl FnOnce(&mut Table, usize) -> Result<Outcome, Fatal>,
    ) -> Result<Written, Fatal> {
        if batch.is_empty() {
            return Ok(Written::default());
        }
        let mut held = lock(&self.held);
        let torn_after = held.torn_after.take();
        let table = held.table(&self.collection);
        let outcome = apply(table, torn_after.unwrap_or(usize::MAX))?;
        held.log.push(Applied {
            collection: self.collection.clone(),
            from: batch.start().ordinal,
            to: batch.end().ordinal,
            operations: outcome.operations,
            found: outcome.found,
            refused: outcome.written.rejects.len() as u64,
        });
        match torn_after {
            None => Ok(outcome.written),
            Some(_) => Err(Fatal::outage(
                "target_unavailable",
                "the connection broke while a batch was written",
            )),
        }
    }
}

#[async_trait]
impl DocumentStore for MemoryDocuments {
    /// Opens the sink for one load. In the key modes it makes the unique index on the key where none is there.
    ///
    /// # Errors
    /// `key_not_unique`, `key_unknown`, `key_type`, `merge_in_flight`.
    async fn open_sink(&self, target: &Target, flow: &Flow, load: Load) -> Result<Opened, Fatal> {
        let place = Place {
            held: self.held.clone(),
            collection: target.collection.clone(),
        };
        if target.mode == Mode::Insert {
            return Ok(Opened {
                encode: Box::new(InsertEncoder::new(target, &load)),
                sink: Arc::new(InsertSink { place }),
            });
        }
        if target.mode == Mode::Merge && flow.max_in_flight > 1 {
            let message = "mode merge has one batch in flight";
            return Err(Fatal::new("merge_in_flight", message));
        }
        let encode = KeyedEncoder::new(target, &load)?;
        if !lock(&self.held)
            .table(&target.collection)
            .make_unique(&target.key)
        {
            let message = format!("the key is not unique in {}", target.collection);
            return Err(Fatal::new("key_not_unique", message));
        }
        Ok(Opened {
            encode: Box::new(encode),
            sink: Arc::new(KeyedSink::new(place, target, &load)),
        })
    }
}
