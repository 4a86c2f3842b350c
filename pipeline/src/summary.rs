//! What was wrong, by kind: one entry for each code and field, with a count and a sample.
//!
//! Its memory grows with the number of kinds of errors, never with the number of errors.

use crate::{MAX_RAW_BYTES, Position, Reject};
use serde::{Deserialize, Serialize};

/// The most kinds that are told apart; further ones are counted together under the code `other`.
pub const MAX_KINDS: usize = 200;

/// Rejects grouped by the code and field of their leading problem, in the order of first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Summary {
    kinds: Vec<Kind>,
}

/// All rejects with one code and field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// The code of the leading problem.
    pub code: String,
    /// Its field, where it has one.
    pub field: Option<String>,
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub sample: Sample,
}

/// One reject of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Where it stands.
    pub at: Position,
    /// What is said about it.
    pub message: String,
    /// Its raw bytes as text, at most [`MAX_RAW_BYTES`]; what is not UTF-8 is shown as U+FFFD.
    pub raw: String,
}

impl Summary {
    /// Counts one reject.
    pub fn count(&mut self, reject: &Reject) {
        let Some(problem) = reject.leading() else {
            return;
        };
        let field = problem.field.as_deref();
        let same = |kind: &&mut Kind| kind.code == problem.code && kind.field.as_deref() == field;
        if let Some(kind) = self.kinds.iter_mut().find(same) {
            kind.count += 1;
            return;
        }
        let full = self.kinds.len() >= MAX_KINDS;
        if full && let Some(last) = self.kinds.last_mut().filter(|kind| kind.code == "other") {
            last.count += 1;
            return;
        }
        let raw = &reject.raw[..reject.raw.len().min(MAX_RAW_BYTES)];
        self.kinds.push(Kind {
            code: if full {
                "other".into()
            } else {
                problem.code.to_string()
            },
            field: if full { None } else { problem.field.clone() },
            count: 1,
            sample: Sample {
                at: reject.at,
                message: problem.message.clone(),
                raw: String::from_utf8_lossy(raw).into_owned(),
            },
        });
    }

    /// The kinds, in the order in which they first appeared.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// How many rejects were counted.
    pub fn total(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.count).sum()
    }
}
