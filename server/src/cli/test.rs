//! `test`: the `[[tests]]` of a spec, run through the same parts as a load.

use super::{Exit, spec};
use crate::config::Config;
use async_trait::async_trait;
use pipeline::{
    Accepted, Batch, Budget, Encode, End, Fatal, Job, OnBreach, Position, Problem, Reject, Sink,
    Written,
};
use serde_json::Value;
use stages::ledger::MemoryLedger;
use stages::open::Opening;
use stages::plan::{ExpectedReject, Plan, TestInput, TestPlan};
use stages::record::{DocumentWriter, Record};
use stages::sink::{Flow, Opened};
use stages::source::memory::MemoryOrigin;
use stages::unpack::{Compression, Encoding, Unpack};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs every test of a spec.
pub async fn test(config: &Config, reference: &str) -> Exit {
    let found = match spec::find(config, reference) {
        Ok(found) => found,
        Err(bad) => {
            eprint!("{}", bad.text);
            return Exit::Usage;
        }
    };
    let folder = found.path.parent().unwrap_or(Path::new("."));
    let (mut out, mut failed) = (String::new(), 0);
    for test in &found.plan.tests {
        let differences = match run(&found.plan, test, folder).await {
            Ok(came) => came.differences(test),
            Err(fatal) => vec![format!("it failed: {fatal}")],
        };
        let verdict = if differences.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        let _ = writeln!(out, "test {} ... {verdict}", test.name);
        for difference in &differences {
            let _ = writeln!(out, "  {difference}");
        }
        failed += usize::from(!differences.is_empty());
    }
    let passed = found.plan.tests.len() - failed;
    let _ = writeln!(
        out,
        "{}: {passed} passed, {failed} failed",
        found.plan.reference()
    );
    match super::print(&out) {
        Exit::Done if failed > 0 => Exit::Failed,
        exit => exit,
    }
}

/// What came out of a test's input.
struct Came {
    documents: Vec<Value>,
    rejects: Vec<Reject>,
    drops: BTreeMap<String, u64>,
    warnings: BTreeMap<String, u64>,
}

async fn run(plan: &Plan, test: &TestPlan, folder: &Path) -> Result<Came, Fatal> {
    let mut plan = plan.clone();
    let bytes = match &test.input {
        TestInput::Text(text) => {
            // It stands in the spec as decoded text, however the real files are compressed and encoded.
            plan.input.unpack = Unpack {
                compression: Compression::None,
                member: None,
                encoding: Encoding::default(),
                ..plan.input.unpack
            };
            text.clone().into_bytes()
        }
        TestInput::File(file) => {
            let path = folder.join(file);
            std::fs::read(&path).map_err(|error| {
                Fatal::new("not_found", format!("{} cannot be read", path.display()))
                    .because(&error)
            })?
        }
    };
    let origin = MemoryOrigin::new(&test.name, bytes);
    let opened = match stages::open::open(&plan, &origin, None, &Accepted::default()).await? {
        Opening::Ready(opened) => opened,
        Opening::Held(breach, _) => return Err(Fatal::new(breach.cause.kind(), breach.message)),
    };
    let documents = Documents(DocumentWriter::new(
        &plan.schema,
        plan.sink.target.nulls,
        None,
    ));
    let rejects = Arc::new(Mutex::new(Vec::new()));
    let (sink, ledger) = (Arc::new(Collect::default()), collecting(rejects.clone()));
    let into = Opened {
        encode: Box::new(documents),
        sink: sink.clone(),
    };
    // At once, in order: what the spec says of a target's pace is not for here.
    let flow = Flow {
        batch: plan.sink.flow.batch,
        ..Flow::default().in_order()
    };
    let report = pipeline::run(Job {
        // Examples are short: what must be equal at the end of a file need not be at theirs.
        controls: Vec::new(),
        budget: Budget {
            on_breach: OnBreach::Continue,
            ..plan.budget
        },
        ..opened.job(&plan, into, ledger, flow)
    })
    .await;
    if let End::Failed(fatal) = report.end {
        return Err(fatal);
    }
    let documents = std::mem::take(&mut *lock(&sink.documents));
    let rejects = std::mem::take(&mut *lock(&rejects));
    let counters = report.checkpoint.books.counters;
    Ok(Came {
        documents,
        rejects,
        drops: counters.dropped,
        warnings: counters.warned,
    })
}

