//! One job, as a majority knows it.

use super::MongoQueue;
use super::document::{self, JOBS, binary};
use crate::id::Id;
use crate::queue::Job;
use crate::tenant::Tenant;
use mongodb::bson::{Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn find_job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal> {
        let found = self.find_document(tenant, id).await?;
        found.as_ref().map(document::read).transpose()
    }

    /// The document of a job.
    pub(super) async fn find_document(
        &self,
        tenant: &Tenant,
        id: Id,
    ) -> Result<Option<Document>, Fatal> {
        self.first(find(document::one(tenant, id))).await
    }

    pub(super) async fn find_newest_of_file(
        &self,
        tenant: &Tenant,
        file: Id,
    ) -> Result<Option<Job>, Fatal> {
        let found = self.first(newest_of_file(tenant, file)).await?;
        found.as_ref().map(document::read).transpose()
    }
}

/// The newest job that lists a file.
pub(super) fn newest_of_file(tenant: &Tenant, file: Id) -> Document {
    let mut command = find(doc! { "tenant": { "$eq": tenant.key() }, "files": binary(file.0) });
    command.insert("sort", doc! { "createdAt": -1, "_id": -1 });
    command
}

/// The first job that a filter finds.
pub(super) fn find(filter: Document) -> Document {
    doc! {
        "find": JOBS,
        "filter": filter,
        "limit": 1,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    }
}
