//! Everything the service remembers, in one place: where each store is, decided once.
//!
//! With `MONGODB_URI`, files, jobs, rejects, specs, keys and tickets are in `<db>_state`, and documents in the database of their
//! tenant; without it, all are in SQLite files of the data directory. Nothing outside of this file knows which.

use crate::config::Config;
use crate::files::Files;
use crate::files::mongo::MongoFiles;
use crate::files::sqlite::{self as sqlite_files, SqliteFiles};
use crate::keys::Keys;
use crate::keys::mongo::MongoKeys;
use crate::keys::sqlite::{self as sqlite_keys, SqliteKeys};
use crate::objects::Objects;
use crate::objects::folder::FolderObjects;
use crate::objects::s3::S3Objects;
use crate::queue::Queue;
use crate::queue::mongo::MongoQueue;
use crate::queue::sqlite::{self as sqlite_queue, SqliteQueue};
use crate::rejects::Rejects;
use crate::rejects::mongo::MongoRejects;
use crate::rejects::sqlite::{self as sqlite_rejects, SqliteRejects};
use crate::specs::Specs;
use crate::specs::mongo::MongoSpecs;
use crate::specs::sqlite::{self as sqlite_specs, SqliteSpecs};
use crate::tickets::Tickets;
use crate::tickets::mongo::MongoTickets;
use crate::tickets::sqlite::{self as sqlite_tickets, SqliteTickets};
use pipeline::Fatal;
use stages::sink::mongodb::MongoTarget;
use stages::source::s3::{S3Client, S3Settings};
use stages::sqlite::Database;
use std::path::Path;
use std::sync::Arc;

/// The file of the embedded stores, in the data directory.
pub const SERVICE_FILE: &str = "service.db";
/// The folder of objects, in the data directory.
const OBJECTS_FOLDER: &str = "objects";
/// How long a statement is tried again, in milliseconds: shorter than a client waits for an answer.
const MAX_RETRY_MS: u64 = 10_000;

/// The stores of the service.
#[derive(Clone)]
pub struct Stores {
    /// Jobs.
    pub queue: Arc<dyn Queue>,
    /// File records.
    pub files: Arc<dyn Files>,
    /// Rejects of jobs.
    pub rejects: Arc<dyn Rejects>,
    /// Registered specs.
    pub specs: Arc<dyn Specs>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// Tickets.
    pub tickets: Arc<dyn Tickets>,
    /// The bytes of files.
    pub objects: Arc<dyn Objects>,
}

impl Stores {
    /// Opens every store where the configuration says, and makes the tables and indexes that are not there.
    ///
    /// # Errors
    /// When a server does not answer, or a folder or a file cannot be written.
    pub async fn open(config: &Config) -> Result<Self, Fatal> {
        let objects = Self::objects(config).await?;
        match &config.mongodb_uri {
            Some(uri) => Self::in_mongodb(&uri.0, objects).await,
            None => Self::embedded(&config.data_dir, objects).await,
        }
    }

    /// Whether MongoDB and the store of objects answer; nothing is made in MongoDB or in the bucket.
    ///
    /// # Errors
    /// What does not answer; `bad_usage` without `MONGODB_URI`: the embedded store is its process's alone.
    pub async fn ping(config: &Config) -> Result<(), Fatal> {
        let Some(uri) = &config.mongodb_uri else {
            let message = "without MONGODB_URI there is nothing to ask";
            return Err(Fatal::new("bad_usage", message));
        };
        MongoTarget::connect(&uri.0).await?;
        Self::objects(config).await?.ping().await
    }

    async fn objects(config: &Config) -> Result<Arc<dyn Objects>, Fatal> {
        Ok(match &config.s3_bucket {
            Some(bucket) => {
                let client = S3Client::from_sdk_chain(S3Settings::default()).await;
                Arc::new(S3Objects::new(client, bucket))
            }
            None => Arc::new(FolderObjects::open(config.data_dir.join(OBJECTS_FOLDER)).await?),
        })
    }

    /// A connection pool of its own, so that no statement waits behind the documents of jobs.
    async fn in_mongodb(uri: &str, objects: Arc<dyn Objects>) -> Result<Self, Fatal> {
        let state = MongoTarget::connect(uri).await?.state(MAX_RETRY_MS);
        Ok(Self {
            queue: Arc::new(MongoQueue::open(state.clone()).await?),
            files: Arc::new(MongoFiles::open(state.clone()).await?),
            rejects: Arc::new(MongoRejects::open(state.clone()).await?),
            specs: Arc::new(MongoSpecs::open(state.clone()).await?),
            keys: Arc::new(MongoKeys::open(state.clone()).await?),
            tickets: Arc::new(MongoTickets::open(state).await?),
            objects,
        })
    }

    async fn embedded(data_dir: &Path, objects: Arc<dyn Objects>) -> Result<Self, Fatal> {
        let schema = [
            sqlite_queue::SCHEMA,
            sqlite_files::SCHEMA,
            sqlite_rejects::SCHEMA,
            sqlite_specs::SCHEMA,
            sqlite_keys::SCHEMA,
            sqlite_tickets::SCHEMA,
        ];
        let made = tokio::fs::create_dir_all(data_dir).await;
        made.map_err(|error| {
            Fatal::new("data_dir", format!("{} cannot be made", data_dir.display())).because(&error)
        })?;
        let database = Database::open(&data_dir.join(SERVICE_FILE), &schema).await?;
        let database = database.waited_out();
        Ok(Self {
            queue: Arc::new(SqliteQueue::new(database.clone())),
            files: Arc::new(SqliteFiles::new(database.clone())),
            rejects: Arc::new(SqliteRejects::new(database.clone())),
            specs: Arc::new(SqliteSpecs::new(database.clone())),
            keys: Arc::new(SqliteKeys::new(database.clone())),
            tickets: Arc::new(SqliteTickets::new(database)),
            objects,
        })
    }
}
