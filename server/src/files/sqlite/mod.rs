//! The store of files in SQLite: one writer, WAL, every change one transaction.
//!
//! Jobs are read in the same database, from the tables `jobs` and `job_files` of the queue, so that a file is removed
//! and its jobs looked for in one transaction.

mod abandoned;
mod begin;
mod commit;
mod discard;
mod file;
mod files;
mod mark_gone;
mod note_upload;
mod remove;
mod renew;
mod row;
#[cfg(test)]
mod tests;
mod to_go;

use super::{File, Files, NewFile, Seen, Status};
use crate::id::Id;
use crate::page::{Listed, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use stages::sqlite::{Database, Schema};

/// The tables of this store; running it again changes nothing. A file without `uploaded_ms` is uploading,
/// or lost to its upload. `files_going` names those whose object is to go, and the
/// job that wants it, while they are there.
pub const SCHEMA: Schema = Schema::new(
    "
    CREATE TABLE IF NOT EXISTS files (
        id BLOB NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        content_type TEXT NOT NULL,
        key TEXT NOT NULL,
        bucket TEXT,
        upload TEXT,
        size_bytes INTEGER NOT NULL DEFAULT 0,
        sha256 TEXT NOT NULL DEFAULT '',
        version TEXT,
        content_gone INTEGER NOT NULL DEFAULT 0,
        created_ms INTEGER NOT NULL,
        renewed_ms INTEGER NOT NULL,
        uploaded_ms INTEGER,
        is_lost INTEGER NOT NULL DEFAULT 0,
        updated_ms INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS files_created ON files (tenant, created_ms, id);
    CREATE INDEX IF NOT EXISTS files_uploading ON files (renewed_ms) WHERE uploaded_ms IS NULL;
    CREATE TABLE IF NOT EXISTS files_going (id BLOB NOT NULL PRIMARY KEY, job BLOB NOT NULL) WITHOUT ROWID;
",
);

/// The time as SQLite tells it, in milliseconds since 1970; the same everywhere in one statement.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// The store of files in a SQLite file.
pub struct SqliteFiles {
    database: Database,
}

impl SqliteFiles {
    /// The store in a database that was opened with [`SCHEMA`] and with that of the queue.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Files for SqliteFiles {
    async fn begin(&self, file: &NewFile) -> Result<(), Fatal> {
        begin::begin(&self.database, file).await
    }

    async fn note_upload(&self, tenant: &Tenant, id: Id, upload: &str) -> Result<bool, Fatal> {
        note_upload::note_upload(&self.database, tenant, id, upload).await
    }

    async fn renew(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        renew::renew(&self.database, tenant, id).await
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        id: Id,
        size_bytes: u64,
        sha256: &str,
        version: Option<&str>,
    ) -> Result<Option<File>, Fatal> {
        commit::commit(&self.database, tenant, id, size_bytes, sha256, version).await
    }

    async fn discard(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        discard::discard(&self.database, tenant, id).await
    }

    async fn remove(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        remove::remove(&self.database, tenant, id).await
    }

    async fn mark_gone(&self, tenant: &Tenant, id: Id, unless: &[State]) -> Result<bool, Fatal> {
        mark_gone::mark_gone(&self.database, tenant, id, unless).await
    }

    async fn mark_to_go(&self, tenant: &Tenant, ids: &[Id], job: Id) -> Result<(), Fatal> {
        to_go::mark(&self.database, tenant, ids, job).await
    }

    async fn to_go(&self, after: Option<Id>, limit: u32) -> Result<Vec<File>, Fatal> {
        to_go::list(&self.database, after, limit).await
    }

    async fn went(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        to_go::unmark(&self.database, tenant, id).await
    }

    async fn file(&self, tenant: &Tenant, id: Id) -> Result<Option<Seen>, Fatal> {
        file::file(&self.database, tenant, id).await
    }

    async fn files(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        page: Page,
    ) -> Result<Listed<Seen>, Fatal> {
        files::files(&self.database, tenant, status, page).await
    }

    async fn abandoned(&self, idle_ms: u64, limit: u32) -> Result<Vec<File>, Fatal> {
        abandoned::abandoned(&self.database, idle_ms, limit).await
    }
}
