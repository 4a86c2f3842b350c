//! Every script of the project as shellcheck reads it, and what `tests/fetch` makes of a pip that fails.

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

/// What `tests/fetch` says of a package that pip cannot install as pinned, because of `complaint`, and whether it ends well;
/// without pins pip can.
fn fetched_in_spite_of(complaint: &str) -> (bool, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let place = tempfile::tempdir().unwrap();
    let python = place.path().join("python3");
    let imitated = format!(
        "#!/bin/sh\ncase \"$*\" in\n*constraints*) echo '{complaint}' >&2; exit 1 ;;\n*--target*) mkdir \"$7\" ;;\n\
         *--version*) echo Python ;;\n*) [ -d \"$PYTHONPATH\" ] ;;\nesac\n"
    );
    std::fs::write(&python, imitated).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&python, mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    let ended = Command::new("bash")
        .args(["-euc", "root=$PWD; . tests/fetch; fetch pymongo", "fetch"])
        .current_dir(root)
        .env("PATH", format!("{}:{path}", place.path().display()))
        .env("CARGO_TARGET_DIR", place.path())
        .env_remove("SLUICEGATE_TEST_PYMONGO")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.success(), said)
}

#[test]
fn other_versions_than_the_pinned_are_fetched_only_where_those_do_not_fit() {
    for complaint in [
        "Ignored: 2.9.2 Requires-Python >=3.10; (from versions: none)",
        "No matching distribution found for dnspython==2.9.2",
        "ResolutionImpossible: for help visit",
    ] {
        let (is_fetched, said) = fetched_in_spite_of(complaint);
        assert!(is_fetched && said.contains("taking the newest"), "{said}");
    }
    for complaint in [
        "Could not install packages due to an OSError: No space left on device",
        "requirement pymongo==4.15.5 (from versions: none) No matching distribution found",
        "Retrying (Retry(total=4)) after connection broken; No matching distribution found",
    ] {
        let (is_fetched, said) = fetched_in_spite_of(complaint);
        assert!(!is_fetched && said.contains("pip fails: "), "{said}");
        assert!(said.contains(complaint), "{said}");
    }
}