fn collecting(rejects: Arc<Mutex<Vec<Reject>>>) -> Arc<MemoryLedger> {
    Arc::new(MemoryLedger::with_each(move |reject| {
        lock(&rejects).push(reject.clone());
        Ok(())
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Came {
    fn differences(&self, test: &TestPlan) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(expected) = &test.expect {
            compare(
                "document",
                expected,
                &self.documents,
                Value::eq,
                Value::to_string,
                Value::to_string,
                &mut found,
            );
        }
        if let Some(expected) = &test.expect_rejects {
            compare(
                "reject",
                expected,
                &self.rejects,
                meets,
                expected_text,
                reject_text,
                &mut found,
            );
        }
        for (what, expected, came) in [
            ("drops", &test.expect_drops, &self.drops),
            ("warnings", &test.expect_warnings, &self.warnings),
        ] {
            if let Some(expected) = expected.as_ref().filter(|expected| *expected != came) {
                found.push(format!("{what}: expected {expected:?}, came {came:?}"));
            }
        }
        found
    }
}

fn compare<E, C>(
    what: &str,
    expected: &[E],
    came: &[C],
    equal: impl Fn(&E, &C) -> bool,
    expected_text: impl Fn(&E) -> String,
    came_text: impl Fn(&C) -> String,
    found: &mut Vec<String>,
) {
    for index in 0..expected.len().max(came.len()) {
        let number = index + 1;
        match (expected.get(index), came.get(index)) {
            (Some(e), Some(c)) if equal(e, c) => {}
            (Some(e), Some(c)) => {
                found.push(format!("{what} {number}: expected {}", expected_text(e)));
                found.push(format!("{what} {number}:     came {}", came_text(c)));
            }
            (Some(e), None) => {
                found.push(format!("{what} {number} is missing: {}", expected_text(e)))
            }
            (None, Some(c)) => found.push(format!(
                "{what} {number} was not expected: {}",
                came_text(c)
            )),
            (None, None) => {}
        }
    }
}

fn meets(expected: &ExpectedReject, came: &Reject) -> bool {
    let leading = came.leading();
    expected
        .record
        .is_none_or(|record| record == came.at.ordinal + 1)
        && expected
            .code
            .as_deref()
            .is_none_or(|code| leading.is_some_and(|p| p.code == code))
        && expected
            .field
            .as_deref()
            .is_none_or(|field| leading.is_some_and(|p| p.field.as_deref() == Some(field)))
}

fn expected_text(expected: &ExpectedReject) -> String {
    let ExpectedReject {
        record,
        field,
        code,
    } = expected;
    let mut parts = Vec::new();
    parts.extend(record.map(|record| format!("record {record}")));
    parts.extend(code.as_ref().map(|code| format!("code {code}")));
    parts.extend(field.as_ref().map(|field| format!("field {field}")));
    parts.join(", ")
}

fn reject_text(came: &Reject) -> String {
    let problems = came.problems.iter().map(|problem| {
        let field = problem
            .field
            .as_deref()
            .map(|field| format!(", field {field}"))
            .unwrap_or_default();
        format!("code {}{field} ({})", problem.code, problem.message)
    });
    format!(
        "record {}, {}",
        came.at.ordinal + 1,
        problems.collect::<Vec<_>>().join("; ")
    )
}

/// Writes the documents that the sink keeps.
struct Documents(DocumentWriter);

impl Encode<Record> for Documents {
    fn encode(
        &self,
        at: Position,
        _: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        self.0.write(None, at, record, out);
        Ok(())
    }
}

/// A sink that keeps the documents of a test, which a spec bounds by its own size.
#[derive(Default)]
struct Collect {
    documents: Mutex<Vec<Value>>,
}

#[async_trait]
impl Sink for Collect {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut documents = lock(&self.documents);
        for operation in batch.operations() {
            let document = serde_json::from_slice(operation.bytes()).map_err(|error| {
                Fatal::new("bad_document", "a document is no JSON").because(&error)
            })?;
            documents.push(document);
        }
        Ok(Written::all_of(batch))
    }
}
