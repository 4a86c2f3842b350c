//! One case of bad input: what is loaded, what a job says of it, and how a table writes its rejects.
//!
//! A case is a line: input, how the job ends, what is loaded, what is rejected. A reject is written
//! `record:line:offset code field`, its further problems behind a `+`.

use serde_json::Value;
use testbed::process::Sluicegate;

use crate::found::{Documents, rejects_of};
use crate::job::{Job, job, place};

/// How a job with good and bad records ends here: the budget allows everything.
pub const REJECTS: &str = "completed 3";
/// How a job ends whose records are all good.
pub const ALL: &str = "completed 0";

/// A format with the fields that its records have, and a place to run in.
pub struct Case {
    pub format: &'static str,
    pub place: Sluicegate,
    /// Lines of `[input]`.
    pub input: &'static str,
    /// Lines of `[columns]`.
    pub columns: &'static str,
    /// Lines of `[errors]`.
    pub errors: &'static str,
    pub fields: &'static str,
}

/// CSV with a text `a` and a number `n`.
pub fn csv() -> Case {
    Case {
        format: "csv",
        place: place(),
        input: "",
        columns: "",
        errors: "max_ratio = 1.0",
        fields: "a = { type = \"string\" }\nn = { type = \"integer\" }",
    }
}

/// JSON Lines with the same, and an object `o`.
pub fn jsonl() -> Case {
    let fields = "a = { type = \"string\" }\nn = { type = \"integer\" }\no = { type = \"object\" }";
    Case {
        format: "jsonl",
        fields,
        ..csv()
    }
}

impl Case {
    /// Loads `input` from a file called `name`.
    pub async fn load(&self, name: &str, input: &[u8]) -> Job {
        let Case {
            format,
            input: lines,
            columns,
            errors,
            fields,
            ..
        } = self;
        let spec = format!(
            "spec = 1\nname = \"bad\"\n[input]\n{lines}\n[format.{format}]\n[columns]\n{columns}\n[fields]\n{fields}\n\
             [errors]\n{errors}\n[sink.mongodb]\ncollection = \"bad\"\n"
        );
        self.place.write("bad.toml", spec);
        self.place.write(name, input);
        job(
            &self.place,
            &["run", "bad.toml", name, "--rejects", "rejects.jsonl"],
        )
        .await
    }

    /// Loads `input` and compares everything that is to be seen.
    pub async fn check(
        self,
        input: impl AsRef<[u8]>,
        verdict: &str,
        loaded: &[&str],
        rejected: &[&str],
    ) {
        self.check_file("input", input, verdict, loaded, rejected)
            .await;
    }

    /// The same with a name of the file's own.
    pub async fn check_file(
        self,
        name: &str,
        input: impl AsRef<[u8]>,
        verdict: &str,
        loaded: &[&str],
        rejected: &[&str],
    ) {
        let input = input.as_ref();
        let shown = format!(
            "{} {:?}",
            self.format,
            String::from_utf8_lossy(&input[..input.len().min(200)])
        );
        let job = self.load(name, input).await;
        assert_eq!(job.verdict(), verdict, "{shown}\n{}", job.stderr);
        let found = Documents::of_store(&self.place, "bad").await;
        let expected: Vec<Value> = loaded
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        assert_eq!(
            found.values(),
            expected.iter().collect::<Vec<_>>(),
            "{shown}"
        );
        assert_eq!(rejects(&self.place), rejected, "{shown}");
        assert_eq!(
            (job.stats.loaded, job.stats.rejected),
            (loaded.len() as u64, rejected.len() as u64),
            "{shown}"
        );
    }
}

/// The file of rejects as this table writes them.
pub fn rejects(place: &Sluicegate) -> Vec<String> {
    let rejects = rejects_of(&place.path("rejects.jsonl"));
    let text = |problem: &Value| {
        let (code, field) = (problem["code"].as_str().unwrap(), problem["field"].as_str());
        format!("{code} {}", field.unwrap_or("-"))
    };
    let line = |reject: &Value| {
        let problems: Vec<String> = reject["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect();
        format!(
            "{}:{}:{} {}",
            reject["record"],
            reject["line"],
            reject["offset"],
            problems.join(" + ")
        )
    };
    rejects.values().map(line).collect()
}

/// Two good records, as documents and as lines of JSON.
pub const X: &str = r#"{"a":"x","n":1}"#;
pub const Y: &str = r#"{"a":"y","n":2}"#;
