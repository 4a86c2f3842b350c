//! Corrected records: files in the dialect in which rejects are given back, on their way to their load.
//!
//! ```text
//! framer ─► block ─► what was added is taken off, a mark before a formula with it ─► the format's own parser ─► …
//!                      └─ the reference: which record of the first input it was
//! ```
//!
//! What was added to a record ([`ADDED`], at the place that its format has for it) is taken off, and nothing else of it is
//! changed; so the format's parser reads what it would have read in the first input. A record without a reference, or with
//! one that is refused, is a problem of that record. Nothing here knows which references are good: whoever opens a file reads
//! them all first ([`crate::open::Opened::references`]), and says what each one means ([`Referred`]).

pub mod cells;
mod csv;
pub mod formula;
mod json;
mod lines;
mod plain;
mod reference;
#[cfg(test)]
mod tests;
mod titles;
mod xml;

pub use plain::Plain;
pub(crate) use reference::Beside;
pub use reference::{DUPLICATE, Named, Reference, Referred, Refusal, SETTLED, UNKNOWN};
pub use titles::titles_beside;
pub use xml::{NAMESPACE, PREFIX};

use crate::frame::csv::CsvDialect;
use crate::plan::FormatPlan;
use bytes::Bytes;
use pipeline::{Block, Fatal, Parser, Problem};
use std::sync::Arc;

/// What is added to each record: columns (where the file has such a title itself, [`titles_beside`] it), members, cells before
/// a line, attributes (there without `_`).
pub const ADDED: [&str; 4] = ["_reference", "_code", "_field", "_message"];
/// The member that holds a record of JSON which is no object.
pub const RAW: &str = "_raw";
/// What was found of a record when what was added to it was taken off.
#[derive(Debug, Default)]
struct Taken {
    reference: Beside,
    /// Why nothing is left that could be read.
    problem: Option<Problem>,
}

/// How what was added is taken off, by format.
#[derive(Clone, Debug)]
pub(crate) enum Taking {
    Csv(Box<csv::Columns>),
    Json,
    Lines,
    Xml,
}

impl Taking {
    /// For a format whose records need no head.
    pub(crate) fn of(format: &FormatPlan) -> Self {
        match format {
            FormatPlan::Xml(_) => Self::Xml,
            FormatPlan::Lines(..) | FormatPlan::Fixed(..) => Self::Lines,
            FormatPlan::Csv(_) | FormatPlan::Jsonl | FormatPlan::Json(_) => Self::Json,
        }
    }

    /// For a CSV with these titles; and the titles that are left.
    pub(crate) fn of_csv(
        dialect: &CsvDialect,
        titles: &[String],
    ) -> Result<(Self, Vec<String>), Fatal> {
        let (columns, left) = csv::Columns::find(dialect, titles)?;
        Ok((Self::Csv(Box::new(columns)), left))
    }

    /// Writes a record as it was before. `context`: the start tags around one of XML.
    fn take(&self, raw: &[u8], context: &[u8], out: &mut Vec<u8>) -> Taken {
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match self {
            Self::Csv(columns) => columns.take(text, out),
            Self::Json => json::take(text, out),
            Self::Lines => lines::take(text, out),
            Self::Xml => xml::take(raw, context, out),
        }
    }

    /// The references of a block, one for each record.
    pub(crate) fn references(&self, block: &Block) -> Vec<Beside> {
        let mut bytes = Vec::new();
        let records = 0..block.frames.len();
        let each = records.map(|index| {
            bytes.clear();
            match block.frames[index].broken {
                Some(_) => Beside::Nothing,
                None => {
                    let raw = block.raw(index);
                    self.take(raw, &block.context, &mut bytes).reference
                }
            }
        });
        each.collect()
    }
}

/// A parser of records to which nothing was added, for those to which something was.
pub(crate) struct Corrected<P> {
    pub parser: P,
    pub taking: Taking,
    /// What the reference of each record means, by its ordinal.
    pub referred: Arc<[Referred]>,
}

impl<W, P: Parser<W>> Parser<W> for Corrected<P> {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut W, Problem>),
    ) -> Result<(), Fatal> {
        let (plain, problems) = self.plain(block);
        let mut problems = problems.into_iter().peekable();
        self.parser.parse(&plain, &mut |index, row| {
            while let Some((refused, problem)) = problems.next_if(|(refused, _)| *refused < index) {
                each(refused, Err(problem));
            }
            each(index, row);
        })?;
        for (refused, problem) in problems {
            each(refused, Err(problem));
        }
        Ok(())
    }
}

impl<P> Corrected<P> {
    /// The block without what was added, and what is wrong with the records that are left out of it, in order.
    fn plain(&self, block: &Block) -> (Block, Vec<(usize, Problem)>) {
        let mut bytes = Vec::with_capacity(block.bytes.len());
        let mut frames = block.frames.clone();
        let mut problems = Vec::new();
        for (index, frame) in frames.iter_mut().enumerate() {
            let start = bytes.len();
            if frame.broken.is_none() {
                let raw = block.raw(index);
                let ordinal = block.start.ordinal + index as u64;
                let problem = match self.referred.get(ordinal as usize) {
                    Some(Referred::At(_)) => {
                        self.taking.take(raw, &block.context, &mut bytes).problem
                    }
                    Some(Referred::NoText(_)) => {
                        let problem = self.taking.take(raw, &block.context, &mut bytes).problem;
                        let written = String::from_utf8_lossy(&bytes[start..]);
                        problem.or_else(|| no_text(&written))
                    }
                    Some(Referred::Refused(refusal)) => Some(refusal.problem()),
                    None => Some(Refusal::Missing.problem()),
                };
                if let Some(problem) = problem {
                    bytes.truncate(start);
                    frame.broken = Some(UNKNOWN);
                    problems.push((index, problem));
                }
            }
            (frame.start, frame.end) = (start as u32, bytes.len() as u32);
        }
        let plain = Block {
            bytes: Bytes::from(bytes),
            frames,
            ..block.clone()
        };
        (plain, problems)
    }
}

/// The problem of a text in which something still stands for bytes that were no text, and that nobody has corrected.
fn no_text(record: &str) -> Option<Problem> {
    let message =
        "U+FFFD stands where the record has bytes that are no text: write what belongs there";
    record
        .contains(char::REPLACEMENT_CHARACTER)
        .then(|| Problem::of_record("encoding", message))
}

/// The problem of a record of which nothing is left.
fn no_record() -> Problem {
    let message = "without what was added to it, this is no record of the format";
    Problem::of_record("no_record", message)
}
