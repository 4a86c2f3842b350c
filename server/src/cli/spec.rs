//! Finding and reading the spec that an argument names.
//!
//! A reference is a path, or the name of a spec in `SPECS_DIR`: `orders` is its highest version, `orders@3`
//! that one.

use crate::config::Config;
use crate::specs::folder::{Folder, Picked, Reference};
use stages::generate::{Generator, Share};
use stages::plan::{Defaults, Plan};
use stages::spec::Problems;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

/// A checked spec and where it came from.
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub plan: Plan,
    /// Its text.
    pub text: String,
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
            text: format!(
                "error: {message} (spec_not_found)\n  help: name a file, or a spec of the folder that SPECS_DIR says (./specs)\n"
            ),
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
    match Plan::read_beside(&name, &text, defaults(config), path.parent()) {
        Ok(plan) => Ok(Found {
            path: path.to_owned(),
            plan,
            text,
        }),
        Err(problems) => Err(bad(&name, &problems)),
    }
}

/// What is wrong with the spec `name`.
fn bad(name: &str, problems: &Problems) -> BadSpec {
    let color = std::io::stderr().is_terminal();
    let mut text = problems.render(color);
    let count = problems.len() + problems.more();
    let _ = writeln!(
        text,
        "{name}: {count} problem{}",
        if count == 1 { "" } else { "s" }
    );
    let json = serde_json::to_value(problems).unwrap_or_default();
    BadSpec { text, json }
}

/// Finds the spec that `reference` names, and what makes files of it.
pub fn generator(
    config: &Config,
    reference: &str,
    share: Share,
    seed: u64,
) -> Result<Generator, BadSpec> {
    let found = find(config, reference)?;
    let name = found.path.display().to_string();
    let folder = found.path.parent();
    Generator::read(&name, &found.text, defaults(config), folder, (share, seed))
        .map_err(|problems| bad(&name, &problems))
}

/// What the environment says where a spec says nothing.
pub fn defaults(config: &Config) -> Defaults {
    Defaults {
        batch_records: config.job_batch_records,
        pause_ms: config.job_write_pause_ms,
        secret: Some(Config::secret),
    }
}

fn by_name(config: &Config, reference: &str) -> Result<Found, BadSpec> {
    let wanted = Reference::parse(reference).map_err(BadSpec::not_found)?;
    let folder = Folder::look(&config.specs_dir, &Folder::default(), defaults(config)).map_err(
        |not_listed| {
            let message = format!(
                "there is no spec {reference}: the folder {}",
                not_listed.message
            );
            BadSpec::not_found(message)
        },
    )?;
    match folder.pick(wanted) {
        Picked::Good(file, _) | Picked::Broken(file, _) => read(config, &file.path),
        Picked::Either((one, summary), (other, _)) => Err(BadSpec::not_found(format!(
            "{} and {} are both {}: which one is meant?",
            one.path.display(),
            other.path.display(),
            summary.reference()
        ))),
        Picked::Nothing => {
            let mut known: Vec<_> = folder
                .good()
                .map(|(_, summary)| summary.reference())
                .collect();
            known.sort();
            let known = match known.is_empty() {
                true => "none".to_owned(),
                false => known.join(", "),
            };
            let folder = config.specs_dir.display();
            Err(BadSpec::not_found(format!(
                "there is no spec {reference} in {folder}; there is: {known}"
            )))
        }
    }
}
