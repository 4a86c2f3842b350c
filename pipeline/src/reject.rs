//! A bad record, kept as data.
//!
//! A [`Reject`] is the outcome of one record that cannot be loaded. It rides in the batch beside the good
//! records and never ends a job; what ends a job is a [`crate::Fatal`].

use crate::Position;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The most raw bytes of a record that its reject keeps.
pub const MAX_RAW_BYTES: usize = 1024;

/// The most problems that a reject keeps; behind them, the problem [`MORE_PROBLEMS`] says that there are others.
pub const MAX_PROBLEMS: usize = 100;

/// The most bytes of a problem's field, and of its message.
pub const MAX_PROBLEM_TEXT_BYTES: usize = 1024;

/// The code of the problem that stands for those over [`MAX_PROBLEMS`].
pub const MORE_PROBLEMS: &str = "more_problems";

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
    /// What is wrong, the leading problem first; never empty, and at most one more than [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// The record's raw bytes, at most the first [`MAX_RAW_BYTES`].
    pub raw: Vec<u8>,
}

impl Reject {
    /// A reject of the record at `at`; of `raw` at most [`MAX_RAW_BYTES`] are kept. Names and numbers of fields come
    /// from the input, so problems are bounded as well: a reject is small, whatever the record.
    pub fn new(at: Position, mut problems: Vec<Problem>, raw: &[u8]) -> Self {
        debug_assert!(!problems.is_empty(), "a reject names what is wrong");
        if problems.len() > MAX_PROBLEMS {
            problems.truncate(MAX_PROBLEMS);
            let message = format!("more than {MAX_PROBLEMS} problems; the others are not listed");
            problems.push(Problem::of_record(MORE_PROBLEMS, message));
            problems.shrink_to_fit();
        }
        for problem in &mut problems {
            shorten(&mut problem.message);
            problem.field.as_mut().map(shorten);
        }
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

/// What rejects must not say: where values are personal, a reject is covered before anybody sees it.
pub trait Cover: std::fmt::Debug + Send + Sync {
    /// Takes what must not be said out of `reject`. Where it stands and its codes remain.
    fn hide(&self, reject: &mut Reject);
}

fn shorten(text: &mut String) {
    if text.len() > MAX_PROBLEM_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_PROBLEM_TEXT_BYTES - '…'.len_utf8()));
        text.push('…');
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(problems: usize, name: &str, expected: (usize, usize, &str)) {
        let message = format!("no field takes the key {name}");
        let problem = Problem::of_field("unknown_field", name, message);
        let reject = Reject::new(Position::START, vec![problem; problems], b"");
        let last = reject.problems.last().unwrap();
        let longest = reject.problems.iter().map(|problem| {
            let field = problem.field.as_ref().map_or(0, String::len);
            field.max(problem.message.len())
        });
        let found = (reject.problems.len(), longest.max().unwrap(), &*last.code);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_reject_is_small_whatever_the_record() {
        check(1, "a", (1, 24, "unknown_field"));
        check(100, "a", (100, 24, "unknown_field"));
        check(101, "a", (101, 49, MORE_PROBLEMS));
        check(100_000, "a", (101, 49, MORE_PROBLEMS));
        check(
            1,
            &"ä".repeat(1 << 20),
            (1, MAX_PROBLEM_TEXT_BYTES, "unknown_field"),
        );
    }
}
