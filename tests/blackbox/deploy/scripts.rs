//! Every script of the project as shellcheck reads it.

use std::path::{Path, PathBuf};
use std::process::Command;
use testbed::fetched;

/// Folders that hold nothing of the project's own.
const NOT_OURS: [&str; 2] = ["target", "node_modules"];
/// The fewest scripts there are: fewer mean that they are looked for in the wrong place.
const MIN_SCRIPTS: usize = 6;

fn is_script(path: &Path) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    first.starts_with("#!") && (first.ends_with("bash") || first.ends_with("/sh"))
}

fn collect(folder: &Path, scripts: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            // Of the hidden ones, what CI runs is ours.
            if !NOT_OURS.contains(&&*name) && (!name.starts_with('.') || name == ".ci") {
                collect(&path, scripts);
            }
        } else if is_script(&path) {
            scripts.push(path);
        }
    }
}

#[test]
fn shellcheck_finds_nothing_in_any_script() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap();
    let mut scripts = Vec::new();
    collect(&root, &mut scripts);
    scripts.sort();
    assert!(scripts.len() >= MIN_SCRIPTS, "{scripts:?}");
    let shellcheck = fetched("SLUICEGATE_TEST_SHELLCHECK", "shellcheck").join("bin/shellcheck");
    let checked = Command::new(shellcheck)
        .current_dir(&root)
        .args(&scripts)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );
}
