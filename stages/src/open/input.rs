//! The input of a load while it is opened: the source, with the bytes that were read for the head.

use super::{Front, Opened, Opening, READ_BYTES, breach, kinds};
use crate::corrected::Taking;
use crate::frame::csv::{CsvDialect, Head, HeadStep, RequiredTitles, find_head};
use crate::plan::Plan;
use crate::source::Origin;
use crate::step::bind::{BindRefusal, LeftOut};
use crate::unpack::open_at;
use bytes::BytesMut;
use pipeline::{Accepted, Checkpoint, Fatal, Framer, Source};
use std::sync::Arc;

/// The head of a CSV as it stands at the start of an input, whatever the spec's fields ask of its titles.
///
/// # Errors
/// What the source, the unpacker and the search for the header say.
pub async fn csv_head(
    plan: &Plan,
    dialect: &CsvDialect,
    origin: &dyn Origin,
) -> Result<Head, Fatal> {
    let opened = open_at(origin, &plan.input.unpack, 0).await?;
    let mut input = Begun {
        source: opened.source,
        bytes_before: opened.decoded_offset,
        at: 0,
        buffer: BytesMut::new(),
        at_end: false,
        taking: None,
    };
    input.head(plan, dialect).await
}

/// A source with the bytes that were read for the head.
pub struct Begun {
    pub source: Box<dyn Source>,
    /// Bytes of the stored object before the first read.
    pub bytes_before: u64,
    /// Decoded bytes before the next read.
    pub at: u64,
    pub buffer: BytesMut,
    pub at_end: bool,
    /// Set where its records are corrected ones.
    pub taking: Option<Taking>,
}

impl Begun {
    /// Reads up to the end of the header.
    pub async fn head(&mut self, plan: &Plan, dialect: &CsvDialect) -> Result<Head, Fatal> {
        let names = plan.bind.required_names();
        let held_by = |titles: &[String]| plan.bind.is_header(titles);
        let titles = RequiredTitles {
            names: &names,
            held_by: &held_by,
        };
        // The first rows may be records.
        let quiet = |fatal: Fatal| match plan.cover {
            Some(_) if fatal.code == "header_not_found" => Fatal {
                hint: None,
                ..fatal
            },
            _ => fatal,
        };
        loop {
            match find_head(dialect, &titles, &self.buffer, self.at_end).map_err(quiet)? {
                HeadStep::Found(head) => {
                    let _ = self.buffer.split_to(head.end.offset as usize);
                    return Ok(head);
                }
                HeadStep::NeedMore => {
                    self.buffer.reserve(READ_BYTES);
                    let read = self.source.read(&mut self.buffer).await?;
                    self.at += read as u64;
                    self.at_end = read == 0;
                }
            }
        }
    }

    /// For formats without a header.
    pub fn ready(
        self,
        plan: &Plan,
        framer: Box<dyn Framer>,
        from: Checkpoint,
        left_out: LeftOut,
        (front, accepted): (Front, &Accepted),
    ) -> Result<Opening, Fatal> {
        match kinds::front(plan, front, None, accepted) {
            Ok(front) => Ok(self.with_front(plan, framer, from, left_out, front)),
            Err(BindRefusal::Fatal(fatal)) => Err(fatal),
            Err(BindRefusal::Hold(cause)) => Ok(Opening::Held(breach(cause), from)),
        }
    }

    /// What is open, with parser and bind of each kind of record.
    pub fn with_front(
        self,
        plan: &Plan,
        framer: Box<dyn Framer>,
        from: Checkpoint,
        left_out: LeftOut,
        front: Front,
    ) -> Opening {
        let mut framer = kinds::framer(plan, framer, &from);
        framer.buffer().extend_from_slice(&self.buffer);
        // What one kind leaves out another may take.
        let left_out = match plan.kinds {
            None => left_out,
            Some(_) => LeftOut::default(),
        };
        Opening::Ready(Opened {
            source: self.source,
            source_at: self.at,
            bytes_before: self.bytes_before,
            framer,
            from,
            left_out: Box::new(left_out),
            duplicates: Box::default(),
            front,
            taking: self.taking,
            referred: Arc::default(),
        })
    }
}
