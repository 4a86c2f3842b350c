//! A reject as people and programs read it: one JSON object, the same in a file of rejects and over HTTP.

use pipeline::{Problem, Reject};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;

/// A reject; as JSON, its names are those of the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectLine<'a> {
    /// The record's number, from 1.
    pub record: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Bytes of the decoded input before it.
    pub offset: u64,
    /// The code of the leading problem.
    pub code: &'a str,
    /// The field of the leading problem, where it has one.
    pub field: Option<&'a str>,
    /// What is said about the leading problem.
    pub message: &'a str,
    /// Every problem, the leading one first.
    pub problems: Vec<ProblemLine<'a>>,
    /// The first [`pipeline::MAX_RAW_BYTES`] of the record as text; what is not UTF-8 is shown as U+FFFD.
    pub raw: Cow<'a, str>,
}

/// One problem of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProblemLine<'a> {
    /// A stable word.
    pub code: &'a str,
    /// The field, where there is one.
    pub field: Option<&'a str>,
    /// One sentence for a person.
    pub message: &'a str,
}

impl<'a> From<&'a Problem> for ProblemLine<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            code: &problem.code,
            field: problem.field.as_deref(),
            message: &problem.message,
        }
    }
}

impl<'a> From<&'a Reject> for RejectLine<'a> {
    fn from(reject: &'a Reject) -> Self {
        let leading = reject.leading().map(ProblemLine::from);
        let leading = leading.unwrap_or(ProblemLine {
            code: "",
            field: None,
            message: "",
        });
        Self {
            record: reject.at.ordinal + 1,
            line: reject.at.line,
            offset: reject.at.offset,
            code: leading.code,
            field: leading.field,
            message: leading.message,
            problems: reject.problems.iter().map(ProblemLine::from).collect(),
            raw: String::from_utf8_lossy(&reject.raw),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::Position;

    #[test]
    fn numbers_are_from_one_and_raw_is_text() {
        let at = Position {
            ordinal: 4,
            line: 7,
            offset: 99,
        };
        let problems = vec![
            Problem::of_field("pattern", "k", "it is \"x\""),
            Problem::of_record("late", "too late"),
        ];
        let reject = Reject::new(at, problems, b"a\xff\n");
        let expected = concat!(
            r#"{"record":5,"line":7,"offset":99,"code":"pattern","field":"k","message":"it is \"x\"","problems":["#,
            r#"{"code":"pattern","field":"k","message":"it is \"x\""},{"code":"late","field":null,"message":"too late"}],"#,
            "\"raw\":\"a\u{fffd}\\n\"}"
        );
        assert_eq!(
            serde_json::to_string(&RejectLine::from(&reject)).unwrap(),
            expected
        );
    }
}
