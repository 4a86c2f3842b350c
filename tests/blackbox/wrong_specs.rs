//! A wrong spec of every kind, with the words in which `check` tells what is wrong.
//!
//! `tests/specs/wrong/CODE.toml`, or `CODE-WORD.toml`, is a spec with a problem of that code, and `.txt` beside it holds all that
//! `check` writes. The files in `tests/specs/wrong/beside` are for specs that extend them. With `SLUICEGATE_BLESS=1` what was written becomes the golden file: read it before you commit it. That
//! each code of the language has such a spec is a house rule (`tests/house/wrong.rs`).

use crate::golden::{blessing, compare};
use crate::people::left_behind;
use serde_json::Value;
use std::path::{Path, PathBuf};
use testbed::process::Sluicegate;

/// The golden spec that is filled up with blank lines until it is too long: no such file belongs into a tree.
const FILLED_UP: &str = "spec_too_large";
/// One byte more than a spec may have.
const TOO_MANY_BYTES: usize = 1024 * 1024 + 1;

fn wrong_specs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/specs/wrong");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "txt"));
    for text in texts {
        let spec = text.with_extension("toml");
        assert!(spec.is_file(), "{} has no spec", text.display());
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
}

fn spec(path: &Path) -> String {
    let mut text = std::fs::read_to_string(path).unwrap();
    if path.file_stem().is_some_and(|stem| stem == FILLED_UP) {
        text.push_str(&"\n".repeat(TOO_MANY_BYTES - text.len()));
    }
    text
}

/// A place with the files that wrong specs extend.
fn place() -> Sluicegate {
    let place = Sluicegate::new(env!("CARGO_BIN_EXE_sluicegate"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/specs/wrong/beside");
    std::fs::create_dir(place.path("beside")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("beside/{}", path.file_name().unwrap().to_string_lossy());
        place.write(&name, std::fs::read(&path).unwrap());
    }
    place
}

#[tokio::test]
async fn each_wrong_spec_is_told_in_its_golden_words() {
    let place = place();
    let mut differences = String::new();
    for path in wrong_specs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let code = stem.split('-').next().unwrap();
        place.write(&name, spec(&path));
        // A table beside the spec, where it is what is wrong.
        if let Ok(table) = std::fs::read_to_string(path.with_extension("csv")) {
            place.write(&format!("{stem}.csv"), table);
        }

        let checked = place.run(["check", &name]).await;
        assert_eq!(
            (checked.code, checked.stdout.as_str()),
            (Some(2), ""),
            "{name}: {}",
            checked.stderr
        );
        // Whoever reads a folder of messages must find the one that it is named for in it.
        assert!(
            checked.stderr.contains(&format!("error[{code}]: ")),
            "{name} has another problem:\n{}",
            checked.stderr
        );
        let golden = path.with_extension("txt");
        if blessing() {
            std::fs::write(&golden, &checked.stderr).unwrap();
        } else {
            let words = std::fs::read_to_string(&golden).unwrap_or_default();
            differences.push_str(&compare(&format!("{stem}.txt"), &words, &checked.stderr));
        }

        // Programs are told the same, at the same places.
        let told = place.run(["check", &name, "--json"]).await;
        assert_eq!(
            (told.code, &told.stderr),
            (Some(2), &checked.stderr),
            "{name}"
        );
        let problems: Value = serde_json::from_str(&told.stdout).unwrap();
        for problem in problems.as_array().unwrap() {
            let [code, message] = ["code", "message"].map(|key| problem[key].as_str().unwrap());
            let file = problem["file"].as_str().unwrap();
            let place = format!("--> {file}:{}:{}", problem["line"], problem["column"]);
            assert!(
                checked
                    .stderr
                    .contains(&format!("error[{code}]: {message}"))
                    && checked.stderr.contains(&place),
                "{name}: {problem} in\n{}",
                checked.stderr
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[tokio::test]
async fn nothing_is_run_by_a_wrong_spec() {
    let place = place();
    place.write("parcels.csv", "parcel_no,weight_kg\nAB1,2\n");
    for path in wrong_specs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        place.write(&name, spec(&path));
        let ended = place.run(["run", &name, "parcels.csv"]).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{name}: {}",
            ended.stderr
        );
    }
    assert_eq!(left_behind(&place), ["beside"], "nothing is written");
}
