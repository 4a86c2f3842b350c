//! A checkpoint in three texts, so that lists can leave out the head and retention can take summary and head in the
//! one statement that marks the job, without reading it.
//!
//! `checkpoint.end` is the ordinal that a save is compared by; `checkpoint.books` is the checkpoint as JSON without
//! the other two; `checkpoint.summary` is JSON; `checkpoint.head` is the text as it is. `checkpoint.processed` and
//! `checkpoint.rejected` are two sums of it for the events of webhooks, which the server makes without reading JSON.

use super::document::{json, literal, parsed};
use crate::queue::callback::rows_of;
use mongodb::bson::{Bson, Document, doc};
use pipeline::{Checkpoint, Fatal, Summary};

/// A checkpoint as texts.
pub(super) struct Texts {
    end: i64,
    books: String,
    summary: String,
    head: String,
    processed: i64,
    rejected: i64,
}

impl Texts {
    /// Takes a checkpoint apart.
    pub(super) fn of(checkpoint: &Checkpoint) -> Result<Self, Fatal> {
        let mut books = checkpoint.clone();
        let summary = std::mem::take(&mut books.books.summary);
        let (processed, rejected) = rows_of(&checkpoint.books.counters);
        let head = std::mem::take(&mut books.head);
        Ok(Self {
            end: end_of(checkpoint.books.end.ordinal),
            books: json(&books)?,
            summary: json(&summary)?,
            head,
            processed: end_of(processed),
            rejected: end_of(rejected),
        })
    }

    /// What sets it, in the place of another.
    pub(super) fn set(&self) -> Document {
        doc! {
            "checkpoint.end": self.end,
            "checkpoint.books": literal(&self.books),
            "checkpoint.summary": literal(&self.summary),
            "checkpoint.head": literal(&self.head),
            "checkpoint.processed": self.processed,
            "checkpoint.rejected": self.rejected,
        }
    }

    /// Whether a job that [`Self::filter`] or another end has matched has it already.
    pub(super) fn met(&self) -> Document {
        doc! { "$eq": ["$checkpoint.end", self.end] }
    }

    /// What matches a job that has it.
    pub(super) fn filter(&self) -> Document {
        doc! {
            "checkpoint.end": self.end,
            "checkpoint.books": { "$eq": &self.books },
            "checkpoint.summary": { "$eq": &self.summary },
            "checkpoint.head": { "$eq": &self.head },
        }
    }
}

/// What matches a job whose checkpoint ends at `end`; at 0, also one that has none.
pub(super) fn ends_at(end: u64) -> Document {
    match end {
        0 => doc! { "checkpoint.end": { "$in": [0_i64, Bson::Null] } },
        end => doc! { "checkpoint.end": end_of(end) },
    }
}

/// Reads the checkpoint of a job, where it has one.
pub(super) fn read(job: &Document) -> Result<Option<Checkpoint>, Fatal> {
    let Ok(texts) = job.get_document("checkpoint") else {
        return Ok(None);
    };
    let Some(mut checkpoint) = parsed::<Checkpoint>(texts, "books")? else {
        return Ok(None);
    };
    checkpoint.books.summary = parsed::<Summary>(texts, "summary")?.unwrap_or_default();
    checkpoint.head = texts.get_str("head").unwrap_or_default().to_owned();
    Ok(Some(checkpoint))
}

fn end_of(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
