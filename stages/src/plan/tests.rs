//! What planning refuses, where it points, and that the defaults are what `defaults.toml` says.

use super::*;
use crate::spec::DEFAULTS;

const HEAD: &str = "spec = 1\nname = 'a'\n[format.csv]\n[fields]\nx = {}\n";
const SINK: &str = "[sink.null]\n";

fn read(text: &str) -> Result<Plan, Box<Problems>> {
    Plan::read("a.toml", text, Defaults::default())
}

/// Each problem as `line:column code`.
fn check(text: &str, expected: &[&str]) {
    let found = match read(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(shown).collect(),
    };
    assert_eq!(found, expected, "{text}");
}

fn shown(problem: &Problem) -> String {
    match &problem.place {
        Some(place) => format!("{}:{} {}", place.line, place.column, problem.code),
        None => problem.code.to_owned(),
    }
}

#[test]
fn what_is_missing_is_told_all_at_once() {
    check(&format!("{HEAD}{SINK}"), &[]);
    check(
        "",
        &[
            "1:1 required",
            "1:1 required",
            "1:1 required",
            "1:1 required",
            "1:1 required",
        ],
    );
    check(
        "spec = 2\nname = 'Ä'\nversion = 0\n",
        &[
            "1:1 required",
            "1:1 required",
            "1:1 required",
            "1:8 unsupported_version",
            "2:8 bad_name",
            "3:11 bad_value",
        ],
    );
}

#[test]
fn what_makes_no_sense_is_told_at_its_place() {
    let with = |more: &str| format!("{HEAD}{more}{SINK}");
    check(&with("[errors]\nmax_ratio = 1.5\n"), &["7:13 bad_value"]);
    check(
        &with("[input]\ncompression = 'xz'\nencoding = 'latin1'\n"),
        &["7:15 unsupported", "8:12 unsupported"],
    );
    check(
        &with("[input]\nmatch = ['a/b']\nmax_record_bytes = '1GiB'\n"),
        &["7:10 bad_value", "8:20 bad_value"],
    );
    check(
        &with("[[steps]]\ndrop = { name = 'd', when = 'y == 1' }\n"),
        &["7:29 bad_step"],
    );
    check(
        &with("[[steps]]\nderive = { field = 'x', type = 'string', expr = \"'y'\" }\n"),
        &["7:20 bad_step"],
    );
    check(&with("[[tests]]\ninput = ''\n"), &["6:1 required"]);
    check(
        &format!("{HEAD}[sink.mongodb]\ncollection = 'c'\nmode = 'upsert'\nkey = ['y']\n"),
        &["9:8 unknown_field"],
    );
    check(
        &format!("{HEAD}[sink.mongodb]\ncollection = 'c'\nlineage = 'x'\n"),
        &["8:11 duplicate"],
    );
    let keep = "[columns]\nunknown = 'keep'\n";
    check(
        &format!("{HEAD}{keep}[sink.csv]\npath = 'p'\n"),
        &["7:11 bad_combination"],
    );
}

#[test]
fn the_defaults_are_what_the_file_of_defaults_says() {
    let said = read(DEFAULTS).unwrap();
    let minimal = "spec = 1\nname = 'defaults'\n[format.csv]\n[fields]\nexample = {}\n\
                   [sink.mongodb]\ncollection = 'defaults'\n";
    let mut left_out = read(minimal).unwrap();
    left_out.sha256.clone_from(&said.sha256);
    assert_eq!(format!("{said:#?}"), format!("{left_out:#?}"));
}

#[test]
fn the_environment_stands_in_for_what_a_spec_does_not_say() {
    let defaults = Defaults {
        batch_records: Some(7),
        pause_ms: Some(9),
    };
    let plan = |text: &str| Plan::read("a.toml", text, defaults).unwrap().sink.flow;
    let flow = plan(&format!("{HEAD}{SINK}"));
    assert_eq!((flow.batch.max_records, flow.rate.pause_ms), (7, 9));
    let flow = plan(&format!(
        "{HEAD}[sink.null]\nbatch = {{ records = 3 }}\nrate = {{ pause = '1ms' }}\n"
    ));
    assert_eq!((flow.batch.max_records, flow.rate.pause_ms), (3, 1));
}

#[test]
fn a_step_sees_the_fields_before_it() {
    let steps = "[[steps]]\nderive = { field = 'd', type = 'string', expr = 'x' }\n\
                 [[steps]]\ndrop = { name = 'n', when = 'd == \"\"' }\n";
    let plan = read(&format!("{HEAD}{steps}{SINK}")).unwrap();
    assert_eq!(
        plan.steps
            .iter()
            .map(|step| format!("{step:?}"))
            .collect::<Vec<_>>(),
        ["derive d", "drop n"]
    );
    assert_eq!(plan.schema.fields.len(), 2);
}
