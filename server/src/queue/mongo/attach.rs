//! One more file of the same content on a job.

use super::MongoQueue;
use super::document::{self, JOBS, binary};
use crate::id::Id;
use crate::queue::MAX_FILES;
use crate::tenant::Tenant;
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;

impl MongoQueue {
    pub(super) async fn attach_file(
        &self,
        tenant: &Tenant,
        id: Id,
        file: Id,
    ) -> Result<bool, Fatal> {
        let job = self.change(attach(tenant, id, file)).await?;
        let files = job.as_ref().and_then(|job| job.get_array("files").ok());
        Ok(files.is_some_and(|files| files.contains(&Bson::Binary(binary(file.0)))))
    }
}

/// Adds a file behind the others, where it is not among them and there is room.
pub(super) fn attach(tenant: &Tenant, id: Id, file: Id) -> Document {
    let file = binary(file.0);
    let stays = doc! { "$or": [
        { "$in": [file.clone(), "$files"] },
        { "$gte": [{ "$size": "$files" }, MAX_FILES as i64] },
    ] };
    doc! {
        "findAndModify": JOBS,
        "query": document::one(tenant, id),
        "update": [{ "$set": {
            "files": { "$cond": [&stays, "$files", { "$concatArrays": ["$files", [file]] }] },
            "updatedAt": { "$cond": [&stays, "$updatedAt", "$$NOW"] },
        } }],
        "fields": { "files": 1 },
        "new": true,
    }
}
