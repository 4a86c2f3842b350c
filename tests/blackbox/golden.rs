//! Golden files: what must come out of a spec's sample, kept in the tree beside it.
//!
//! For `specs/NAME.toml` the folder `specs/NAME/` holds the sample, `input.csv` say, and what comes out of it:
//! `records.jsonl` (the documents in the order of the input, without `_id`), `rejects.jsonl` (as `--rejects` writes them)
//! and `summary.json` (the state, the counters and the rejects by code and field). With `SLUICEGATE_BLESS=1` in the
//! environment what came out is written there instead of being compared: look at the difference before you commit it.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Differences of one file that are shown.
const MAX_SHOWN: usize = 5;
/// What stands in golden files for the number of a job, which is another in each run.
const ANY_JOB: &str = "JOB";

/// What came out of a sample.
#[derive(Debug)]
pub struct Outcome {
    /// Each document, a line.
    pub records: String,
    /// Each reject, a line.
    pub rejects: String,
    /// The job, in few words.
    pub summary: String,
}

impl Outcome {
    /// The outcome of the job that `run --json` told, with the files that it wrote.
    pub fn new(job: &Value, records: &str, rejects: String) -> Self {
        let id = job["jobId"].as_str().unwrap_or_default();
        Self {
            records: without_ids(records).replace(
                &format!("\"job\":\"{id}\""),
                &format!("\"job\":\"{ANY_JOB}\""),
            ),
            rejects,
            summary: summary(job),
        }
    }

    /// Compares with the golden files of `folder`, or writes them. Returns what differs.
    pub fn judge(&self, folder: &Path, blessing: bool) -> String {
        let mut differences = String::new();
        let files = [
            ("records.jsonl", &self.records),
            ("rejects.jsonl", &self.rejects),
            ("summary.json", &self.summary),
        ];
        for (name, came) in files {
            let path = folder.join(name);
            if blessing {
                std::fs::write(&path, came)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            } else {
                let golden = std::fs::read_to_string(&path).unwrap_or_default();
                differences.push_str(&compare(&path.display().to_string(), &golden, came));
            }
        }
        differences
    }
}

/// Whether golden files are to be written anew.
pub fn blessing() -> bool {
    std::env::var_os("SLUICEGATE_BLESS").is_some_and(|value| value == "1")
}

/// The sample in a golden folder: its only file that is called `input`, whatever its extension.
pub fn sample(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let named = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("input."))
    };
    let mut found = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(named);
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// The documents without `_id`, which is the first name of each: it follows from the input's path and time.
pub fn without_ids(documents: &str) -> String {
    let mut out = String::with_capacity(documents.len());
    for line in documents.split_inclusive('\n') {
        match line
            .strip_prefix("{\"_id\":\"")
            .and_then(|rest| rest.split_once('"'))
        {
            Some((_, rest)) => {
                out.push('{');
                out.push_str(rest.strip_prefix(',').unwrap_or(rest));
            }
            None => out.push_str(line),
        }
    }
    out
}

fn summary(job: &Value) -> String {
    let kinds = job["errors"].as_array().into_iter().flatten();
    let mut kinds: Vec<Value> = kinds
        .map(|kind| json!({ "code": kind["code"], "field": kind["field"], "count": kind["count"] }))
        .collect();
    kinds.sort_by_key(Value::to_string);
    let mut text = String::from("{\n");
    let _ = writeln!(
        text,
        "  \"state\": {},\n  \"stats\": {},",
        job["state"], job["stats"]
    );
    text.push_str("  \"errors\": [\n");
    for (index, kind) in kinds.iter().enumerate() {
        let comma = if index + 1 < kinds.len() { "," } else { "" };
        let _ = writeln!(text, "    {kind}{comma}");
    }
    text.push_str("  ]\n}\n");
    text
}

/// The lines in which two texts differ.
pub fn compare(name: &str, golden: &str, came: &str) -> String {
    let (golden_lines, came_lines): (Vec<_>, Vec<_>) =
        (golden.lines().collect(), came.lines().collect());
    let (mut out, mut count) = (String::new(), 0);
    for index in 0..golden_lines.len().max(came_lines.len()) {
        let (expected, found) = (golden_lines.get(index), came_lines.get(index));
        if expected == found {
            continue;
        }
        count += 1;
        if count <= MAX_SHOWN {
            let none = &"(nothing)";
            let _ = writeln!(
                out,
                "{name}:{}:\n  expected {}\n  came     {}",
                index + 1,
                expected.unwrap_or(none),
                found.unwrap_or(none)
            );
        }
    }
    if count > MAX_SHOWN {
        let _ = writeln!(out, "{name}: {count} lines differ in all");
    }
    out
}

#[test]
fn a_document_loses_its_id_only() {
    assert_eq!(
        without_ids("{\"_id\":\"00\",\"a\":{\"_id\":\"1\"}}\n{\"_id\":\"01\"}\n{\"b\":1}\n"),
        "{\"a\":{\"_id\":\"1\"}}\n{}\n{\"b\":1}\n"
    );
}

#[test]
fn differences_are_told_by_line() {
    assert_eq!(compare("f", "a\nb\n", "a\nb\n"), "");
    assert_eq!(
        compare("f", "a\nb\n", "a\nc\nd\n"),
        "f:2:\n  expected b\n  came     c\nf:3:\n  expected (nothing)\n  came     d\n"
    );
}
