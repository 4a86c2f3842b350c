//! The store of registered specs in MongoDB: one statement per change, acknowledged by a majority and journaled.
//!
//! A version is one document whose `_id` is owner, name and version, so that it can be there once only. Its owner
//! stands in the field `tenant`, as in every collection.

mod get;
mod newest;
mod put;
mod versions;

use super::{MAX_VERSIONS, Owner, Put, Registered, Specs};
use async_trait::async_trait;
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::{Done, Statements};

/// The collection.
const SPECS: &str = "specs";

/// The store of registered specs in a MongoDB.
pub struct MongoSpecs {
    statements: Statements,
    max_versions: u64,
}

impl MongoSpecs {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        let command = doc! {
            "createIndexes": SPECS,
            "indexes": [{
                "key": { "tenant": 1, "name": 1, "version": -1 },
                "name": "tenant_name_version",
            }],
        };
        statements.write(command).await?;
        Ok(Self {
            statements,
            max_versions: MAX_VERSIONS,
        })
    }

    /// The same store, where an owner keeps at most `max_versions`.
    #[cfg(test)]
    fn keeping(self, max_versions: u64) -> Self {
        Self {
            max_versions,
            ..self
        }
    }

    /// What an aggregation gives, as a majority knows it.
    async fn read(&self, stages: Vec<Document>, limit: u64) -> Result<Vec<Document>, Fatal> {
        let command = doc! {
            "aggregate": SPECS,
            "pipeline": stages,
            // One more than there can be, so that the answer is whole and no cursor stays open.
            "cursor": { "batchSize": limit as i64 + 1 },
            "readConcern": { "level": "majority" },
        };
        let Done::Reply(reply) = self.statements.run(command).await? else {
            return Err(damaged("a read was answered like a write"));
        };
        let batch = reply.get_document("cursor").ok();
        let batch = batch.and_then(|cursor| cursor.get_array("firstBatch").ok());
        let documents = batch.into_iter().flatten();
        Ok(documents
            .filter_map(Bson::as_document)
            .cloned()
            .collect::<Vec<_>>())
    }
}

#[async_trait]
impl Specs for MongoSpecs {
    async fn put(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: u32,
        sha256: &str,
        text: &str,
    ) -> Result<Put, Fatal> {
        self.put_version(owner, name, version, sha256, text).await
    }

    async fn get(
        &self,
        owner: Owner<'_>,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Registered>, Fatal> {
        self.get_version(owner, name, version).await
    }

    async fn versions(&self, owner: Owner<'_>, name: &str) -> Result<Vec<Registered>, Fatal> {
        self.versions_of(owner, name).await
    }

    async fn newest(
        &self,
        owner: Owner<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Registered>, Fatal> {
        self.newest_of(owner, after, limit).await
    }
}

/// Reads a document; without a text, it is empty.
fn registered(document: &Document) -> Result<Registered, Fatal> {
    let text = |name: &str| document.get_str(name).map(str::to_owned).ok();
    let read = || {
        let created = document.get_datetime("created").ok()?;
        Some(Registered {
            name: text("name")?,
            version: document.get_i64("version").ok()?.try_into().ok()?,
            sha256: text("sha256")?,
            text: text("text").unwrap_or_default(),
            created_ms: created.timestamp_millis().try_into().ok()?,
        })
    };
    read().ok_or_else(|| damaged("a document lacks fields"))
}

fn damaged(message: &str) -> Fatal {
    let message = format!("the collection `{SPECS}` cannot be read: {message}");
    Fatal::new("store_damaged", message)
}

#[cfg(test)]
mod tests;
