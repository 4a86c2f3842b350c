//! What the README promises names its tests, and every name that it gives is in the tree.
//!
//! A name in the last column of a table of promises is a test (`…` stands for any letters), a module (with `::`, where `…`
//! stands for any modules between), or a file or folder. A promise without a name must say that it is not built yet.

use crate::code::Code;
use crate::tree::{Breaches, SourceFile, files, read, root};

/// The sections with tables of promises.
const SECTION: &str = "## Promises, and the tests that prove them";
/// The numbered promises.
const PROMISES: usize = 14;
/// What a promise says that has no test.
const NOT_BUILT: &str = "not built yet";
/// A row of a table of promises.
struct Row {
    /// Its line in the README, from 1.
    line: usize,
    /// `P1`, say; empty where it has no number of its own.
    number: String,
    /// The last column.
    proof: String,
}

impl Row {
    /// What stands in backticks in the last column.
    fn names(&self) -> Vec<&str> {
        self.proof.split('`').skip(1).step_by(2).collect()
    }
}

/// The rows of the section's tables.
fn rows() -> Vec<Row> {
    let text = read(&root().join("README.md"));
    let lines = (1..).zip(text.lines());
    let section = lines.skip_while(|(_, line)| *line != SECTION).skip(1);
    let section = section.take_while(|(_, line)| !line.starts_with("## "));
    let row = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        // The last cell stands before the line's last bar; lines below a header are dashes only.
        let proof = *cells.get(cells.len().checked_sub(2)?)?;
        let is_head = proof == "proven by" || proof.chars().all(|char| char == '-');
        (!is_head).then(|| Row {
            line: number,
            number: cells[0].to_owned(),
            proof: proof.to_owned(),
        })
    };
    section.filter_map(row).collect()
}

/// The names of the tests of a file: functions whose attributes say that they are one.
fn tests_of(code: &Code) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_test = false;
    for at in 0..code.tokens.len() {
        match code.word(at) {
            // `#[test]`, `#[tokio::test]`, `#[tokio::test(…)]`
            "test" if matches!(code.word(at + 1), "]" | "(") => is_test = true,
            "fn" if std::mem::take(&mut is_test) => found.push(code.word(at + 1)),
            "}" => is_test = false,
            _ => {}
        }
    }
    found
}

/// The modules of a file: its folders and its name, and those that it has inside.
fn modules_of(file: &SourceFile) -> Vec<Vec<String>> {
    let path = file.path.trim_end_matches(".rs");
    let parts = path
        .split('/')
        .filter(|part| !["src", "mod"].contains(part));
    let own: Vec<String> = parts.map(str::to_owned).collect();
    let inside = (0..file.code.tokens.len())
        .filter(|at| file.code.word(*at) == "mod" && file.code.word(at + 2) == "{");
    let inside = inside.map(|at| [&own[..], &[file.code.word(at + 1).to_owned()]].concat());
    let inside: Vec<_> = inside.collect();
    [vec![own], inside].concat()
}

/// Whether `text` is `pattern`, in which `…` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('…') {
        None => text == pattern,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.any(|at| is_like(&rest[at..], after))
        }),
    }
}

/// Whether the modules `path` end with `pattern`, in which `…` stands for any modules.
fn ends_like(path: &[String], pattern: &[&str]) -> bool {
    let Some((last, before)) = pattern.split_last() else {
        return true;
    };
    if *last == "…" {
        return (0..=path.len()).any(|length| ends_like(&path[..length], before));
    }
    path.split_last()
        .is_some_and(|(own, rest)| own == last && ends_like(rest, before))
}

/// What names can stand for.
struct Known {
    paths: Vec<String>,
    tests: Vec<String>,
    modules: Vec<Vec<String>>,
}

impl Known {
    fn of(files: &[SourceFile]) -> Self {
        let tests = files.iter().flat_map(|file| tests_of(&file.code));
        Self {
            paths: files.iter().map(|file| file.path.clone()).collect(),
            tests: tests.map(str::to_owned).collect(),
            modules: files.iter().flat_map(modules_of).collect(),
        }
    }

    /// Whether a name is in the tree.
    fn has(&self, name: &str) -> bool {
        if name.contains('/') {
            return root().join(name).exists();
        }
        if name.ends_with(".rs") {
            let end = format!("/{name}");
            return self.paths.iter().any(|path| path.ends_with(&end));
        }
        let parts: Vec<&str> = name.split("::").collect();
        // A test's name is a sentence: one word alone is a module.
        match parts.len() == 1 && name.contains(['_', '…']) {
            true => self.tests.iter().any(|test| is_like(test, name)),
            false => self.modules.iter().any(|path| ends_like(path, &parts)),
        }
    }
}

#[test]
fn every_promise_names_a_test_that_is_there() {
    let mut breaches =
        Breaches::of("a promise of the README names tests, modules or files that are in the tree");
    let known = Known::of(&files(""));
    let rows = rows();
    for row in &rows {
        let names = row.names();
        if names.is_empty() && !row.proof.starts_with(NOT_BUILT) {
            breaches.add("README.md", row.line, "the promise names no test");
        }
        for name in names {
            if !known.has(name) {
                let what = format!("there is no `{name}`");
                breaches.add("README.md", row.line, &what);
            }
        }
    }
    breaches.settle();
    let numbers: Vec<&str> = rows
        .iter()
        .map(|row| row.number.as_str())
        .filter(|number| number.starts_with('P') && number[1..].parse::<usize>().is_ok())
        .collect();
    let expected: Vec<String> = (1..=PROMISES).map(|number| format!("P{number}")).collect();
    assert_eq!(numbers, expected, "each promise stands once, in order");
}

#[test]
fn names_are_found_as_they_are_written() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        code: Code::of(text),
    };
    let known = Known::of(&[
        file(
            "server/src/queue/mongo/tests/plans.rs",
            "#[tokio::test(start_paused = true)]\nasync fn a_job_is_done_in_time() {}\nfn a_helper_of_tests() {}",
        ),
        file(
            "tests/blackbox/service/flow.rs",
            "#[test]\nfn one() {}\nmod inner { }",
        ),
    ]);
    for name in [
        "a_job_is_done_in_time",
        "a_job_…",
        "…_in_time",
        "a_…_done_…",
        "service::flow",
        "flow",
        "flow::inner",
        "queue::…::tests::plans",
        "queue::…::plans",
        "mongo::…::tests::plans",
        "flow.rs",
    ] {
        assert!(known.has(name), "{name} is there");
    }
    for name in [
        "a_job_is_done",
        "…_in",
        "a_helper_of_tests",
        "a_helper_…",
        "service::plans",
        "queue::flow",
        "queue::…::flow",
        "service",
        "low.rs",
        "tests/blackbox/none.rs",
    ] {
        assert!(!known.has(name), "{name} is not there");
    }
}
