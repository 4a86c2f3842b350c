//! Why records were rejected: problems of one code, field and shape of value are one cause.
//!
//! Memory does not grow with the rejects: so many causes, samples and values are kept, the others are counted.

use pipeline::{Problem, Reject};
use serde::Serialize;
use std::collections::BTreeMap;

/// The most causes that are told apart.
const MAX_CAUSES: usize = 200;
/// The most samples of a cause.
const MAX_SAMPLES: usize = 3;
/// The most distinct values of a cause that are kept.
const MAX_VALUES: usize = 20;
/// The most characters of the shape of a value.
const MAX_SHAPE_CHARS: usize = 24;

/// One cause.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The code.
    pub code: String,
    /// The field, where there is one.
    pub field: Option<String>,
    /// What the values look like: `9` for digits, `A` and `a` for letters; none where no value is at fault.
    pub shape: Option<String>,
    /// Records that have a problem of this cause.
    pub records: u64,
    /// Records that have no other problem.
    pub alone: u64,
    /// The first of them.
    pub samples: Vec<Sample>,
    /// The first distinct values, at most [`MAX_VALUES`], and how often each came.
    pub values: BTreeMap<String, u64>,
    /// Whether there are values that are not in `values`.
    pub more_values: bool,
}

/// One record of a cause.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Its number, from 1.
    pub record: u64,
    /// Its line, from 1.
    pub line: u64,
    /// What was said of it.
    pub message: String,
}

/// The key of a cause.
type Key = (String, Option<String>, Option<String>);

/// The causes of all rejects of a run.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    by_key: BTreeMap<Key, Cause>,
    /// Rejects.
    pub rejects: u64,
    /// Problems; several of one cause in a record are one.
    pub problems: u64,
    /// Those of causes over the limit.
    pub others: u64,
}

impl Causes {
    /// Takes in one reject.
    pub fn add(&mut self, reject: &Reject) {
        self.rejects += 1;
        let mut keys: Vec<Key> = Vec::new();
        for problem in &reject.problems {
            let value = value_of(problem);
            let key = (
                problem.code.to_string(),
                problem.field.clone(),
                value.as_deref().map(shape_of),
            );
            if keys.contains(&key) {
                continue;
            }
            self.problems += 1;
            self.note(&key, reject, problem, value);
            keys.push(key);
        }
        if let [only] = &keys[..]
            && let Some(cause) = self.by_key.get_mut(only)
        {
            cause.alone += 1;
        }
    }

    /// The causes, those of most records first.
    pub fn sorted(&self) -> Vec<&Cause> {
        let mut causes: Vec<&Cause> = self.by_key.values().collect();
        causes.sort_by_key(|cause| std::cmp::Reverse(cause.records));
        causes
    }

    /// Whether a value of a field is among those that are kept of some cause.
    pub fn have(&self, field: Option<&str>, value: &str) -> bool {
        let causes = self.by_key.values();
        let mut of_field = causes.filter(|cause| cause.field.as_deref() == field);
        of_field.any(|cause| cause.values.contains_key(value))
    }

    fn note(&mut self, key: &Key, reject: &Reject, problem: &Problem, value: Option<String>) {
        if !self.by_key.contains_key(key) && self.by_key.len() == MAX_CAUSES {
            self.others += 1;
            return;
        }
        let cause = self.by_key.entry(key.clone()).or_insert_with(|| Cause {
            code: key.0.clone(),
            field: key.1.clone(),
            shape: key.2.clone(),
            records: 0,
            alone: 0,
            samples: Vec::new(),
            values: BTreeMap::new(),
            more_values: false,
        });
        cause.records += 1;
        if cause.samples.len() < MAX_SAMPLES {
            cause.samples.push(Sample {
                record: reject.at.ordinal + 1,
                line: reject.at.line,
                message: problem.message.clone(),
            });
        }
        let room = cause.values.len() < MAX_VALUES;
        match value {
            None => {}
            Some(value) if room || cause.values.contains_key(&value) => {
                *cause.values.entry(value).or_default() += 1;
            }
            _ => cause.more_values = true,
        }
    }
}

/// The value that a message begins with, where it stands there as a whole.
fn value_of(problem: &Problem) -> Option<String> {
    problem.field.as_ref()?;
    let quoted = problem.message.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                '0' => value.push('\0'),
                c @ ('"' | '\\' | '\'') => value.push(c),
                // Other escapes are of characters that no change of a spec would name.
                _ => return None,
            },
            c => value.push(c),
        }
    }
    // A value that was cut goes on with `…`.
    chars.as_str().starts_with(' ').then_some(value)
}

/// Digits and letters as classes, each run of them once.
fn shape_of(value: &str) -> String {
    let mut shape = String::new();
    let mut last = None;
    for c in value.chars() {
        let class = match c {
            '0'..='9' => '9',
            c if c.is_uppercase() => 'A',
            c if c.is_alphabetic() => 'a',
            c if c.is_control() => ' ',
            c => c,
        };
        if last == Some(class) && matches!(class, '9' | 'A' | 'a' | ' ') {
            continue;
        }
        if shape.chars().count() == MAX_SHAPE_CHARS {
            shape.push('…');
            break;
        }
        shape.push(class);
        last = Some(class);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::Position;

    #[test]
    fn problems_of_one_code_field_and_shape_are_one_cause() {
        let problem = |field: &str, message: &str| Problem::of_field("type", field, message);
        let mut causes = Causes::default();
        for problems in [
            vec![problem("n", "\"12-3\" is no integer")],
            vec![
                problem("n", "\"4-56\" is no integer"),
                problem("m", "\"x\" is no date"),
            ],
            vec![problem("n", "\"\\\"\" is no integer")],
            vec![problem(
                "n",
                &format!("\"{}\"… is no integer", "9".repeat(100)),
            )],
        ] {
            causes.add(&Reject::new(Position::START, problems, b""));
        }
        assert_eq!((causes.rejects, causes.others), (4, 0));
        let found: Vec<_> = causes
            .sorted()
            .into_iter()
            .map(|cause| {
                (
                    cause.field.clone(),
                    cause.shape.clone(),
                    cause.records,
                    cause.alone,
                )
            })
            .collect();
        let of = |field: &str, shape: Option<&str>, records, alone| {
            (
                Some(field.to_owned()),
                shape.map(str::to_owned),
                records,
                alone,
            )
        };
        assert_eq!(
            found,
            [
                of("n", Some("9-9"), 2, 1),
                of("m", Some("a"), 1, 0),
                of("n", None, 1, 1),
                of("n", Some("\""), 1, 1),
            ]
        );
    }

    #[test]
    fn causes_are_bounded() {
        let mut causes = Causes::default();
        for number in 0..=MAX_CAUSES {
            let problem = Problem::of_field("type", format!("f{number}"), "\"x\" is no date");
            causes.add(&Reject::new(Position::START, vec![problem], b""));
        }
        assert_eq!((causes.by_key.len(), causes.others), (MAX_CAUSES, 1));
    }
}
