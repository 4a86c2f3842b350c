//! The store of files in MongoDB: one statement per change, acknowledged by a majority and journaled.
//!
//! ```text
//! { _id, tenant, state, name, contentType, key, bucket?, upload?, sizeBytes, sha256, version?, contentGone,
//!   createdAt, renewedAt (until it is uploaded), uploadedAt?, updatedAt, removals?, removingAt?,
//!   toGo?, toGoFor? }
//!
//!   (none) ─ begin ─► uploading ─ commit ─► uploaded ─ remove ─► removingAt ─► (none), or uploaded
//!                        │                     ├─ mark_gone ─► removingAt ─► uploaded, contentGone, or as it was
//!                        │                     └─ mark_to_go ─► uploaded, toGo ─ went ─► uploaded
//!                        └─ abandoned or discard ─► discarded ─► (none)
//! ```
//!
//! Answers can be lost, and statements are then sent again; so what is removed is marked first, and a mark that is met
//! again is our own. A mark that a killed process left behind is given again by
//! [`Files::abandoned`], or runs out. Jobs are
//! read in the same database, by the index of the queue on their files.

mod abandoned;
mod begin;
mod commit;
mod discard;
mod document;
mod file;
mod files;
mod mark_gone;
mod note_upload;
mod remove;
mod renew;
#[cfg(test)]
mod tests;
mod to_go;

use super::{File, Files, NewFile, Seen, Status};
use crate::id::Id;
use crate::page::{Listed, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use async_trait::async_trait;
use document::FILES;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;

/// The store of files in a MongoDB.
pub struct MongoFiles {
    statements: Statements,
}

impl MongoFiles {
    /// Opens the store and makes its indexes.
    ///
    /// # Errors
    /// When the server does not answer, or refuses an index.
    pub async fn open(statements: Statements) -> Result<Self, Fatal> {
        let newest = doc! { "tenant": 1, "createdAt": -1, "_id": -1 };
        let command = doc! {
            "createIndexes": FILES,
            "indexes": [
                { "key": newest, "name": "tenant_newest" },
                { "key": { "state": 1, "renewedAt": 1 }, "name": "state_renewedAt" },
                {
                    "key": { "_id": 1, "toGo": 1 },
                    "name": "to_go",
                    "partialFilterExpression": { "toGo": true },
                },
            ],
        };
        statements.write(command).await?;
        Ok(Self { statements })
    }
}

#[async_trait]
impl Files for MongoFiles {
    async fn begin(&self, file: &NewFile) -> Result<(), Fatal> {
        begin::begin(&self.statements, file).await
    }

    async fn note_upload(&self, tenant: &Tenant, id: Id, upload: &str) -> Result<bool, Fatal> {
        note_upload::note_upload(&self.statements, tenant, id, upload).await
    }

    async fn renew(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        renew::renew(&self.statements, tenant, id).await
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        id: Id,
        size_bytes: u64,
        sha256: &str,
        version: Option<&str>,
    ) -> Result<Option<File>, Fatal> {
        commit::commit(&self.statements, tenant, id, size_bytes, sha256, version).await
    }

    async fn discard(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        discard::discard(&self.statements, tenant, id).await
    }

    async fn remove(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        remove::remove(&self.statements, tenant, id).await
    }

    async fn mark_gone(&self, tenant: &Tenant, id: Id, unless: &[State]) -> Result<bool, Fatal> {
        mark_gone::mark_gone(&self.statements, tenant, id, unless).await
    }

    async fn mark_to_go(&self, tenant: &Tenant, ids: &[Id], job: Id) -> Result<(), Fatal> {
        to_go::mark(&self.statements, tenant, ids, job).await
    }

    async fn to_go(&self, after: Option<Id>, limit: u32) -> Result<Vec<File>, Fatal> {
        to_go::list(&self.statements, after, limit).await
    }

    async fn went(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        to_go::unmark(&self.statements, tenant, id).await
    }

    async fn file(&self, tenant: &Tenant, id: Id) -> Result<Option<Seen>, Fatal> {
        file::file(&self.statements, tenant, id).await
    }

    async fn files(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        page: Page,
    ) -> Result<Listed<Seen>, Fatal> {
        files::files(&self.statements, tenant, status, page).await
    }

    async fn abandoned(&self, idle_ms: u64, limit: u32) -> Result<Vec<File>, Fatal> {
        abandoned::abandoned(&self.statements, idle_ms, limit).await
    }
}
