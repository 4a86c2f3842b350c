//! `extends`: the files beside a spec whose entries stand under its own. They are opened here, whole and within limits, and
//! become one tree with the spec: tables are merged, everything else is what the nearer file says. Each entry keeps its
//! place, so that a fault is told where it stands. What the keys mean is not known here, but for three that are each
//! spec's own, and for two tables of which only one entry counts.

use super::path::Step;
use super::problem::{Problem, Problems};
use super::read::{MAX_SPEC_BYTES, parse, read_with};
use super::source::{Kind, ROOT, Source, Spot};
use serde::de::DeserializeOwned;
use std::io::Read as _;
use std::path::{Component, Path};

/// Files that extend each other at most, the spec itself being one of them.
pub const MAX_CHAIN_FILES: usize = 4;
/// Files that a spec extends at most, in all. Together with the spec they have at most [`MAX_SPEC_BYTES`].
pub const MAX_EXTENDED_FILES: usize = 16;

/// The key that names them.
const KEY: &str = "extends";
/// What says which spec it is: never taken from a file that is extended.
const OWN: [&str; 4] = ["spec", "name", "version", KEY];
/// Tables with one entry: the nearer file chooses.
const CHOICES: [&str; 2] = ["format", "sink"];
/// The version of the language that this program reads, as a file writes it.
const LANGUAGE: &str = "1";

/// Reads `text` and the files that it extends, which lie in `folder` or below it; without one they are refused.
pub fn read_beside<T: DeserializeOwned + Default>(
    name: &str,
    text: &str,
    folder: Option<&Path>,
) -> (T, Problems) {
    read_with(name, text, |source, found| {
        let spec = Path::new(name).file_name().unwrap_or_default();
        let mut extender = Extender {
            folder,
            left_bytes: MAX_SPEC_BYTES - text.len(),
            read: vec![spec.to_string_lossy().into_owned()],
            source,
            found,
        };
        let chain = extender.read.clone();
        extender.extend(ROOT, &chain);
    })
}

struct Extender<'s> {
    folder: Option<&'s Path>,
    /// What the files that are still to be read may have.
    left_bytes: usize,
    /// The files that were read: each is one time.
    read: Vec<String>,
    source: &'s mut Source,
    found: &'s mut Vec<Problem>,
}

