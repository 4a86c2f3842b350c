//! What `run` reads: standard input and `--id`, folders, and specs by their names.

use std::path::Path;

use serde_json::{Value, json};

use crate::job::{Job, job};
use crate::people::{GOOD, PEOPLE, SPEC, in_store, says, with_files};

#[tokio::test]
async fn standard_input_is_itself_only_once_unless_it_is_named() {
    let place = with_files();
    let feed = async |args: &[&str], input: &str| {
        let args = [&["run", "people.toml", "-", "--json"], args].concat();
        Job::of(place.run_with_stdin(args, input.into()).await)
    };
    assert_eq!(feed(&[], GOOD).await.verdict(), "completed 0");
    assert_eq!(feed(&[], GOOD).await.verdict(), "completed 0");
    assert_eq!(
        in_store(&place).await,
        4,
        "without a name it is another input each time"
    );
    assert_eq!(
        feed(&["--resume"], GOOD).await.verdict(),
        "failed 1 not_restartable"
    );
    let named = feed(&["--id", "monday"], GOOD).await;
    assert_eq!(
        (named.verdict().as_str(), named.stats.loaded),
        ("completed 0", 2)
    );
    let again = feed(&["--id", "monday"], GOOD).await;
    assert_eq!(
        (again.exit, &again.json["existing"]),
        (Some(0), &json!(true))
    );
    assert_eq!(in_store(&place).await, 6);
}

#[tokio::test]
async fn an_id_names_content_whatever_the_file_is() {
    let place = with_files();
    place.write("copy.csv", GOOD);
    let first = job(
        &place,
        &["run", "people.toml", "good.csv", "--id", "week-14"],
    )
    .await;
    let second = job(
        &place,
        &["run", "people.toml", "copy.csv", "--id", "week-14"],
    )
    .await;
    assert_eq!(second.json["existing"], true);
    assert_eq!(second.json["jobId"], first.json["jobId"]);
    let other = job(&place, &["run", "people.toml", "copy.csv"]).await;
    assert_eq!(
        other.stats.loaded, 2,
        "by path, size and time it is another one"
    );
    assert_eq!(
        job(&place, &["run", "people.toml", "good.csv", "--resume"])
            .await
            .verdict(),
        "failed 1 nothing_to_resume"
    );
}

#[tokio::test]
async fn a_folder_is_loaded_file_by_file_in_the_order_of_names() {
    let place = with_files();
    std::fs::create_dir_all(place.path("in/deeper")).unwrap();
    for (name, text) in [
        ("b.csv", GOOD),
        ("a.csv", PEOPLE),
        (".hidden", "x"),
        ("deeper/c.csv", GOOD),
    ] {
        place.write(&format!("in/{name}"), text);
    }
    let ended = place.run(["run", "people.toml", "in", "--json"]).await;
    assert_eq!(
        ended.code,
        Some(3),
        "the worst of its files: {}",
        ended.stderr
    );
    let jobs: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let inputs: Vec<&str> = jobs
        .iter()
        .filter_map(|job| job["input"].as_str())
        .collect();
    assert_eq!(
        inputs
            .iter()
            .map(|path| Path::new(path).file_name().unwrap())
            .collect::<Vec<_>>(),
        ["a.csv", "b.csv"]
    );
    assert_eq!(in_store(&place).await, 4);
}

#[tokio::test]
async fn the_rejects_of_a_folder_are_not_written_over_one_another() {
    let place = with_files();
    std::fs::create_dir_all(place.path("in")).unwrap();
    place.write("in/a.csv", PEOPLE);
    place.write("in/b.csv", GOOD);
    for command in ["run", "check"] {
        let args = [command, "people.toml", "in", "--rejects", "bad.jsonl"];
        let refusal = "--rejects is for one input, the folder has 2 files";
        says(&place.run(args).await, 2, &[refusal]);
        assert!(!place.path("bad.jsonl").exists(), "{command}");
    }
    std::fs::remove_file(place.path("in/b.csv")).unwrap();
    let args = ["check", "people.toml", "in", "--rejects", "bad.jsonl"];
    assert_eq!(place.run(args).await.code, Some(3));
    assert!(place.path("bad.jsonl").exists());
}

#[tokio::test]
async fn a_spec_is_found_by_name_and_version_in_specs_dir() {
    let place = with_files().env("SPECS_DIR", "in");
    std::fs::create_dir_all(place.path("in/old")).unwrap();
    place.write("in/x.toml", SPEC);
    place.write("in/y.toml", SPEC.replace("version = 3", "version = 12"));
    place.write("in/broken.toml", "name =");
    place.write("in/old/z.toml", SPEC.replace("version = 3", "version = 99"));
    let version = async |reference: &str| {
        job(&place, &["run", reference, "good.csv", "--sink", "null"])
            .await
            .json["spec"]["version"]
            .clone()
    };
    assert_eq!(version("people").await, 12, "the highest, by number");
    assert_eq!(version("people@3").await, 3);
    assert_eq!(version("people.toml").await, 3, "a path");
    for missing in ["people@4", "people@99", "nobody", "people@x"] {
        let ended = place.run(["run", missing, "good.csv"]).await;
        says(&ended, 2, &[]);
    }
    says(
        &place.run(["run", "people@4", "good.csv"]).await,
        2,
        &["people@12", "people@3"],
    );
}
