//! A bad record, kept as data.
//!
//! A [`Reject`] is the outcome of one record that cannot be loaded. It rides in the batch beside the good
//! records and never ends a job; what ends a job is a [`crate::Fatal`].

use crate::Position;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The most raw bytes of a record that its reject keeps.
pub const MAX_RAW_BYTES: usize = 1024;

/// One thing that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable word, `pattern` say, or the name of the `reject` step that refused the record.
    pub code: Cow<'static, str>,
    /// The field that is at fault, where there is one.
    pub field: Option<String>,
    /// One sentence for a person, with the value that was found.
    pub message: String,
}

impl Problem {
    /// A problem of the whole record.
    pub fn of_record(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            field: None,
            message: message.into(),
        }
    }

    /// A problem of one field.
    pub fn of_field(
        code: impl Into<Cow<'static, str>>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            field: Some(field.into()),
            message: message.into(),
        }
    }
}

/// A record that was refused, with every problem that was found in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Where the record stands.
    pub at: Position,
    /// What is wrong, the leading problem first; never empty.
    pub problems: Vec<Problem>,
    /// The record's raw bytes, at most the first [`MAX_RAW_BYTES`].
    pub raw: Vec<u8>,
}

impl Reject {
    /// A reject of the record at `at`; of `raw` at most [`MAX_RAW_BYTES`] are kept.
    pub fn new(at: Position, problems: Vec<Problem>, raw: &[u8]) -> Self {
        debug_assert!(!problems.is_empty(), "a reject names what is wrong");
        Self {
            at,
            problems,
            raw: raw[..raw.len().min(MAX_RAW_BYTES)].to_vec(),
        }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self
            .problems
            .iter()
            .map(|problem| problem.message.len() + problem.field.as_ref().map_or(0, String::len));
        size_of_val(&*self.problems) + texts.sum::<usize>() + self.raw.len() + size_of::<Self>()
    }

    /// The problem under which this reject is counted: its first.
    pub fn leading(&self) -> Option<&Problem> {
        self.problems.first()
    }
}
