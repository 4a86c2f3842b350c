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
#[cfg(test)]
mod tests;
mod titles;
mod xml;

pub use titles::titles_beside;
pub use xml::NAMESPACE;

use crate::frame::csv::CsvDialect;
use crate::plan::FormatPlan;
use bytes::Bytes;
use pipeline::{Block, Fatal, Parser, Position, Problem};
use std::sync::Arc;

/// What is added to each record: columns (where the file has such a title itself, [`titles_beside`] it), members, cells before
/// a line, attributes (there without `_`).
pub const ADDED: [&str; 4] = ["_reference", "_code", "_field", "_message"];
/// The member that holds a record of JSON which is no object.
pub const RAW: &str = "_raw";
/// The code of a record without a reference, or with one that says nothing.
pub const UNKNOWN: &str = "unknown_reference";
/// The code of a record whose reference was there before.
pub const DUPLICATE: &str = "duplicate_reference";

/// Which record of which job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The job's id.
    pub job: String,
    /// The record's ordinal.
    pub ordinal: u64,
}

impl Reference {
    /// A reference as it is written: `<job>:<number of the record, from 1>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (job, number) = text.trim().split_once(':')?;
        let number: u64 = number.parse().ok()?;
        let is_id = !job.is_empty() && job.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(Self {
            job: job.to_owned(),
            ordinal: number.checked_sub(1)?,
        })
    }
}

/// What a reference means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Referred {
    /// The record that stood there in the first input.
    At(Position),
    /// The same, where it had bytes that were no text: what stands for them has to go.
    NoText(Position),
    /// Nothing: it is refused, with this code.
    Refused(&'static str),
}

impl Referred {
    /// Where the record stood in the first input.
    pub fn place(&self) -> Option<Position> {
        match self {
            Self::At(place) | Self::NoText(place) => Some(*place),
            Self::Refused(_) => None,
        }
    }

    fn refusal(code: &'static str) -> Problem {
        let message = match code {
            DUPLICATE => "an earlier record of this file has the same reference",
            _ => {
                "no rejected record of the job has this reference; or there is none, or no record beside it"
            }
        };
        Problem::of_record(code, message)
    }
}

/// What was found of a record when what was added to it was taken off.
#[derive(Debug, Default)]
struct Taken {
    reference: Option<Reference>,
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

    /// Writes record `index` of a block as it was before.
    fn take(&self, block: &Block, index: usize, out: &mut Vec<u8>) -> Taken {
        match self {
            Self::Csv(columns) => columns.take(block.raw(index), out),
            Self::Json => json::take(block.text(index), out),
            Self::Lines => lines::take(block.text(index), out),
            Self::Xml => xml::take(block.raw(index), &block.context, out),
        }
    }

    /// The references of a block, one for each record.
    pub(crate) fn references(&self, block: &Block) -> Vec<Option<Reference>> {
        let mut bytes = Vec::new();
        let records = 0..block.frames.len();
        let each = records.map(|index| {
            bytes.clear();
            match block.frames[index].broken {
                Some(_) => None,
                None => self.take(block, index, &mut bytes).reference,
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
                let ordinal = block.start.ordinal + index as u64;
                let problem = match self.referred.get(ordinal as usize) {
                    Some(Referred::At(_)) => self.taking.take(block, index, &mut bytes).problem,
                    Some(Referred::NoText(_)) => {
                        let problem = self.taking.take(block, index, &mut bytes).problem;
                        let written = String::from_utf8_lossy(&bytes[start..]);
                        problem.or_else(|| no_text(&written))
                    }
                    Some(Referred::Refused(code)) => Some(Referred::refusal(code)),
                    None => Some(Referred::refusal(UNKNOWN)),
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
