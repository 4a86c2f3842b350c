//! Sinks: where records go.
//!
//! A sink has two halves: an encoder, pure, which runs in the parse task, and a writer. Opening one gives
//! both. What all sinks share is here; each sink is a file or folder of its own and knows no other.

pub mod csv;
mod digest;
mod flow;
#[cfg(test)]
mod harness;
pub mod jsonl;
mod key;
mod look;
pub mod mongodb;
pub mod null;
#[cfg(test)]
mod restarts;
pub mod sqlite;
mod target;

pub use digest::{digested, term};
pub use flow::{BatchSpec, Flow, FlowSpec, RateSpec};
pub use key::{KeyField, key_fields};
pub use look::{Meeting, Meets, Met};
pub use target::{RESERVED, TargetSpec, is_collection};

use crate::identity::LoadIdentity;
use crate::load::Loads;
use crate::record::{Record, Schema};
use async_trait::async_trait;
use pipeline::{Encode, Fatal, Sink};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How a record meets what the target holds already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every record is a document of its own.
    #[default]
    Insert,
    /// A record replaces the document with its key, or is inserted.
    Upsert,
    /// A record replaces the document with its key; without one it is the reject `no_match`.
    Replace,
    /// A record's fields are set on the document with its key, or it is inserted.
    Merge,
    /// The document with a record's key is deleted.
    Delete,
}

impl Mode {
    /// Whether documents are found by a key.
    pub fn has_key(self) -> bool {
        self != Self::Insert
    }
}

/// What becomes of a null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// Its name is left out.
    #[default]
    Omit,
    /// It is written as null.
    Write,
}

/// What a document is to be, whatever the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The collection or table.
    pub collection: String,
    /// How a record meets what is there.
    pub mode: Mode,
    /// The target paths of the key, outermost name first; empty in insert mode only.
    pub key: Vec<Vec<Arc<str>>>,
    /// What becomes of nulls.
    pub nulls: Nulls,
    /// The name of the field that holds job, file, record and line.
    pub lineage: Option<Arc<str>>,
}

/// What an open sink knows of the load that it serves.
#[derive(Clone, Debug)]
pub struct Load {
    /// The identity from which document ids are made.
    pub identity: LoadIdentity,
    /// The load's number, in key modes.
    pub load_number: u64,
    /// The tenant; none in `run`.
    pub tenant: Option<String>,
    /// The job, for lineage.
    pub job: String,
    /// The input's name, for lineage.
    pub file: String,
    /// What records look like.
    pub schema: Arc<Schema>,
    /// Whether the load goes on from a checkpoint, and the sink's mark in it.
    pub resume: Option<Option<u64>>,
}

/// A database of documents that is connected. What is remembered of its loads stands beside the documents.
#[async_trait]
pub trait DocumentStore: Loads {
    /// Opens the sink for one load, and makes the index that its mode wants where there is none.
    ///
    /// # Errors
    /// What the database refuses, and an outage where it does not answer.
    async fn open_sink(&self, target: &Target, flow: &Flow, load: Load) -> Result<Opened, Fatal>;
}

/// Both halves of an open sink.
pub struct Opened {
    /// The pure half.
    pub encode: Box<dyn Encode<Record>>,
    /// The half that writes.
    pub sink: Arc<dyn Sink>,
}
