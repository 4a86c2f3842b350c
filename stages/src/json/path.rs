//! The path to the records of a JSON document: a subset of RFC 9535 that can be followed while reading forward.
//!
//! Names, indexes from the start and wildcards, each in both notations of the RFC. What would have to search, look
//! back or judge values (`..`, slices, negative indexes, filters) is refused by name. Nothing here reads a document.

use super::MAX_DEPTH_LEVELS;
use super::selector::{self, Controls, Fault, Selector, is_plain};
use std::fmt;

/// What a path refuses is told with this code where it is RFC 9535 and not built.
pub const UNSUPPORTED: &str = "unsupported";
/// What a path refuses is told with this code where it is none.
pub const BAD_PATH: &str = "bad_path";
/// The most steps of a path. Each goes one level down, and a document has at most so many.
pub const MAX_STEPS: usize = MAX_DEPTH_LEVELS;

/// Where the records of a document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPath {
    steps: Vec<Step>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value with this name.
    Name(String),
    /// To the item with this number, from 0.
    Index(u64),
    /// To every item of an array, or every value of an object.
    Any,
}

/// Why a text is no path: a code, a sentence and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPath {
    /// [`UNSUPPORTED`] or [`BAD_PATH`].
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub hint: &'static str,
}

/// Indexes are below this (RFC 9535, 2.1: numbers are those that a double holds exactly).
const INDEXES: u64 = 1 << 53;
const EXAMPLE: &str = "\"$[*]\" or \"$.data.events[*]\", for example";
const FORWARD: &str =
    "the document is read forward: names, indexes from 0 and `[*]` say where its records are";

impl RecordPath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, or not built.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err(bad(format!("the path {text:?} does not begin with `$`")));
        };
        let mut steps = Vec::new();
        loop {
            // The RFC allows blanks before each step, and none behind the last.
            let next = rest.trim_start_matches(is_blank);
            if next.is_empty() {
                break;
            }
            let (step, behind) = match next.strip_prefix('[') {
                Some(inside) => bracket(inside)?,
                None => shorthand(next)?,
            };
            steps.push(step);
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(bad("a blank stands behind the path".to_owned()));
        }
        if steps.len() > MAX_STEPS {
            let message = format!(
                "the path has {} steps, the most is {MAX_STEPS}",
                steps.len()
            );
            return Err(bad(message));
        }
        Ok(Self { steps })
    }

    /// Its steps, from the document down.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a framer can go on in the middle of a document: then one wildcard stands at the end, and everything
    /// around a record follows from the path.
    pub fn restarts(&self) -> bool {
        let wildcards = self.steps.iter().filter(|step| **step == Step::Any);
        self.steps.last() == Some(&Step::Any) && wildcards.count() == 1
    }

    /// What stands before and behind records in a document in which this path finds them again.
    pub fn around(&self) -> (String, String) {
        let (mut before, mut behind) = (String::new(), String::new());
        for step in &self.steps {
            match step {
                Step::Name(name) => {
                    before += &format!("{{{}:", serde_json::Value::from(name.as_str()));
                    behind.insert(0, '}');
                }
                Step::Index(index) => {
                    before.push('[');
                    before += &"null,".repeat((*index).min(MAX_EMPTY_ITEMS) as usize);
                    behind.insert(0, ']');
                }
                Step::Any => {
                    before.push('[');
                    behind.insert(0, ']');
                }
            }
        }
        (before, behind)
    }
}

/// The most items that are written before one with a number.
const MAX_EMPTY_ITEMS: u64 = 100_000;

