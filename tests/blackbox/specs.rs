//! Every spec in `specs/` really runs: its sample gives what its golden folder says, whichever way it is asked for.
//!
//! The specs are found by listing. A new format is a new file `specs/NAME.toml` with a folder `specs/NAME/` that holds
//! its sample, `input.…`; then `SLUICEGATE_BLESS=1 cargo test -p sluicegate --test blackbox its_sample` writes the golden files.

use crate::golden::{Outcome, blessing, compare, sample, without_ids};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use testbed::process::{Ended, Sluicegate};

/// How the program ends when all records are loaded, and when some are rejected.
const COMPLETED: [Option<i32>; 2] = [Some(0), Some(3)];

/// A spec of the tree.
struct Spec {
    path: PathBuf,
    /// Where its sample and its golden files are.
    folder: PathBuf,
}

fn specs() -> Vec<Spec> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let below = below.canonicalize().unwrap();
    let entries: Vec<PathBuf> = std::fs::read_dir(&below)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let mut paths: Vec<PathBuf> = entries
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .cloned()
        .collect();
    assert!(!paths.is_empty(), "there is no spec in {}", below.display());
    let folders: BTreeSet<PathBuf> = entries.into_iter().filter(|path| path.is_dir()).collect();
    let wanted: BTreeSet<PathBuf> = paths.iter().map(|path| path.with_extension("")).collect();
    assert_eq!(
        folders, wanted,
        "each spec has its golden folder, and each folder its spec"
    );
    paths.sort();
    paths
        .into_iter()
        .map(|path| Spec {
            folder: path.with_extension(""),
            path,
        })
        .collect()
}

/// Runs `each` for all specs, and fails with everything that differed.
async fn for_all(each: impl AsyncFn(&Spec, &mut String)) {
    let mut differences = String::new();
    for spec in specs() {
        each(&spec, &mut differences).await;
    }
    assert!(differences.is_empty(), "{differences}");
}

/// A place with a copy of the sample, and the sample's name.
fn place(spec: &Spec) -> (Sluicegate, String) {
    let folder = spec.folder.display();
    let input = sample(&spec.folder)
        .unwrap_or_else(|| panic!("{folder} holds one sample, called input with an extension"));
    let place = Sluicegate::new(env!("CARGO_BIN_EXE_sluicegate"));
    let name = input.file_name().unwrap().to_string_lossy().into_owned();
    place.write(&name, std::fs::read(&input).unwrap());
    (place, name)
}

/// The job that `--json` told.
fn job(ended: &Ended, spec: &Spec) -> Value {
    let job: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {ended:?}", spec.path.display()));
    assert!(
        COMPLETED.contains(&ended.code) && job["state"] == "completed",
        "{}: {ended:?}",
        spec.path.display()
    );
    job
}