impl Extender<'_> {
    /// Puts the files that the document at `root` names under it. `chain` are the files from the spec to this one.
    fn extend(&mut self, root: usize, chain: &[String]) {
        let mut under = None;
        for (node, file) in self.named(root) {
            let Some(base) = self.open(node, &file, chain) else {
                // What seems to be missing may stand there.
                self.source.torn = true;
                continue;
            };
            let longer = [chain, &[file]].concat();
            self.extend(base, &longer);
            self.forget_own(base);
            if let Some(under) = under.replace(base) {
                self.source.merge(under, base);
            }
        }
        if let Some(under) = under {
            self.source.merge(under, root);
        }
    }

    /// The files that a document names, and where. What is no name is told by whoever reads the key.
    fn named(&mut self, root: usize) -> Vec<(usize, String)> {
        let Some(said) = self.source.child(root, KEY) else {
            return Vec::new();
        };
        let nodes = match &self.source.node(said).kind {
            Kind::Array(items) => items.clone(),
            _ => vec![said],
        };
        let text = |node: usize| match &self.source.node(node).kind {
            Kind::String(text) => Some((node, text.clone())),
            _ => None,
        };
        let named: Vec<_> = nodes.iter().copied().filter_map(text).collect();
        self.source.torn |= named.len() < nodes.len();
        named
    }

    /// Reads and parses a file: the index of its document; nothing where that was told to be impossible.
    fn open(&mut self, node: usize, file: &str, chain: &[String]) -> Option<usize> {
        let Some(folder) = self.folder else {
            let message = "the service reads no files for a spec: there is nothing beside it";
            let hint = "write what it extends into the spec, or put both into SPECS_DIR";
            return self.tell(node, "not_here", message.to_owned(), hint);
        };
        let mut parts = Path::new(file).components();
        if file.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
            let message = format!("{file:?} is no file beside the spec, or in a folder there");
            let hint = "extends = \"base.toml\", or \"shared/base.toml\"";
            return self.tell(node, "bad_value", message, hint);
        }
        if let Some(at) = chain.iter().position(|one| one == file) {
            let circle = [&chain[at..], &[file.to_owned()]]
                .concat()
                .join(" extends ");
            let hint = "a spec cannot stand under itself";
            return self.tell(node, "extends_cycle", circle, hint);
        }
        if self.read.iter().any(|one| one == file) {
            let message = format!("{file} is extended twice");
            let hint = "name it once, in front of all that need it";
            return self.tell(node, "duplicate", message, hint);
        }
        if chain.len() == MAX_CHAIN_FILES {
            let message = format!("more than {MAX_CHAIN_FILES} files would extend each other");
            let hint = "a list says several at once: extends = [\"values.toml\", \"address.toml\"]";
            return self.tell(node, "out_of_range", message, hint);
        }
        if self.read.len() > MAX_EXTENDED_FILES {
            let message = format!("a spec extends at most {MAX_EXTENDED_FILES} files in all");
            return self.tell(node, "out_of_range", message, "put some of them together");
        }
        self.read.push(file.to_owned());
        let path = folder.join(file);
        self.source.beside.push(path.clone());
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(&path);
        let most = self.left_bytes as u64 + 1;
        if let Err(error) = opened.and_then(|opened| opened.take(most).read_to_end(&mut bytes)) {
            let message = format!("{file} beside the spec cannot be read: {error}");
            let hint = "paths begin in the folder of the spec, in the files that it extends too";
            return self.tell(node, "not_found", message, hint);
        }
        let Some(left) = self.left_bytes.checked_sub(bytes.len()) else {
            let message = format!("a spec has at most {MAX_SPEC_BYTES} bytes with all it extends");
            return self.tell(node, "spec_too_large", message, "extend less");
        };
        self.left_bytes = left;
        let Ok(text) = String::from_utf8(bytes) else {
            let message = format!("{file} is not UTF-8");
            return self.tell(node, "not_text", message, "save it as UTF-8");
        };
        let (number, root) = self.source.add_file(&path.display().to_string(), &text);
        parse(self.source, (number, root), &text, self.found);
        Some(root)
    }

    /// Takes away what is never inherited; what is written in another language is told.
    fn forget_own(&mut self, base: usize) {
        if let Some(node) = self.source.child(base, "spec") {
            let is_known = match &self.source.node(node).kind {
                Kind::Integer { digits, .. } => digits == LANGUAGE,
                _ => false,
            };
            if !is_known {
                let message = "this file is written in another version of the language".to_owned();
                let hint = "write spec = 1, or leave it to the specs that extend the file";
                let _: Option<()> = self.tell(node, "unsupported_version", message, hint);
            }
        }
        self.source.remove(base, &OWN);
    }

    fn tell<T>(&mut self, node: usize, code: &'static str, text: String, hint: &str) -> Option<T> {
        let mut problem = Problem::new(self.source.path(node), code, text).hint(hint);
        problem.place = Some(self.source.place_of(node, Spot::Value));
        self.found.push(problem);
        None
    }
}

impl Source {
    /// Puts the table at `under` below the one at `over`: what only it has stands in front, in its order.
    fn merge(&mut self, under: usize, over: usize) {
        let mut open = vec![(under, over, true)];
        while let Some((under, over, is_root)) = open.pop() {
            if self.incomplete.contains(&under) {
                self.incomplete.insert(over);
            }
            let mut entries = self.children(under).to_vec();
            for nearer in self.children(over).to_vec() {
                let Step::Key(key) = &self.node(nearer).step else {
                    continue;
                };
                let is_same = |at: &usize| matches!(&self.node(*at).step, Step::Key(k) if k == key);
                let Some(place) = entries.iter().position(is_same) else {
                    entries.push(nearer);
                    continue;
                };
                let farther = std::mem::replace(&mut entries[place], nearer);
                let tables =
                    [farther, nearer].map(|at| matches!(self.node(at).kind, Kind::Table(_)));
                let is_other =
                    is_root && CHOICES.contains(&&**key) && self.chooses(nearer, farther);
                if tables == [true; 2] && !is_other {
                    open.push((farther, nearer, false));
                }
            }
            for entry in &entries {
                self.nodes[*entry].parent = over;
            }
            self.nodes[over].kind = Kind::Table(entries);
        }
    }

    /// Whether the table at `nearer` has an entry, and none of those at `farther`.
    fn chooses(&self, nearer: usize, farther: usize) -> bool {
        let names = |at: usize| {
            let steps = self
                .children(at)
                .iter()
                .map(|child| &self.node(*child).step);
            let keys = steps.filter_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                _ => None,
            });
            keys.collect::<Vec<_>>()
        };
        let (near, far) = (names(nearer), names(farther));
        !near.is_empty() && !near.iter().any(|name| far.contains(name))
    }

    /// Takes entries out of a table.
    fn remove(&mut self, table: usize, keys: &[&str]) {
        let is_gone = |at: &usize| {
            let step = &self.node(*at).step;
            matches!(step, Step::Key(key) if keys.contains(&key.as_str()))
        };
        let children = self.children(table).iter().copied();
        let left = children.filter(|at| !is_gone(at)).collect();
        self.nodes[table].kind = Kind::Table(left);
    }
}

#[cfg(test)]
mod tests;
