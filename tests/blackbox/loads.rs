//! Loads that are remembered, held and gone on with, from the command line.

use rusqlite::Connection;
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

/// The load of `out` as a process leaves it that is killed when the file has got its name, and before that is noted.
fn forget_the_end(place: &Sluicegate) {
    let remembered = |name: &str| {
        let found = place.folder().join("data").join(name);
        Connection::open(found).unwrap()
    };
    let loads = "UPDATE _loads SET completed = 0, lock_until = 0";
    assert_eq!(remembered("file-loads.db").execute(loads, []).unwrap(), 1);
    let runs = "UPDATE runs SET state = 'in_progress'";
    assert_eq!(remembered("state.db").execute(runs, []).unwrap(), 1);
}

#[tokio::test]
async fn a_file_that_was_finished_and_not_noted_is_found_finished() {
    for (kind, input, loaded) in [("jsonl", INPUT, 4), ("csv", INPUT, 4), ("csv", "name\n", 0)] {
        for more in [&[][..], &["--resume"]] {
            let place = place().env("DATA_DIR", "data");
            place.write("input.csv", input);
            write_spec(&place, 1, "string", "min_records = 0");
            let sink = format!("{kind}:out");
            let sink = ["--sink", &sink];
            let expected = format!("{loaded} 0 of {loaded} completed");
            check(&place, &sink, &expected, 0).await;
            let first = std::fs::read(place.path("out")).unwrap();
            forget_the_end(&place);
            check(&place, &[&sink[..], more].concat(), &expected, 0).await;
            assert_eq!(
                std::fs::read(place.path("out")).unwrap(),
                first,
                "{kind} {more:?}"
            );
            assert!(!place.path("out.part").exists());
            // It is remembered now.
            let args = ["run", "names.toml", "input.csv", "--json", sink[0], sink[1]];
            let again = place.run(args).await;
            assert!(again.stdout.contains("\"existing\":true"), "{again:?}");
        }
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_taken_for_a_finished_one() {
    let place = place().env("DATA_DIR", "data");
    write_spec(&place, 1, "string", "");
    let sink = ["--sink", "jsonl:out"];
    check(&place, &sink, "4 0 of 4 completed", 0).await;
    forget_the_end(&place);
    std::fs::write(place.path("out"), "mine").unwrap();
    for more in [&[][..], &["--resume"]] {
        let args = ["run", "names.toml", "input.csv", sink[0], sink[1]];
        let ended = place.run([&args[..], more].concat()).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains("target_exists"), "{told}");
        assert_eq!(std::fs::read_to_string(place.path("out")).unwrap(), "mine");
    }
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
