//! `[[tests]]`: examples of input with the documents and rejects that must come out.

use crate::spec::{Problem, Problems, TestSpec};
use std::collections::BTreeMap;

/// A checked example.
#[derive(Clone, Debug, PartialEq)]
pub struct TestPlan {
    /// What it shows.
    pub name: String,
    /// Where its input is.
    pub input: TestInput,
    /// The documents, in order, without `_id`; none is not compared.
    pub expect: Option<Vec<serde_json::Value>>,
    /// The rejects, in order; none is not compared.
    pub expect_rejects: Option<Vec<ExpectedReject>>,
    /// Drops by name; none is not compared.
    pub expect_drops: Option<BTreeMap<String, u64>>,
    /// Warnings by name; none is not compared.
    pub expect_warnings: Option<BTreeMap<String, u64>>,
}

/// The input of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestInput {
    /// Decoded text.
    Text(String),
    /// A file beside the spec.
    File(String),
}

/// A reject that an example expects; what is not said is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedReject {
    /// The record's number, from 1.
    pub record: Option<u64>,
    /// The field of its leading problem.
    pub field: Option<String>,
    /// The code of its leading problem.
    pub code: Option<String>,
}

pub(super) fn plan(said: Vec<TestSpec>, problems: &mut Problems) -> Vec<TestPlan> {
    said.into_iter()
        .enumerate()
        .filter_map(|(index, test)| one(index, test, problems))
        .collect()
}

fn one(index: usize, test: TestSpec, problems: &mut Problems) -> Option<TestPlan> {
    let path = format!("tests[{index}]");
    let input = match (test.input, test.input_file) {
        (Some(text), None) => TestInput::Text(text),
        (None, Some(file)) => TestInput::File(file),
        (Some(_), Some(_)) => {
            let message = "a test has one input: input or input_file";
            problems.push(Problem::new(
                format!("{path}.input_file"),
                "bad_combination",
                message,
            ));
            return None;
        }
        (None, None) => {
            problems.push(
                Problem::new(path, "required", "the test has no input").hint("input = '''…'''"),
            );
            return None;
        }
    };
    let expects_counts = test.expect_drops.is_some() || test.expect_warnings.is_some();
    if test.expect.is_none() && test.expect_rejects.is_none() && !expects_counts {
        let message = "the test expects nothing, so it shows nothing";
        problems.push(
            Problem::new(path, "required", message)
                .hint("add expect = [...] or expect_rejects = [...]"),
        );
        return None;
    }
    let expect = test
        .expect
        .map(|documents| documents.into_iter().map(json_of_table).collect());
    let expect_rejects = test.expect_rejects.map(|rejects| {
        let one = |reject: crate::spec::ExpectedRejectSpec| ExpectedReject {
            record: reject.record,
            field: reject.field,
            code: reject.code,
        };
        rejects.into_iter().map(one).collect()
    });
    Some(TestPlan {
        name: test.name.unwrap_or_else(|| format!("tests[{index}]")),
        input,
        expect,
        expect_rejects,
        expect_drops: test.expect_drops,
        expect_warnings: test.expect_warnings,
    })
}

fn json_of_table(table: toml::Table) -> serde_json::Value {
    table
        .into_iter()
        .map(|(key, value)| (key, json_of(value)))
        .collect()
}

/// TOML as the JSON of the embedded store: dates and times are their text.
fn json_of(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => json_of_table(table),
    }
}
