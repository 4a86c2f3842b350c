//! Statements: single commands that change or read a few documents, sent until they are answered.
//!
//! A write counts once a majority has acknowledged and journaled it. When an answer is lost, the statement is sent
//! again, so each must find its own change when it meets it. Nothing here knows what a statement says.

use super::patience::Patience;
use super::reply::{DUPLICATE_KEY, Reply};
use super::wire::{self, Answer};
use super::writer::Writer;
use mongodb::Database;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use pipeline::Fatal;

/// What became of a statement.
#[derive(Debug)]
pub enum Done {
    /// The server's answer.
    Reply(Document),
    /// A unique index has these values already.
    Duplicate,
}

/// Sends statements to one database.
#[derive(Clone)]
pub struct Statements {
    database: Database,
    max_retry_ms: u64,
}

impl Statements {
    /// Gives up a statement after `max_retry_ms` milliseconds without an answer.
    pub fn new(database: Database, max_retry_ms: u64) -> Self {
        Self {
            database,
            max_retry_ms,
        }
    }

    /// The database that they change.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Sends a write, with the concern `w: majority, j: true`.
    ///
    /// # Errors
    /// `target_unavailable` (outage) when nobody answers for too long; `statement_refused` when the server refuses it.
    pub async fn write(&self, mut command: Document) -> Result<Done, Fatal> {
        let concern = doc! { "w": "majority", "j": true, "wtimeout": 20_000 };
        command.insert("writeConcern", concern);
        self.run(command).await
    }

    /// Sends a command until it is answered, and its write, if it is one, acknowledged.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn run(&self, command: Document) -> Result<Done, Fatal> {
        let command = RawDocumentBuf::try_from(&command)
            .map_err(|error| Fatal::new("internal", "a command is no document").because(&error))?;
        let seed = Writer::seed_of(self.database.name());
        let mut patience = Patience::new(self.max_retry_ms, seed);
        loop {
            let reason =
                match wire::run_within(&self.database, command.clone(), patience.left()).await? {
                    Answer::Done(reply) => match Reply::read(&reply) {
                        answer if answer.unacknowledged.is_some() => answer.unacknowledged,
                        answer => match answer.errors.first() {
                            None => return Ok(Done::Reply(reply)),
                            Some(error) if error.is_transient() => Some(error.problem().message),
                            Some(error) if error.duplicate_of().is_some() => {
                                return Ok(Done::Duplicate);
                            }
                            Some(error) => return Err(refused(&error.problem().message)),
                        },
                    },
                    Answer::Again(reason) => Some(reason),
                    Answer::Refused(DUPLICATE_KEY, _) => return Ok(Done::Duplicate),
                    Answer::Refused(code, message) => {
                        return Err(refused(&format!("{message} (code {code})")));
                    }
                };
            patience.wait(&reason.unwrap_or_default()).await?;
        }
    }
}

fn refused(message: &str) -> Fatal {
    Fatal::new("statement_refused", format!("MongoDB refuses: {message}"))
}
