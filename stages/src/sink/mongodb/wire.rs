//! One command to the server, and what its answer means: done, try again, or the end.
//!
//! Every write asks for `w: majority, j: true` itself. A reply counts only when it came without a
//! `writeConcernError`, and then it vouches for all that it says, duplicates and operations that had nothing to
//! do as well. Where the last operation of a command failed or changed nothing, mongod waits for the majority of
//! the newest entry of its whole oplog instead of the command's own (`LastOpFixer` in `write_ops_exec.cpp`,
//! `setLastOpToSystemLastOpTime`); where it changed something, its own entry is newer than whatever the
//! operations before it have seen. A standalone flushes its whole journal for `j: true`. So a document that was
//! met as a duplicate is durable too once the reply is here, and no write of its own is needed as a barrier.
//! A primary that was replaced meanwhile gets no majority and answers with a `writeConcernError`. All that was
//! sent is then sent again, as it is when a reply is lost: what was applied answers as a duplicate or finds
//! itself, behind the same wait.

use super::reply::{DUPLICATE_KEY, Reply, is_of_one_operation, is_transient};
use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::error::{CommandError, Error, ErrorKind};
use pipeline::Fatal;
use std::time::Duration;
use tokio::time::timeout;

/// How long one command may take, in milliseconds. Longer than mongod waits for a majority.
const MAX_COMMAND_MS: u64 = 30_000;

/// The answer to a command.
pub(super) enum Answer<T> {
    /// The server's answer.
    Done(T),
    /// Nothing is known; the same command may succeed later.
    Again(String),
    /// Refused as a whole, for what may be the fault of one operation.
    Refused(i32, String),
}

/// Sends a write command.
///
/// # Errors
/// What no retry heals and no single operation causes: missing rights, say.
pub(super) async fn write(
    database: &Database,
    command: RawDocumentBuf,
) -> Result<Answer<Reply>, Fatal> {
    Ok(match run(database, command).await? {
        Answer::Done(document) => {
            let reply = Reply::read(&document);
            match reply.unacknowledged {
                Some(reason) => Answer::Again(reason),
                None => Answer::Done(reply),
            }
        }
        Answer::Again(reason) => Answer::Again(reason),
        Answer::Refused(code, message) => Answer::Refused(code, message),
    })
}

/// Sends any command, and leaves its answer to the caller.
pub(super) async fn run(
    database: &Database,
    command: RawDocumentBuf,
) -> Result<Answer<Document>, Fatal> {
    run_within(database, command, Duration::MAX).await
}

/// The same for somebody who waits no longer than `most`.
pub(super) async fn run_within(
    database: &Database,
    command: RawDocumentBuf,
    most: Duration,
) -> Result<Answer<Document>, Fatal> {
    let most = most.min(Duration::from_millis(MAX_COMMAND_MS));
    let sent = database.run_raw_command(command).into_future();
    let Ok(result) = timeout(most, sent).await else {
        let reason = format!("no answer within {:.1} s", most.as_secs_f64());
        return Ok(Answer::Again(reason));
    };
    match result {
        Ok(document) => Ok(Answer::Done(document)),
        Err(error) => judge(error),
    }
}

pub(super) fn judge<T>(error: Error) -> Result<Answer<T>, Fatal> {
    let again = || Ok(Answer::Again(reason(&error)));
    if error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR) {
        return again();
    }
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::InvalidResponse { .. } => again(),
        ErrorKind::Command(CommandError { code, .. }) if is_transient(*code) => again(),
        ErrorKind::Command(CommandError { code, message, .. })
            if is_of_one_operation(*code) || *code == DUPLICATE_KEY =>
        {
            Ok(Answer::Refused(*code, message.clone()))
        }
        _ => Err(Fatal::new(
            "target_refused",
            format!("MongoDB refuses to be written to: {}", reason(&error)),
        )),
    }
}

/// What an error says, without its wrapping.
pub(super) fn reason(error: &Error) -> String {
    match &*error.kind {
        ErrorKind::Command(CommandError {
            code,
            code_name,
            message,
            ..
        }) => format!("{message} ({code_name}, code {code})"),
        kind => kind.to_string(),
    }
}
