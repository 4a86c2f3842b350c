//! Insert mode: every record is a document whose `_id` says where the record came from.
//!
//! Replaying a batch changes nothing: a duplicate of its own `_id` is a record that was loaded before. What
//! fails for a while is tried again, for the records that failed only.

use super::bson::split_document;
use super::command::{Command, INSERT, Room};
use super::reply::{Reply, WriteError};
use super::wire::{self, Answer};
use super::writer::Writer;
use async_trait::async_trait;
use mongodb::bson::RawDocumentBuf;
use pipeline::{Batch, Fatal, Operation, Sink, Written};
use std::collections::VecDeque;

/// Inserts documents.
pub(super) struct InsertSink {
    pub(super) writer: Writer,
}

#[async_trait]
impl Sink for InsertSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut written = Written::default();
        let mut patience = self.writer.patience(batch);
        let mut queue = split(batch.operations().collect());
        while let Some(operations) = queue.pop_front() {
            let command = self.command(&operations)?;
            match wire::write(&self.writer.database, command).await? {
                Answer::Done(reply) => {
                    let all = operations.len();
                    let (failed, reason) = settle(reply, operations, &mut written);
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
                        written.rejects.push(operation.reject(error.problem()));
                    } else {
                        // One of them is at fault: it is found by halves.
                        let (first, second) = operations.split_at(operations.len() / 2);
                        queue.push_front(second.to_vec());
                        queue.push_front(first.to_vec());
                    }
                }
            }
        }
        Ok(written)
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

/// Counts what the server said of each operation; what is to be tried again comes back, with the reason.
fn settle<'a>(
    reply: Reply,
    operations: Vec<Operation<'a>>,
    written: &mut Written,
) -> (Vec<Operation<'a>>, String) {
    let mut failed = Vec::new();
    let mut reason = String::new();
    let mut errors = reply.errors.into_iter().peekable();
    for (index, operation) in operations.into_iter().enumerate() {
        match errors.next_if(|error| error.index == index) {
            None => written.loaded += 1,
            Some(error) if error.is_duplicate_of_id(id(operation)) => written.already_loaded += 1,
            Some(error) if error.is_transient() => {
                reason = error.problem().message;
                failed.push(operation);
            }
            Some(error) => written.rejects.push(operation.reject(error.problem())),
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
