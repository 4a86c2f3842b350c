//! The tree of the workspace as the rules see it: every Rust file that is in it, and the breaches that were found.

use crate::code::Code;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of the project's own.
const NOT_OURS: [&str; 2] = ["target", "node_modules"];

/// A Rust file.
pub struct SourceFile {
    /// Its path from the root of the workspace, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its tokens.
    pub code: Code,
}

/// What breaks one rule.
pub struct Breaches {
    rule: &'static str,
    found: String,
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below the folder `below` of the workspace; `""` for all. Sorted by path.
pub fn files(below: &str) -> Vec<SourceFile> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root.join(below), &mut paths);
    assert!(!paths.is_empty(), "there is no Rust file in {below:?}");
    paths.sort();
    let file = |path: PathBuf| {
        let text = read(&path);
        let relative = path.strip_prefix(&root).unwrap_or(&path);
        SourceFile {
            path: relative.to_string_lossy().replace('\\', "/"),
            code: Code::of(&text),
            text,
        }
    };
    paths.into_iter().map(file).collect()
}

/// A file's text.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let ours = !name.starts_with('.') && !NOT_OURS.contains(&&*name);
        if path.is_dir() && ours {
            collect(&path, into);
        } else if name.ends_with(".rs") {
            into.push(path);
        }
    }
}

impl Breaches {
    /// None yet.
    pub fn of(rule: &'static str) -> Self {
        Self {
            rule,
            found: String::new(),
        }
    }

    /// Adds one; `line` counts from 1.
    pub fn add(&mut self, path: &str, line: usize, what: &str) {
        let breach = format!("  {path}:{line}: {what}\n");
        // A line with several paths breaks a rule once.
        if !self.found.ends_with(&breach) {
            self.found.push_str(&breach);
        }
    }

    /// Fails the test with all of them.
    pub fn settle(self) {
        assert!(self.found.is_empty(), "{}\n{}", self.rule, self.found);
    }
}
