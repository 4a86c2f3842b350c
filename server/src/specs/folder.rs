//! The specs of a folder, `SPECS_DIR`: which there are, and which of them a reference means.
//!
//! What the files are called does not matter, but that they end with `.toml`; sub-folders are not looked into, and a file
//! that others extend need be no spec. Looking again reads only specs of which a file's size or time has changed. It keeps
//! no texts and decides nothing for a tenant. All of it blocks.

use sha2::{Digest as _, Sha256};
use stages::plan::{Defaults, Plan};
use stages::spec::{MAX_SPEC_BYTES, Problems, Spec, read_beside};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Files of a folder that are looked at.
pub const MAX_SPEC_FILES: usize = 10_000;
/// Problems of a broken spec that are kept.
const MAX_KEPT_PROBLEMS: usize = 3;

/// What names a spec: `orders` (its highest version) or `orders@3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The spec's name.
    pub name: &'a str,
    /// The version; none said: the highest.
    pub version: Option<u32>,
}

impl<'a> Reference<'a> {
    /// Reads a reference.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let (name, version) = match text.rsplit_once('@') {
            None => (text, None),
            Some((name, version)) => match version.parse() {
                Ok(version) => (name, Some(version)),
                Err(_) => return Err(format!("{version:?} is no version: name@3 is meant")),
            },
        };
        Ok(Self { name, version })
    }
}

/// The specs of a folder, as they were when it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// By path.
    files: BTreeMap<PathBuf, Arc<SpecFile>>,
}

/// A file of the folder.
#[derive(Debug)]
pub struct SpecFile {
    /// Where it is.
    pub path: PathBuf,
    /// What was read.
    pub content: Content,
    stamp: Stamp,
    /// The files that it extends, as they were before they were read.
    beside: Vec<(PathBuf, Option<Stamp>)>,
}

/// What tells that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

/// What a file is.
#[derive(Debug)]
pub enum Content {
    /// A spec.
    Good(Summary),
    /// A file that is no spec, or one with problems.
    Broken(Broken),
}

/// What is kept of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The hash of its text, in hexadecimal digits.
    pub sha256: String,
    /// Patterns of file names that pick it.
    pub matches: Vec<String>,
}

/// What is kept of a broken file.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    /// The name that it gives itself, as far as it can be read.
    pub name: Option<String>,
    /// Its first problems, in words.
    pub problems: Vec<String>,
}

/// What a reference means in a folder.
#[derive(Debug)]
pub enum Picked<'a> {
    /// This spec.
    Good(&'a SpecFile, &'a Summary),
    /// No good one, and this file seems to be meant.
    Broken(&'a SpecFile, &'a Broken),
    /// One of these two, which have the same name and version.
    Either((&'a SpecFile, &'a Summary), (&'a SpecFile, &'a Summary)),
    /// Nothing.
    Nothing,
}

/// Why a folder cannot be looked at.
#[derive(Debug)]
pub struct NotListed {
    /// In words, with the folder.
    pub message: String,
    /// Whether it is not there at all.
    pub is_missing: bool,
}

impl Folder {
    /// Looks at `folder`. Files that are as they were `before` are not read again.
    ///
    /// # Errors
    /// When the folder cannot be listed, or has more than [`MAX_SPEC_FILES`] specs.
    pub fn look(folder: &Path, before: &Self, defaults: Defaults) -> Result<Self, NotListed> {
        let paths = spec_files(folder)?;
        let files = paths.into_iter().map(|path| {
            let stamp = stamp(&path);
            let known = before.files.get(&path);
            let known = known.filter(|known| stamp.is_some_and(|stamp| stamp == known.stamp));
            let file = match known.filter(|known| known.is_all_as_it_was()) {
                Some(known) => known.clone(),
                None => Arc::new(SpecFile::read(path.clone(), defaults)),
            };
            (path, file)
        });
        let files: BTreeMap<PathBuf, Arc<SpecFile>> = files.collect();
        let folder = Self { files };
        for (file, _) in folder.broken() {
            let known = before.files.get(&file.path);
            if !known.is_some_and(|known| std::ptr::eq(&**known, file)) {
                tracing::warn!(path = %file.path.display(), "a broken spec is passed over");
            }
        }
        Ok(folder)
    }

