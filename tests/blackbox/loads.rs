//! Loads that are remembered, held and gone on with, from the command line.

use serde_json::Value;
use testbed::process::{Ended, Sluicegate};

const INPUT: &str = "name\na\nb\nc\nd\n";

/// A place with an input of four records, and a spec of this type and these further lines.
fn place() -> Sluicegate {
    let place = Sluicegate::new(env!("CARGO_BIN_EXE_sluicegate"));
    place.write("input.csv", INPUT);
    place
}

fn write_spec(place: &Sluicegate, version: u32, of_type: &str, errors: &str) {
    let spec = format!(
        "spec = 1\nname = \"names\"\nversion = {version}\n[format.csv]\n[fields]\nname = {{ type = \"{of_type}\" }}\n\
         [errors]\n{errors}\n[sink.mongodb]\ncollection = \"names\"\n"
    );
    place.write("names.toml", spec);
}

/// `loaded rejected of read state` of the job that `--json` told.
fn told(ended: &Ended) -> String {
    let job: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let stats = &job["stats"];
    let state = job["state"].as_str().unwrap_or_default();
    format!(
        "{} {} of {} {state}",
        stats["loaded"], stats["rejected"], stats["read"]
    )
}

async fn check(place: &Sluicegate, more: &[&str], expected: &str, code: i32) {
    let mut args = vec!["run", "names.toml", "input.csv", "--json"];
    args.extend(more);
    let ended = place.run(args).await;
    assert_eq!(told(&ended), expected, "{ended:?}");
    assert_eq!(ended.code, Some(code), "{ended:?}");
}

#[tokio::test]
async fn a_held_load_goes_on_when_it_is_accepted() {
    let place = place();
    write_spec(&place, 1, "integer", "max_records = 1");
    check(&place, &[], "0 2 of 2 held", 4).await;
    check(&place, &["--resume"], "0 4 of 4 held", 4).await;
    check(&place, &["--resume"], "0 4 of 4 completed", 3).await;
}

#[tokio::test]
async fn another_version_begins_anew_where_nothing_was_loaded() {
    let place = place();
    write_spec(&place, 1, "integer", "max_records = 1");
    check(&place, &[], "0 2 of 2 held", 4).await;
    write_spec(&place, 2, "string", "max_records = 1");
    check(&place, &["--resume"], "4 0 of 4 completed", 0).await;
    let exported = place.run(["export", "names"]).await;
    assert_eq!(exported.stdout.lines().count(), 4, "{exported:?}");
}

#[tokio::test]
async fn a_limit_that_is_named_holds_whatever_the_spec_says() {
    let place = place();
    write_spec(&place, 1, "integer", "on_breach = \"continue\"");
    check(&place, &["--max-rejects", "0"], "0 1 of 1 held", 4).await;
}

#[tokio::test]
async fn a_file_that_was_loaded_and_is_gone_is_made_again() {
    let place = place();
    write_spec(&place, 1, "string", "");
    let sink = ["--sink", "jsonl:out.jsonl"];
    check(&place, &sink, "4 0 of 4 completed", 0).await;
    let first = std::fs::read_to_string(place.path("out.jsonl")).unwrap();
    check(&place, &sink, "4 0 of 4 completed", 0).await;
    assert_eq!(
        std::fs::read_to_string(place.path("out.jsonl")).unwrap(),
        first,
        "it is there: nothing was done"
    );
    std::fs::remove_file(place.path("out.jsonl")).unwrap();
    check(&place, &sink, "4 0 of 4 completed", 0).await;
    let again = std::fs::read_to_string(place.path("out.jsonl")).unwrap();
    assert_eq!(again.lines().count(), 4);
}

#[tokio::test]
async fn one_identity_is_for_one_file() {
    let place = place();
    write_spec(&place, 1, "string", "");
    let folder = place.path("inputs");
    std::fs::create_dir(&folder).unwrap();
    for name in ["a.csv", "b.csv"] {
        std::fs::write(folder.join(name), INPUT).unwrap();
    }
    let ended = place
        .run(["run", "names.toml", "inputs", "--id", "x"])
        .await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let ended = place.run(["run", "names.toml", "inputs"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let exported = place.run(["export", "names"]).await;
    assert_eq!(exported.stdout.lines().count(), 8, "{exported:?}");
}
