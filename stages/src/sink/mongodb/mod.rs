//! The sink MongoDB: raw BSON encoded straight from the record, written by commands of our own.
//!
//! Promises: every write is acknowledged by a majority and journaled before it counts; writing a batch again
//! changes nothing; a record that the server refuses is a reject with the server's words; what heals by itself
//! is tried again, for the records that failed only. It leans on neither transactions nor retryable writes, so a
//! standalone does. Never: interprets what is in a record, shows a password.

mod bson;
mod client;
mod command;
mod document;
mod encode;
mod holdings;
mod index;
mod insert;
mod key;
mod keyed;
mod loads;
mod look;
mod lookup;
mod patience;
mod reply;
mod spec;
mod statement;
#[cfg(test)]
mod tests;
mod wire;
mod writer;

pub use client::shown;
pub use patience::MAX_RETRY_MS;
pub use spec::MongodbSpec;
pub use statement::{Done, Statements};

use crate::record::{Layout, Record, Slot};
use crate::sink::{DocumentStore, Flow, Load, Mode, Opened, Target};
use async_trait::async_trait;
use document::Documents;
use insert::InsertSink;
use key::Key;
use keyed::KeyedSink;
use mongodb::{Client, Database};
use patience::Patience;
use pipeline::{Encode, Fatal};
use std::sync::Arc;
use tokio::sync::OnceCell;
use writer::Writer;

/// A MongoDB that documents go to.
#[derive(Clone)]
pub struct MongoTarget {
    client: Client,
    /// The database of the connection string.
    name: String,
    /// Where the documents of this target's tenant, and `_loads`, are.
    database: Database,
    max_retry_ms: u64,
    /// Set once the indexes of `_loads` are there.
    loads_ready: Arc<OnceCell<()>>,
}

impl MongoTarget {
    /// Connects to `uri` (`mongodb://…` or `mongodb+srv://…`), and waits until a server answers. Its database
    /// is the one that documents go to, `sluicegate` where it names none.
    ///
    /// # Errors
    /// `bad_uri`, `reserved_database` for names that end with `_state`, `target_unavailable` when no server
    /// answers within 10 s, `target_too_old` before MongoDB 5.0, `target_refused` for wrong credentials. No
    /// message holds them.
    pub async fn connect(uri: &str) -> Result<Self, Fatal> {
        let (client, name) = client::connect(uri).await?;
        Ok(Self {
            database: client.database(&name),
            client,
            name,
            max_retry_ms: MAX_RETRY_MS,
            loads_ready: Arc::default(),
        })
    }

    /// Gives up after `max_retry_ms` milliseconds without progress instead of [`MAX_RETRY_MS`].
    #[must_use]
    pub fn with_max_retry_ms(mut self, max_retry_ms: u64) -> Self {
        self.max_retry_ms = max_retry_ms;
        self
    }

    /// The same server for a tenant, whose documents and loads are in a database of their own.
    ///
    /// # Errors
    /// `reserved_database` for the tenant `state`.
    pub fn of_tenant(&self, tenant: Option<&str>) -> Result<Self, Fatal> {
        let name = match tenant {
            None => self.name.clone(),
            Some("state") => {
                let message = "no tenant is called `state`";
                return Err(Fatal::new("reserved_database", message));
            }
            Some(tenant) => format!("{}_{tenant}", self.name),
        };
        Ok(Self {
            database: self.client.database(&name),
            loads_ready: Arc::default(),
            ..self.clone()
        })
    }

    /// Statements on the database of the service's own state, `<db>_state`, each given up after `max_retry_ms`
    /// milliseconds without an answer.
    pub fn state(&self, max_retry_ms: u64) -> Statements {
        let database = self.client.database(&format!("{}_state", self.name));
        Statements::new(database, max_retry_ms)
    }

    /// The database that documents go to.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl DocumentStore for MongoTarget {
    /// Opens the sink for one load. In the key modes it makes the unique index on the key where none is there.
    ///
    /// # Errors
    /// `key_not_unique`, `key_unknown`, `key_type`, `lineage_name`, `merge_in_flight` when more than one batch
    /// of a merge may be in flight, `target_refused`, `target_unavailable`.
    async fn open_sink(&self, target: &Target, flow: &Flow, load: Load) -> Result<Opened, Fatal> {
        let here = self.of_tenant(load.tenant.as_deref())?;
        let writer = Writer {
            database: here.database,
            collection: target.collection.clone(),
            max_retry_ms: self.max_retry_ms,
            seed: Writer::seed_of(&load.job),
        };
        let encode = encoder(target, flow, &load)?;
        if target.mode == Mode::Insert {
            let sink = Arc::new(InsertSink { writer });
            return Ok(Opened { encode, sink });
        }
        let patience = Patience::new(self.max_retry_ms, writer.seed);
        index::ensure(&writer.database, target, patience).await?;
        let sink = KeyedSink {
            writer,
            mode: target.mode,
            load_number: load.load_number,
            key: target.key.iter().map(|path| path.join(".")).collect(),
        };
        Ok(Opened {
            encode,
            sink: Arc::new(sink),
        })
    }
}

/// The pure half, which needs no server: for a dry run, to look at documents, or to time how they are made.
///
/// # Errors
/// `key_unknown`, `key_type`, `merge_in_flight`, `target_name`, and `lineage_name` when the lineage field is a field of the
/// schema too.
pub fn encoder(
    target: &Target,
    flow: &Flow,
    load: &Load,
) -> Result<Box<dyn Encode<Record>>, Fatal> {
    let key = || Key::new(target, load);
    let documents = || Documents::new(target, load);
    Ok(match target.mode {
        Mode::Insert => Box::new(encode::Insert {
            documents: documents()?,
            identity: load.identity,
        }),
        Mode::Delete => Box::new(encode::Delete { key: key()? }),
        Mode::Merge => {
            check_merge(flow, &load.schema.layout)?;
            Box::new(encode::Merge {
                documents: documents()?,
                key: key()?,
            })
        }
        Mode::Upsert | Mode::Replace => Box::new(encode::Replace {
            documents: documents()?,
            key: key()?,
        }),
    })
}

/// Refuses a merge that cannot be right.
fn check_merge(flow: &Flow, layout: &Layout) -> Result<(), Fatal> {
    if flow.max_in_flight > 1 {
        let message = "mode merge has one batch in flight";
        return Err(Fatal::new("merge_in_flight", message));
    }
    match layout.0.iter().find_map(interpreted) {
        None => Ok(()),
        Some(name) => {
            let message = format!("mode merge cannot write into an object called `{name}`");
            Err(Fatal::new("target_name", message))
        }
    }
}

/// The name of an object that an expression would not take literally.
fn interpreted((name, slot): &(Arc<str>, Slot)) -> Option<&str> {
    let Slot::Nested(inside) = slot else {
        return None;
    };
    if name.is_empty() || name.starts_with('$') || name.contains(['.', '\0']) {
        return Some(name);
    }
    inside.0.iter().find_map(interpreted)
}