    /// What `reference` means.
    pub fn pick(&self, reference: Reference<'_>) -> Picked<'_> {
        let Reference { name, version } = reference;
        let wanted: Vec<_> = self
            .good()
            .filter(|(_, summary)| summary.name == name)
            .filter(|(_, summary)| version.is_none_or(|version| version == summary.version))
            .collect();
        let highest = wanted.iter().map(|(_, summary)| summary.version).max();
        let mut best = wanted
            .into_iter()
            .filter(|(_, summary)| Some(summary.version) == highest);
        match (best.next(), best.next()) {
            (Some((file, summary)), None) => Picked::Good(file, summary),
            (Some(one), Some(other)) => Picked::Either(one, other),
            (None, _) => match self
                .broken()
                .find(|(file, broken)| broken.means(file, name))
            {
                Some((file, broken)) => Picked::Broken(file, broken),
                None => Picked::Nothing,
            },
        }
    }

    /// Whether a file, broken or not, has this name.
    pub fn holds(&self, name: &str) -> bool {
        self.good().any(|(_, summary)| summary.name == name)
            || self.broken().any(|(file, broken)| broken.means(file, name))
    }

    /// The specs that can be used, in the order of their paths.
    pub fn good(&self) -> impl Iterator<Item = (&SpecFile, &Summary)> {
        self.files.values().filter_map(|file| match &file.content {
            Content::Good(summary) => Some((&**file, summary)),
            Content::Broken(_) => None,
        })
    }

    /// The highest version of each spec that can be used, by name.
    pub fn newest(&self) -> BTreeMap<&str, &Summary> {
        let mut newest: BTreeMap<&str, &Summary> = BTreeMap::new();
        for (_, summary) in self.good() {
            let best = newest.entry(&summary.name).or_insert(summary);
            if best.version < summary.version {
                *best = summary;
            }
        }
        newest
    }

    fn broken(&self) -> impl Iterator<Item = (&SpecFile, &Broken)> {
        let broken = self.files.values().filter_map(|file| match &file.content {
            Content::Good(_) => None,
            Content::Broken(broken) => Some((&**file, broken)),
        });
        // A part of other specs is no broken one.
        broken.filter(|(file, _)| !self.is_extended(&file.path))
    }

    fn is_extended(&self, path: &Path) -> bool {
        let mut all = self.files.values().flat_map(|file| &file.beside);
        all.any(|(one, _)| one == path)
    }
}

impl Summary {
    /// `name@version`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

impl Broken {
    /// Whether the file is called like the spec `name`, or calls itself so.
    fn means(&self, file: &SpecFile, name: &str) -> bool {
        self.name.as_deref() == Some(name) || file.path.file_stem().is_some_and(|stem| stem == name)
    }
}

impl SpecFile {
    fn read(path: PathBuf, defaults: Defaults) -> Self {
        // Taken before the text: what is written while it is read changes the stamp, and is read the next time.
        let stamp = stamp(&path).unwrap_or(Stamp {
            bytes: 0,
            modified: None,
        });
        let (content, beside) = match read_text(&path) {
            Ok(text) => content(&path, &text, defaults),
            Err(message) => {
                let broken = Broken {
                    name: None,
                    problems: vec![message],
                };
                (Content::Broken(broken), Vec::new())
            }
        };
        Self {
            path,
            content,
            stamp,
            beside,
        }
    }

    /// Whether the files that it extends are what they were.
    fn is_all_as_it_was(&self) -> bool {
        let mut beside = self.beside.iter();
        beside.all(|(path, before)| before.is_some() && *before == stamp(path))
    }

    /// The name of the file, without its folder.
    pub fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// What a text is, and the files that it extends.
fn content(
    path: &Path,
    text: &str,
    defaults: Defaults,
) -> (Content, Vec<(PathBuf, Option<Stamp>)>) {
    let (name, folder) = (path.display().to_string(), folder_of(path));
    let (spec, read) = read_beside::<Spec>(&name, text, Some(folder));
    let beside = read.source().beside().iter();
    let beside = beside.map(|path| (path.clone(), stamp(path))).collect();
    // Read again, now that it is known how they were before.
    let content = match Plan::read_extended(&name, text, defaults, folder) {
        Ok(plan) => Content::Good(Summary {
            name: plan.name,
            version: plan.version,
            sha256: plan.sha256,
            matches: plan.input.matches,
        }),
        Err(problems) => Content::Broken(Broken {
            problems: first(&problems),
            name: spec.name,
        }),
    };
    (content, beside)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The first problems of a spec, in words.
pub fn first(problems: &Problems) -> Vec<String> {
    let source = problems.source();
    let told = problems.iter().map(|problem| match &problem.place {
        Some(place) => {
            let of = match source.name_of(place) {
                name if name == source.name() => String::new(),
                name => format!(
                    " of {}",
                    Path::new(name).file_name().unwrap_or_default().display()
                ),
            };
            format!("line {}{of}: {}", place.line, problem.message)
        }
        None => problem.message.clone(),
    });
    told.take(MAX_KEPT_PROBLEMS).collect()
}

/// The text of a spec's file.
///
/// # Errors
/// In words, when it cannot be read, is no UTF-8 or has more than [`MAX_SPEC_BYTES`].
pub fn read_text(path: &Path) -> Result<String, String> {
    let cannot = |error| format!("it cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    let mut bounded = file.take(MAX_SPEC_BYTES as u64 + 1);
    bounded.read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > MAX_SPEC_BYTES {
        return Err(format!("it has more than {MAX_SPEC_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// The text of a spec's file with all that it extends, in one: what jobs are pinned to.
///
/// # Errors
/// In words, as [`read_text`] does, and when something that it extends cannot be read.
pub fn read_whole(path: &Path) -> Result<String, String> {
    let text = read_text(path)?;
    let name = path.display().to_string();
    let (_, problems) = read_beside::<Spec>(&name, &text, Some(folder_of(path)));
    match problems.source().flat() {
        None => Ok(text),
        Some(whole) if problems.is_empty() => Ok(whole),
        Some(_) => Err(first(&problems).join("; ")),
    }
}

/// The hash of a spec's text, as plans have it.
pub fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp {
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
    })
}

fn spec_files(folder: &Path) -> Result<Vec<PathBuf>, NotListed> {
    let cannot = |error: std::io::Error| NotListed {
        message: format!("{} cannot be listed: {error}", folder.display()),
        is_missing: error.kind() == std::io::ErrorKind::NotFound,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let is_spec = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        if is_spec && path.is_file() {
            files.push(path);
        }
        if files.len() > MAX_SPEC_FILES {
            return Err(NotListed {
                message: format!("{} has more than {MAX_SPEC_FILES} specs", folder.display()),
                is_missing: false,
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
