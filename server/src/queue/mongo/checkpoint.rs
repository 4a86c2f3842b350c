//! A checkpoint in three texts, so that lists can leave out the head and retention can take summary and head in the
//! one statement that marks the job, without reading it.
//!
//! `checkpoint.end` is the ordinal that a save is compared by; `checkpoint.books` is the checkpoint as JSON without
//! the other two; `checkpoint.summary` is JSON; `checkpoint.head` is the text as it is.

use super::document::{json, literal, parsed};
use mongodb::bson::{Bson, Document, doc};
use pipeline::{Checkpoint, Fatal, Summary};

/// A checkpoint as texts.
pub(super) struct Texts {
    end: i64,
    books: String,
    summary: String,
    head: String,
}

impl Texts {
    /// Takes a checkpoint apart.
    pub(super) fn of(checkpoint: &Checkpoint) -> Result<Self, Fatal> {
        let mut books = checkpoint.clone();
        let summary = std::mem::take(&mut books.books.summary);
        let head = std::mem::take(&mut books.head);
        Ok(Self {
            end: end_of(checkpoint.books.end.ordinal),
            books: json(&books)?,
            summary: json(&summary)?,
            head,
        })
    }

    /// What sets it, in the place of another.
    pub(super) fn set(&self) -> Document {
        doc! {
            "checkpoint.end": self.end,
            "checkpoint.books": literal(&self.books),
            "checkpoint.summary": literal(&self.summary),
            "checkpoint.head": literal(&self.head),
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

fn end_of(ordinal: u64) -> i64 {
    ordinal.try_into().unwrap_or(i64::MAX)
}
