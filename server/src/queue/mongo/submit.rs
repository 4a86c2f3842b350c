//! submit: (none) → queued. The id tells a job that is there already, by an earlier try of this very statement.

use super::MongoQueue;
use super::callback_document;
use super::document::{self, JOBS, binary, literal};
use super::reply::value;
use crate::queue::{Callback, Job, NewJob, State};
use mongodb::bson::{Bson, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

/// How often an id may be met that is not this tenant's before it is told.
const MAX_TRIES: u32 = 3;

impl MongoQueue {
    pub(super) async fn submit_job(&self, new: &NewJob) -> Result<Job, Fatal> {
        let command = submit(new)?;
        for _ in 0..MAX_TRIES {
            // Two that submit the same job at the same moment: one of them meets it, and finds it the next time.
            let Done::Reply(reply) = self.statements.write(command.clone()).await? else {
                continue;
            };
            let Some(document) = value(reply) else {
                continue;
            };
            let job = document::read(&document)?;
            if job.state == State::Queued {
                self.wake(&job.tenant, job.due_ms).await?;
            }
            return Ok(job);
        }
        let message = format!("the id {} is another job's", new.id);
        Err(Fatal::new("internal", message))
    }
}

/// Makes the job, or leaves the one that is there as it is.
pub(super) fn submit(new: &NewJob) -> Result<Document, Fatal> {
    Ok(doc! {
        "findAndModify": JOBS,
        "query": document::one(&new.tenant, new.id),
        "update": [{ "$replaceWith": {
            "$cond": [{ "$gt": ["$state", Bson::Null] }, "$$ROOT", fresh(new)?],
        } }],
        "upsert": true,
        "new": true,
    })
}

fn fresh(new: &NewJob) -> Result<Document, Fatal> {
    let mut progress = doc! {
        "furthest": 0_i64,
        "bytesRead": 0_i64,
        "recordsPerSecond": 0_i64,
    };
    if let Some(total) = new.bytes_total {
        progress.insert("bytesTotal", total as i64);
    }
    let mut job = doc! {
        "_id": binary(new.id.0),
        "tenant": literal(new.tenant.key()),
        "files": [binary(new.file.0)],
        "spec": {
            "name": literal(&new.spec.pin.name),
            "version": i64::from(new.spec.pin.version),
            "sha256": literal(&new.spec.pin.sha256),
            "text": literal(&new.spec.text),
            "isOperators": { "$literal": new.spec.is_operators },
        },
        "load": {
            "content": literal(&new.load.content),
            "base": binary(new.load.base.0),
            "identity": binary(new.load.identity.0),
            "generation": i64::from(new.load.generation),
            "loadNumber": new.load.load_number as i64,
            "collection": literal(&new.load.collection),
        },
        "priority": i64::from(new.priority),
        "state": State::Queued.word(),
        "attempts": 0_i64,
        "run": 0_i64,
        "fence": 0_i64,
        "createdAt": "$$NOW",
        "queuedAt": "$$NOW",
        "due": "$$NOW",
        "updatedAt": "$$NOW",
        "progress": progress,
        "furthestAtClaim": 0_i64,
        "specChanged": { "$literal": false },
        "expired": { "$literal": false },
    };
    if let Some(url) = &new.callback {
        let mut record = callback_document::write(&new.tenant, &Callback::new(url.clone()))?;
        record.insert("revision", 0_i64);
        job.insert("callback", doc! { "$literal": record });
    }
    if let Some(parent) = new.parent {
        job.insert("parent", binary(parent.0));
    }
    Ok(job)
}
