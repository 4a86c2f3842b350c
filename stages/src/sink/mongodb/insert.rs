//! Insert mode: every record is a document whose `_id` says where the record came from.
//!
//! Replaying a batch changes nothing: a duplicate of its own `_id` is a record that was loaded before. What
//! fails for a while is tried again, for the records that failed only. Of an exploded record all parts are in, or none:
//! where the server refuses one, the others are deleted by their `_id`, and a crash in between finds them again.

use super::bson::{self, Subtype, split_document};
use super::command::{Command, DELETE, INSERT, Room};
use super::patience::Patience;
use super::reply::{Reply, WriteError};
use super::wire::{self, Answer};
use super::writer::Writer;
use async_trait::async_trait;
use mongodb::bson::RawDocumentBuf;
use pipeline::{Batch, Fatal, Operation, Outcomes, Sink, Written};
use std::collections::VecDeque;

/// Documents that one command deletes.
const MAX_DELETES: usize = 10_000;
/// Bytes of one deletion by `_id`.
const DELETE_BYTES: usize = 96;

/// Inserts documents.
pub(super) struct InsertSink {
    pub(super) writer: Writer,
}

#[async_trait]
impl Sink for InsertSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut outcomes = Outcomes::default();
        let mut patience = self.writer.patience(batch);
        let mut queue = split(batch.operations().collect());
        while let Some(operations) = queue.pop_front() {
            let command = self.command(&operations)?;
            match wire::write(&self.writer.database, command).await? {
                Answer::Done(reply) => {
                    let all = operations.len();
                    check_count(&reply, all)?;
                    let (failed, reason) = settle(reply, operations, &mut outcomes);
                    if failed.len() < all {
                        patience.progress();
                    }
                    if !failed.is_empty() {
                        patience.wait(&reason).await?;
                        queue.push_front(failed);
                    }
                }
                Answer::Again(reason) => {
                    patience.wait(&reason).await?;
                    queue.push_front(operations);
                }
                Answer::Refused(code, message) => {
                    if let [operation] = operations[..] {
                        let error = WriteError::of_command(code, &message);
                        outcomes.refused(operation, error.problem());
                    } else {
                        // One of them is at fault: it is found by halves.
                        let (first, second) = operations.split_at(operations.len() / 2);
                        queue.push_front(second.to_vec());
                        queue.push_front(first.to_vec());
                    }
                }
            }
        }
        let withdrawn = outcomes.withdraw();
        self.delete(withdrawn, &mut patience).await?;
        Ok(outcomes.written())
    }
}

impl InsertSink {
    fn command(&self, operations: &[Operation<'_>]) -> Result<RawDocumentBuf, Fatal> {
        let mut room = Room::default();
        for operation in operations {
            room.take(operation.bytes().len());
        }
        let mut command = Command::new(INSERT, &self.writer.collection, room);
        for operation in operations {
            command.document(operation.bytes());
        }
        command.finish()
    }

    /// Deletes documents by their `_id`; one that is not there need not be deleted.
    async fn delete(
        &self,
        operations: Vec<Operation<'_>>,
        patience: &mut Patience,
    ) -> Result<(), Fatal> {
        for operations in operations.chunks(MAX_DELETES) {
            loop {
                let mut room = Room::default();
                for _ in operations {
                    room.take(DELETE_BYTES);
                }
                let mut command = Command::new(DELETE, &self.writer.collection, room);
                for &operation in operations {
                    command.statement(|out| {
                        let filter = bson::begin_document(out, "q");
                        bson::binary(out, "_id", Subtype::Generic, id(operation));
                        bson::end(out, filter);
                        bson::int32(out, "limit", 1);
                    });
                }
                let reason = match wire::write(&self.writer.database, command.finish()?).await? {
                    Answer::Done(reply) => match reply.errors.first() {
                        None => break,
                        Some(error) if error.is_transient() => error.problem().message,
                        Some(error) => return Err(undeleted(&error.problem().message)),
                    },
                    Answer::Again(reason) => reason,
                    Answer::Refused(_, message) => return Err(undeleted(&message)),
                };
                patience.wait(&reason).await?;
            }
        }
        Ok(())
    }
}

/// What ends a load whose documents may not be deleted: parts of a record that is refused would stay.
fn undeleted(message: &str) -> Fatal {
    let message = format!("parts of a refused record cannot be deleted: {message}");
    Fatal::new("target_refused", message)
}

/// As few commands as their limits allow.
fn split<'a>(operations: Vec<Operation<'a>>) -> VecDeque<Vec<Operation<'a>>> {
    let mut queue = VecDeque::new();
    let mut room = Room::default();
    let mut open = Vec::new();
    for operation in operations {
        let bytes = operation.bytes().len();
        if !room.take(bytes) {
            queue.push_back(std::mem::take(&mut open));
            room = Room::default();
            room.take(bytes);
        }
        open.push(operation);
    }
    if !open.is_empty() {
        queue.push_back(open);
    }
    queue
}