impl fmt::Display for RecordPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.steps {
            match step {
                Step::Name(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Name(name) => write!(f, "[{}]", serde_json::Value::from(name.as_str()))?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

fn bad(message: String) -> BadPath {
    BadPath {
        code: BAD_PATH,
        message,
        hint: EXAMPLE,
    }
}

fn unsupported(what: &str) -> BadPath {
    BadPath {
        code: UNSUPPORTED,
        message: format!("{what} cannot stand in a record_path"),
        hint: FORWARD,
    }
}

fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r')
}

/// `.name` or `.*`.
fn shorthand(text: &str) -> Result<(Step, &str), BadPath> {
    match selector::dotted(text) {
        Ok((Selector::Name(_), rest))
            if !rest.is_empty() && !rest.starts_with(['.', '[']) && !rest.starts_with(is_blank) =>
        {
            Err(bad(format!("`{text}` is no plain name: write `['…']`")))
        }
        Ok((Selector::Name(name), rest)) => Ok((Step::Name(name), rest)),
        Ok((_, rest)) => Ok((Step::Any, rest)),
        Err(Fault::Search) => Err(unsupported("`..`, which searches all levels,")),
        Err(Fault::NoName) => Err(bad(format!("`{text}` is no name: write `['…']`"))),
        Err(_) => Err(bad(format!(
            "`{text}` is no step: expected `.name` or `[…]`"
        ))),
    }
}

/// What stands behind `[`.
fn bracket(text: &str) -> Result<(Step, &str), BadPath> {
    let inside = text.trim_start_matches(is_blank);
    let no_step = || {
        bad(format!(
            "`[{inside}` is no step: expected an index, `*` or a name in quotes"
        ))
    };
    let (step, rest) = match selector::in_brackets(inside, Controls::Escaped) {
        Ok((Selector::Any, rest)) => (Step::Any, rest),
        Ok((Selector::Name(name), rest)) => (Step::Name(name), rest),
        Ok((Selector::Index(number), _)) if number.unsigned_abs() >= INDEXES => {
            return Err(no_step());
        }
        Ok((Selector::Index(number), rest)) => match u64::try_from(number) {
            Ok(number) => (Step::Index(number), rest),
            Err(_) => return Err(unsupported("an index from the end")),
        },
        Err(Fault::Filter) => return Err(unsupported("a filter")),
        Err(Fault::Slice) => return Err(unsupported("a slice")),
        Err(Fault::MinusZero) => return Err(bad("`-0` is no index".to_owned())),
        Err(Fault::Quoted(reason)) => return Err(bad(reason.to_owned())),
        Err(_) => return Err(no_step()),
    };
    let rest = rest.trim_start_matches(is_blank);
    match rest.chars().next() {
        Some(']') => Ok((step, &rest[1..])),
        Some(',') => Err(unsupported("a list of several places")),
        Some(':') => Err(unsupported("a slice")),
        _ => Err(bad(format!("a `]` is missing in `[{text}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (text, shown, restarts) in [
            ("$", "$", false),
            ("$[*]", "$[*]", true),
            ("$.*", "$[*]", true),
            ("$.data.events[*]", "$.data.events[*]", true),
            ("$['data'][\"events\"][ * ]", "$.data.events[*]", true),
            ("$ .data [ 'a b' ] [0]", "$.data[\"a b\"][0]", false),
            ("$.data[12][*]", "$.data[12][*]", true),
            ("$.orders[*].items[*]", "$.orders[*].items[*]", false),
            ("$[*].a", "$[*].a", false),
            ("$.größe", "$.größe", false),
            (
                r"$['it\'s \n \u00e9 \ud83d\ude00']",
                "$[\"it's \\n é 😀\"]",
                false,
            ),
            ("$['']", "$[\"\"]", false),
        ] {
            let path = RecordPath::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert_eq!(
                (&*path.to_string(), path.restarts()),
                (shown, restarts),
                "{text}"
            );
            assert_eq!(RecordPath::parse(&path.to_string()), Ok(path), "{text}");
        }
    }

    #[test]
    fn what_looks_back_or_searches_is_refused_by_name() {
        for (text, expected) in [
            ("$..events[*]", "`..`, which searches all levels,"),
            ("$..*", "`..`, which searches all levels,"),
            ("$[1:2]", "a slice"),
            ("$[:2]", "a slice"),
            ("$[::2]", "a slice"),
            ("$[?@.a > 1]", "a filter"),
            ("$[-1]", "an index from the end"),
            ("$['a','b']", "a list of several places"),
            ("$[0, 1]", "a list of several places"),
            ("$[*,0]", "a list of several places"),
        ] {
            let found = RecordPath::parse(text).unwrap_err();
            let expected = format!("{expected} cannot stand in a record_path");
            assert_eq!(
                (found.code, found.message),
                (UNSUPPORTED, expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let long = "$".to_owned() + &"[0]".repeat(MAX_STEPS + 1);
        for text in [
            "",
            "events",
            ".events",
            "$.",
            "$events",
            "$.a-b",
            "$.1a",
            "$['a",
            "$['a'",
            "$['a'x]",
            "$[",
            "$[0",
            "$[]",
            "$[01]",
            "$[-0]",
            "$[+1]",
            "$[a]",
            "$.a b",
            "$ ",
            "$.a ",
            r"$['\x']",
            r"$['\ud83d']",
            "$[9007199254740992]",
            "$['a\n']",
            &long,
        ] {
            let found = RecordPath::parse(text).map_err(|found| found.code);
            assert_eq!(found, Err(BAD_PATH), "{text}");
        }
    }

    #[test]
    fn a_document_around_records_leads_to_them() {
        for (path, expected) in [
            ("$", ("", "")),
            ("$[*]", ("[", "]")),
            ("$.a['b \"c']['*'][*]", (r#"{"a":{"b \"c":{"*":["#, "]}}}")),
            (
                "$.orders[*].items[2]",
                (r#"{"orders":[{"items":[null,null,"#, "]}]}"),
            ),
        ] {
            let (before, behind) = RecordPath::parse(path).unwrap().around();
            assert_eq!((&*before, &*behind), expected, "{path}");
        }
    }
}
