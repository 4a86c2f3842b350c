//! Where a job is run, every `select!` says its order: one that is not `biased` draws the branch from the thread's own
//! dice, and no seed repeats such a run.

use crate::code::Code;
use crate::tree::{Breaches, files};

/// Files below these beginnings of paths run a job.
const RUN_A_JOB: [&str; 3] = ["server/src/worker", "server/src/load", "pipeline/src/run"];

/// The lines of each `select!` that is not `biased`.
fn drawn(code: &Code) -> Vec<usize> {
    let is_drawn = |at: &usize| {
        let words = [0, 1, 2, 3].map(|ahead| code.word(at + ahead));
        matches!(words, ["select", "!", "{", other] if other != "biased")
    };
    let found = (0..code.tokens.len()).filter(is_drawn);
    found.map(|at| code.tokens[at].line).collect()
}

#[test]
fn what_runs_a_job_selects_in_an_order() {
    let mut breaches = Breaches::of("what runs a job selects in an order");
    let files = ["server/src", "pipeline/src"].map(files);
    let mut ordered = 0;
    for file in files.iter().flatten() {
        if RUN_A_JOB.iter().any(|below| file.path.starts_with(below)) {
            for line in drawn(&file.code) {
                breaches.add(&file.path, line, "`select!` without `biased`");
            }
            ordered += usize::from(file.text.contains("biased;"));
        }
    }
    breaches.settle();
    assert!(ordered > 0, "no file was looked at");
}

#[test]
fn a_select_without_its_order_is_found() {
    let source = "fn a() {\n  tokio::select! { biased; x = y => {} }\n  select! { x = y => {} }\n}";
    assert_eq!(drawn(&Code::of(source)), [3]);
}
