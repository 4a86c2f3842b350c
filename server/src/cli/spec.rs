//! Finding and reading the spec that an argument names.
//!
//! A reference is a path, or the name of a spec in `SPECS_DIR`: `orders` is its highest version, `orders@3`
//! that one. What the files in the folder are called does not matter; sub-folders are not looked into.

use crate::config::Config;
use stages::plan::{Defaults, Plan};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// Files of `SPECS_DIR` that are looked at.
const MAX_SPEC_FILES: usize = 10_000;

/// A checked spec and where it came from.
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub plan: Plan,
}

/// Why there is no plan: a text for a person, and the same for programs.
pub struct BadSpec {
    /// Messages with lines and carets.
    pub text: String,
    /// The problems as JSON.
    pub json: serde_json::Value,
}

impl BadSpec {
    fn not_found(message: String) -> Self {
        let json = serde_json::json!([{ "code": "spec_not_found", "message": message }]);
        Self {
            text: format!("error: {message}\n"),
            json,
        }
    }
}

/// Finds and reads the spec that `reference` names.
pub fn find(config: &Config, reference: &str) -> Result<Found, BadSpec> {
    let path = Path::new(reference);
    if path.is_file() {
        return read(config, path);
    }
    if reference.ends_with(".toml") || reference.contains(std::path::MAIN_SEPARATOR) {
        return Err(BadSpec::not_found(format!(
            "there is no spec file {reference}"
        )));
    }
    by_name(config, reference)
}

fn read(config: &Config, path: &Path) -> Result<Found, BadSpec> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| BadSpec::not_found(format!("{name} cannot be read: {error}")))?;
    match Plan::read(&name, &text, defaults(config)) {
        Ok(plan) => Ok(Found {
            path: path.to_owned(),
            plan,
        }),
        Err(problems) => {
            let color = std::io::stderr().is_terminal();
            let mut text = problems.render(color);
            let count = problems.len() + problems.more();
            let _ = writeln!(
                text,
                "{name}: {count} problem{}",
                if count == 1 { "" } else { "s" }
            );
            let json = serde_json::to_value(&problems).unwrap_or_default();
            Err(BadSpec { text, json })
        }
    }
}

fn defaults(config: &Config) -> Defaults {
    Defaults {
        batch_records: config.job_batch_records,
        pause_ms: config.job_write_pause_ms,
    }
}

fn by_name(config: &Config, reference: &str) -> Result<Found, BadSpec> {
    let (name, version) = match reference.rsplit_once('@') {
        None => (reference, None),
        Some((name, version)) => match version.parse::<u32>() {
            Ok(version) => (name, Some(version)),
            Err(_) => {
                return Err(BadSpec::not_found(format!(
                    "{version:?} is no version: name@3 is meant"
                )));
            }
        },
    };
    let folder = &config.specs_dir;
    let (mut best, mut known, mut broken): (Option<Found>, Vec<String>, _) =
        (None, Vec::new(), None);
    for path in spec_files(folder)? {
        match read(config, &path) {
            Ok(found) => {
                let plan = &found.plan;
                known.push(format!("{}@{}", plan.name, plan.version));
                let wanted =
                    plan.name == name && version.is_none_or(|version| version == plan.version);
                if wanted
                    && best
                        .as_ref()
                        .is_none_or(|best| best.plan.version < plan.version)
                {
                    best = Some(found);
                } else if let Some(best) = best
                    .as_ref()
                    .filter(|best| wanted && best.plan.version == plan.version)
                {
                    return Err(BadSpec::not_found(format!(
                        "{} and {} are both {}: which one is meant?",
                        best.path.display(),
                        found.path.display(),
                        plan.reference()
                    )));
                }
            }
            Err(bad) => {
                tracing::warn!(path = %path.display(), "a broken spec is passed over");
                // The file that is called like the spec is the one that was meant.
                if path.file_stem().is_some_and(|stem| stem == name) {
                    broken = Some(bad);
                }
            }
        }
    }
    if let Some(best) = best {
        return Ok(best);
    }
    if let Some(broken) = broken {
        return Err(broken);
    }
    known.sort();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    let folder = folder.display();
    Err(BadSpec::not_found(format!(
        "there is no spec {reference} in {folder}; there is: {known}"
    )))
}

fn spec_files(folder: &Path) -> Result<Vec<PathBuf>, BadSpec> {
    let cannot =
        |error| BadSpec::not_found(format!("{} cannot be listed: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
        if files.len() > MAX_SPEC_FILES {
            return Err(BadSpec::not_found(format!(
                "{} has more than {MAX_SPEC_FILES} specs",
                folder.display()
            )));
        }
    }
    files.sort();
    Ok(files)
}