/// Outcomes come from the server: what it counts must be what it has no error for.
fn check_count(reply: &Reply, operations: usize) -> Result<(), Fatal> {
    let (count, errors) = (reply.count, reply.errors.len());
    if count + errors as u64 == operations as u64 {
        return Ok(());
    }
    let message =
        format!("MongoDB was sent {operations} documents and counts {count} and {errors} errors");
    Err(Fatal::new("books", message))
}

/// Counts what the server said of each operation; what is to be tried again comes back, with the reason.
fn settle<'a>(
    reply: Reply,
    operations: Vec<Operation<'a>>,
    outcomes: &mut Outcomes<'a>,
) -> (Vec<Operation<'a>>, String) {
    let mut failed = Vec::new();
    let mut reason = String::new();
    let mut errors = reply.errors.into_iter().peekable();
    for (index, operation) in operations.into_iter().enumerate() {
        match errors.next_if(|error| error.index == index) {
            None => outcomes.loaded(operation),
            Some(error) if error.is_duplicate_of_id(id(operation)) => {
                outcomes.already_loaded(operation);
            }
            Some(error) if error.is_transient() => {
                reason = error.problem().message;
                failed.push(operation);
            }
            Some(error) => outcomes.refused(operation, error.problem()),
        }
    }
    (failed, reason)
}

/// The `_id` of a document of ours: its first element, 24 bytes of binary data behind length, type, name,
/// length and subtype.
fn id(operation: Operation<'_>) -> &[u8] {
    let (document, _) = split_document(operation.bytes());
    document.get(14..38).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Type;
    use crate::sink::Target;
    use crate::sink::harness::{Fed, load};
    use crate::sink::{Opened, mongodb::document::Documents, mongodb::encode};
    use mongodb::bson::{Document, doc};
    use std::sync::Arc;

    struct Nowhere;

    #[async_trait]
    impl Sink for Nowhere {
        async fn write(&self, _: &Batch) -> Result<Written, Fatal> {
            Ok(Written::default())
        }
    }

    /// A batch of so many records.
    fn batch(records: usize, text: &str) -> Batch {
        let load = load(&[("id", Type::Integer), ("name", Type::String)]);
        let encode = encode::Insert {
            documents: Documents::new(&Target::default(), &load).unwrap(),
            identity: load.identity,
        };
        let opened = Opened {
            encode: Box::new(encode),
            sink: Arc::new(Nowhere),
        };
        let rows: Vec<_> = (0..records)
            .map(|id| format!(r#"{{"id":{id},"name":"{text}"}}"#))
            .collect();
        Fed::new(opened, &load).batch(0, &rows)
    }

    #[test]
    fn only_what_failed_for_a_while_comes_back() {
        let batch = batch(5, "x");
        let operations: Vec<_> = batch.operations().collect();
        let id = mongodb::bson::Binary {
            subtype: mongodb::bson::spec::BinarySubtype::Generic,
            bytes: id(operations[3]).to_vec(),
        };
        let own = doc! { "index": 3, "code": 11000, "keyPattern": { "_id": 1 }, "keyValue": { "_id": id } };
        let errors = [
            doc! { "index": 0, "code": 112, "errmsg": "conflict" },
            doc! { "index": 1, "code": 121, "errmsg": "no" },
            own,
            doc! { "index": 4, "code": 91, "errmsg": "down" },
        ];
        let reply = Reply::read(&doc! { "n": 1, "writeErrors": errors.to_vec() });
        let mut outcomes = Outcomes::default();
        let (failed, reason) = settle(reply, operations, &mut outcomes);
        let written = outcomes.written();
        let failed: Vec<_> = failed.iter().map(|one| one.position().ordinal).collect();
        assert_eq!(failed, [0, 4]);
        assert!(reason.contains("down"));
        assert_eq!((written.loaded, written.already_loaded), (1, 1));
        let rejects: Vec<_> = written.rejects.iter().map(|one| one.at.ordinal).collect();
        assert_eq!(rejects, [1]);
    }

    fn check_split(batch: &Batch, expected: &[usize]) {
        let commands = split(batch.operations().collect());
        let counts: Vec<_> = commands.iter().map(Vec::len).collect();
        assert_eq!(counts, expected);
        for operations in commands {
            let mut room = Room::default();
            for operation in &operations {
                assert!(room.take(operation.bytes().len()));
            }
            let mut command = Command::new(INSERT, "orders", room);
            for operation in &operations {
                command.document(operation.bytes());
            }
            let command = command.finish().unwrap();
            assert!(command.as_bytes().len() <= super::super::command::MAX_COMMAND_BYTES);
            let read = Document::try_from(&command).unwrap();
            assert_eq!(read.get_array("documents").unwrap().len(), operations.len());
        }
    }

    #[test]
    fn commands_stay_below_their_limits() {
        check_split(&batch(3, "x"), &[3]);
        check_split(&batch(100_001, "x"), &[100_000, 1]);
        check_split(&batch(10, &"x".repeat(5_000_000)), &[3, 3, 3, 1]);
    }
}