fn written(place: &Sluicegate, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn its_sample_gives_the_golden_documents_and_rejects() {
    for_all(async |spec, differences| {
        let (place, input) = place(spec);
        let path = spec.path.display().to_string();
        let run = [
            "run",
            &path,
            &input,
            "--sink",
            "jsonl:records.jsonl",
            "--rejects",
            "rejects.jsonl",
            "--json",
        ];
        let ended = place.run(run).await;
        let job = job(&ended, spec);
        let outcome = Outcome::new(
            &job,
            &written(&place, "records.jsonl"),
            written(&place, "rejects.jsonl"),
        );
        let (read, rejected) = (&job["stats"]["read"], &job["stats"]["rejected"]);
        assert!(
            read.as_u64() >= Some(100) && rejected.as_u64() >= Some(1),
            "{path}: a sample has good and bad records: {job}"
        );
        differences.push_str(&outcome.judge(&spec.folder, blessing()));
    })
    .await;
}

#[tokio::test]
async fn the_embedded_store_holds_the_golden_documents() {
    for_all(async |spec, differences| {
        let (place, input) = place(spec);
        let text: toml::Table = std::fs::read_to_string(&spec.path)
            .unwrap()
            .parse()
            .unwrap();
        let collection = text["sink"]["mongodb"]["collection"].as_str().unwrap();
        let path = spec.path.display().to_string();
        let job = job(&place.run(["run", &path, &input, "--json"]).await, spec);
        let exported = place.run(["export", collection]).await;
        assert_eq!(exported.code, Some(0), "{exported:?}");
        let outcome = Outcome::new(&job, &exported.stdout, String::new());
        let golden = std::fs::read_to_string(spec.folder.join("records.jsonl")).unwrap_or_default();
        differences.push_str(&compare(
            &format!("export of {path}"),
            &golden,
            &outcome.records,
        ));
        // The same file again is the same job: nothing is loaded twice.
        let again = place.run(["run", &path, &input, "--json"]).await;
        let again: Value = serde_json::from_str(&again.stdout)
            .unwrap_or_else(|error| panic!("{error}: {again:?}"));
        assert_eq!(
            (&again["existing"], &again["jobId"]),
            (&Value::Bool(true), &job["jobId"]),
            "{again}"
        );
        let exported_again = place.run(["export", collection]).await;
        assert_eq!(exported_again.stdout, exported.stdout, "{path}");
    })
    .await;
}

#[tokio::test]
async fn it_is_checked_without_problems_and_its_tests_pass() {
    for_all(async |spec, differences| {
        let place = Sluicegate::new(env!("CARGO_BIN_EXE_sluicegate"))
            .env("SPECS_DIR", spec.path.parent().unwrap());
        let path = spec.path.display().to_string();
        // By its path and by its name, which is the file's.
        let name = spec
            .folder
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        for reference in [&path, &name] {
            let checked = place.run(["check", reference]).await;
            if checked.code != Some(0) {
                differences.push_str(&format!(
                    "check {reference}:\n{}{}\n",
                    checked.stdout, checked.stderr
                ));
            }
            let tested = place.run(["test", reference]).await;
            let some = tested
                .stdout
                .lines()
                .any(|line| line.starts_with("test ") && line.ends_with("... ok"));
            if tested.code != Some(0) || !some {
                differences.push_str(&format!(
                    "test {reference}:\n{}{}\n",
                    tested.stdout, tested.stderr
                ));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_finds_the_same_rejects_and_writes_nothing() {
    for_all(async |spec, differences| {
        let (place, input) = place(spec);
        let path = spec.path.display().to_string();
        let ended = place
            .run([
                "check",
                &path,
                &input,
                "--rejects",
                "rejects.jsonl",
                "--json",
            ])
            .await;
        job(&ended, spec);
        let golden = std::fs::read_to_string(spec.folder.join("rejects.jsonl")).unwrap_or_default();
        differences.push_str(&compare(
            &format!("check of {path}"),
            &golden,
            &written(&place, "rejects.jsonl"),
        ));
        let left: BTreeSet<String> = std::fs::read_dir(place.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            left,
            BTreeSet::from([input.clone(), "rejects.jsonl".to_owned()]),
            "{path}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_preview_shows_what_the_run_makes_of_every_record() {
    for_all(async |spec, differences| {
        let (place, input) = place(spec);
        let path = spec.path.display().to_string();
        let shown = place.run(["preview", &path, &input, "-n", "1000"]).await;
        let stages = |name: &str| {
            let start = format!("  {name:<12} ");
            let texts = shown
                .stdout
                .lines()
                .filter_map(|line| line.strip_prefix(&start));
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let golden = |name: &str| std::fs::read_to_string(spec.folder.join(name)).unwrap();
        let value = |line: &str| serde_json::from_str::<Value>(line).unwrap_or(Value::Null);
        let documents: Vec<Value> = stages("document").iter().map(|line| value(line)).collect();
        let mut loaded: Vec<Value> = golden("records.jsonl").lines().map(value).collect();
        // What a document says of its job is not known before there is one.
        let text: toml::Table = std::fs::read_to_string(&spec.path)
            .unwrap()
            .parse()
            .unwrap();
        if let Some(lineage) = text["sink"]["mongodb"].get("lineage") {
            let lineage = lineage.as_str().unwrap();
            for document in &mut loaded {
                document.as_object_mut().unwrap().remove(lineage);
            }
        }
        if documents != loaded {
            let first = documents
                .iter()
                .zip(&loaded)
                .find(|(one, other)| one != other);
            differences.push_str(&format!(
                "{path}: {} documents, {} are loaded, the first that differs: {first:?}\n",
                documents.len(),
                loaded.len()
            ));
        }
        let codes = |of: &mut dyn Iterator<Item = String>| {
            let mut codes: Vec<String> = of.collect();
            codes.sort();
            codes
        };
        let said = stages("rejected");
        let said = codes(
            &mut said
                .iter()
                .map(|text| text.split([' ', ':']).next().unwrap_or_default().to_owned()),
        );
        let rejects = golden("rejects.jsonl");
        let rejects = codes(
            &mut rejects
                .lines()
                .map(|line| value(line)["code"].as_str().unwrap_or_default().to_owned()),
        );
        if said != rejects {
            differences.push_str(&format!("{path}: {said:?} and {rejects:?}\n"));
        }
    })
    .await;
}

#[test]
fn documents_are_compared_without_their_ids() {
    let golden = specs()
        .iter()
        .map(|spec| std::fs::read_to_string(spec.folder.join("records.jsonl")).unwrap_or_default())
        .collect::<String>();
    assert_eq!(
        without_ids(&golden),
        golden,
        "golden documents have no _id of ours"
    );
}
