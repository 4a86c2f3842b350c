//! What the server answers to a statement: the document, how many there were, or a batch of them.

use super::MongoQueue;
use mongodb::bson::{Bson, Document};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

impl MongoQueue {
    /// Sends a `findAndModify` that no unique index stands against: the document as it is now, where one matched.
    pub(super) async fn change(&self, command: Document) -> Result<Option<Document>, Fatal> {
        Ok(match self.statements.write(command).await? {
            Done::Reply(reply) => value(reply),
            Done::Duplicate => None,
        })
    }

    /// Sends an `update` or a `delete`: how many documents matched.
    pub(super) async fn matched(&self, command: Document) -> Result<u64, Fatal> {
        Ok(match self.statements.write(command).await? {
            Done::Reply(reply) => reply.get("n").and_then(integer).unwrap_or_default() as u64,
            Done::Duplicate => 0,
        })
    }

    /// Sends a `find` or an `aggregate`: its documents, and whether there are more than one answer of the server
    /// can hold.
    pub(super) async fn batch(&self, command: Document) -> Result<(Vec<Document>, bool), Fatal> {
        let Done::Reply(mut reply) = self.statements.run(command).await? else {
            return Ok((Vec::new(), false));
        };
        let Some(Bson::Document(mut cursor)) = reply.remove("cursor") else {
            return Ok((Vec::new(), false));
        };
        let more = cursor.get("id").and_then(integer).unwrap_or_default() != 0;
        let Some(Bson::Array(documents)) = cursor.remove("firstBatch") else {
            return Ok((Vec::new(), more));
        };
        let documents = documents.into_iter().filter_map(|document| match document {
            Bson::Document(document) => Some(document),
            _ => None,
        });
        Ok((documents.collect(), more))
    }

    /// The first document that a `find` or an `aggregate` finds.
    pub(super) async fn first(&self, command: Document) -> Result<Option<Document>, Fatal> {
        Ok(self.batch(command).await?.0.into_iter().next())
    }
}

/// The document of a `findAndModify`.
pub(super) fn value(mut reply: Document) -> Option<Document> {
    match reply.remove("value") {
        Some(Bson::Document(document)) => Some(document),
        _ => None,
    }
}

/// A number, whichever type the server gave it.
pub(super) fn integer(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(value) => Some(i64::from(*value)),
        Bson::Int64(value) => Some(*value),
        Bson::Double(value) => Some(*value as i64),
        _ => None,
    }
}
