//! Which elements of an XML document are its records, by its first bytes: those that come again and again beside each other.
//!
//! Tags are read leniently, for names alone; whether the document is well-formed is the framer's to say. Where two elements
//! are as good as each other, neither is chosen.

use super::sniff::{Format, Sniffed};
use super::text::list;
use pipeline::Fatal;
use std::collections::{BTreeMap, HashMap};

/// The most levels of elements that are looked at.
const MAX_LEVELS: usize = 32;
/// The most paths of elements that are told apart.
const MAX_PATHS: usize = 2000;

/// An element that holds nothing but others of one kind, so many on the average, is a group of records, not one.
const MIN_RECORDS_OF_GROUP: usize = 8;

/// What is known of the elements of one path.
#[derive(Default)]
struct Elements {
    count: usize,
    /// Whether two of them had one parent.
    repeats: bool,
    /// Whether they hold attributes or elements.
    is_complex: bool,
}

/// An element that is open.
struct Open {
    /// Its path, each name with the prefix that the spec will give it.
    path: Vec<String>,
    /// The namespaces that it declares: its own prefix and the name.
    declared: Vec<(String, String)>,
    /// How often each child was seen.
    children: HashMap<String, usize>,
}

/// The record path of a sample of XML, and its namespaces.
///
/// # Errors
/// `cannot_infer` where no element repeats, or several do alike.
pub fn format(sample: &str) -> Result<Sniffed, Fatal> {
    let mut scan = Scan::default();
    scan.read(sample);
    let (path, found) = scan.records()?;
    let used = |prefix: &&String| {
        let start = format!("{prefix}:");
        scan.names
            .iter()
            .any(|name| name.trim_start_matches('@').starts_with(&start))
    };
    let namespaces: Vec<_> = scan
        .prefixes
        .iter()
        .filter(|(_, prefix)| used(prefix))
        .map(|(name, prefix)| (prefix.clone(), name.clone()))
        .collect();
    let path = format!("/{}", path.join("/"));
    let evidence = format!(
        "likely: {} elements {path} in the first bytes, beside each other",
        found.count
    );
    Ok(Sniffed {
        evidence: vec![evidence],
        format: Format::Xml { path, namespaces },
        encoding: None,
    })
}

#[derive(Default)]
struct Scan {
    open: Vec<Open>,
    paths: BTreeMap<Vec<String>, Elements>,
    /// The prefix that the spec gives to each namespace.
    prefixes: BTreeMap<String, String>,
    /// Names of elements and attributes that were seen.
    names: std::collections::BTreeSet<String>,
}

impl Scan {
    fn read(&mut self, sample: &str) {
        let mut rest = sample;
        while let Some(at) = rest.find('<') {
            rest = &rest[at..];
            let skipped = [
                ("<!--", "-->"),
                ("<![CDATA[", "]]>"),
                ("<?", "?>"),
                ("<!", ">"),
            ];
            let skipped = skipped.iter().find(|(start, _)| rest.starts_with(start));
            if let Some((_, end)) = skipped {
                let Some(end_at) = rest.find(end) else { return };
                rest = &rest[end_at + end.len()..];
                continue;
            }
            let Some(end) = end_of_tag(rest) else { return };
            let tag = &rest[1..end];
            match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
                (Some(_), _) => drop(self.open.pop()),
                (None, Some(empty)) => {
                    self.start(empty);
                    self.open.pop();
                }
                (None, None) => self.start(tag),
            }
            rest = &rest[end + 1..];
        }
    }

    fn start(&mut self, tag: &str) {
        let (name, attributes) = match tag.find(|c: char| c.is_ascii_whitespace()) {
            Some(at) => tag.split_at(at),
            None => (tag, ""),
        };
        let attributes = attributes_of(attributes);
        let declared = attributes.iter().filter_map(|(name, value)| {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(prefix) => prefix.strip_prefix(':')?,
                None => return None,
            };
            Some((prefix.to_owned(), (*value).to_owned()))
        });
        let declared: Vec<_> = declared.collect();
        let mut path = self
            .open
            .last()
            .map(|open| open.path.clone())
            .unwrap_or_default();
        let mut open = Open {
            path: Vec::new(),
            declared,
            children: HashMap::new(),
        };
        self.open.push(open);
        let name = self.name(name, true);
        let own: Vec<_> = attributes
            .iter()
            .filter(|(name, _)| !name.starts_with("xmlns"))
            .collect();
        for (attribute, _) in &own {
            let attribute = self.name(attribute, false);
            self.names.insert(attribute);
        }
        open = match self.open.pop() {
            Some(open) => open,
            None => return,
        };
        self.names.insert(name.clone());
        path.push(name.clone());
        let repeats = self.open.last_mut().is_some_and(|parent| {
            let count = parent.children.entry(name).or_default();
            *count += 1;
            *count > 1
        });
        if let Some(parent) = self.open.last()
            && let Some(elements) = self.paths.get_mut(&parent.path)
        {
            elements.is_complex = true;
        }
        if path.len() <= MAX_LEVELS
            && (self.paths.len() < MAX_PATHS || self.paths.contains_key(&path))
        {
            let elements = self.paths.entry(path.clone()).or_default();
            elements.count += 1;
            elements.repeats |= repeats;
            elements.is_complex |= !own.is_empty();
        }
        open.path = path;
        self.open.push(open);
    }

    /// A name as the spec says it: with the prefix of its namespace.
    fn name(&mut self, name: &str, is_element: bool) -> String {
        let (own, local) = name.split_once(':').unwrap_or(("", name));
        let declared = self
            .open
            .iter()
            .rev()
            .flat_map(|open| open.declared.iter().rev());
        let mut of_own = declared.filter(|(prefix, _)| prefix == own);
        let namespace = of_own.next().map(|(_, name)| name.clone());
        match namespace {
            // A default namespace is of elements alone.
            Some(namespace) if !namespace.is_empty() && (is_element || !own.is_empty()) => {
                let taken: Vec<_> = self.prefixes.values().cloned().collect();
                let prefix = self.prefixes.entry(namespace).or_insert_with(|| {
                    let wanted = if own.is_empty() { "x" } else { own };
                    let numbered = (2..).map(|number| format!("{wanted}{number}"));
                    let mut free = std::iter::once(wanted.to_owned()).chain(numbered);
                    free.find(|prefix| !taken.contains(prefix))
                        .unwrap_or_default()
                });
                format!("{prefix}:{local}")
            }
            _ => name.to_owned(),
        }
    }

    /// The path of the elements that are records.
    fn records(&self) -> Result<(Vec<String>, &Elements), Fatal> {
        let repeated = |is_complex: bool| {
            let found = self
                .paths
                .iter()
                .filter(move |(_, elements)| elements.repeats && elements.is_complex >= is_complex);
            found.collect::<Vec<_>>()
        };
        let mut found = repeated(true);
        if found.is_empty() {
            found = repeated(false);
        }
        // What repeats within something that repeats is a part of a record.
        let outer: Vec<_> = found
            .iter()
            .filter(|(path, _)| {
                let is_outer =
                    |other: &&Vec<String>| other.len() < path.len() && path.starts_with(other);
                !found
                    .iter()
                    .map(|(other, _)| *other)
                    .any(|other| is_outer(&other))
            })
            .collect();
        let most = outer.iter().map(|(_, elements)| elements.count).max();
        let best: Vec<_> = outer
            .iter()
            .filter(|(_, elements)| Some(elements.count) == most)
            .collect();
        match best[..] {
            [(path, elements)] => {
                let (mut path, mut elements) = (*path, *elements);
                while let Some(inner) = self.grouped(path, elements) {
                    (path, elements) = inner;
                }
                Ok((path.clone(), elements))
            }
            [] => Err(Fatal::new(
                "cannot_infer",
                "no element of this XML comes twice beside each other, so nothing says what a record is",
            )
            .hint("write [format.xml] with the record_path yourself, and look at `sluicegate preview`")),
            _ => {
                let paths: Vec<_> = best.iter().map(|(path, _)| format!("/{}", path.join("/"))).collect();
                let message = format!("{} repeat alike: which of them are the records?", list(&paths));
                Err(Fatal::new("cannot_infer", message).hint(
                    "write [format.xml] with the record_path yourself, and look at `sluicegate preview`",
                ))
            }
        }
    }
}

impl Scan {
    /// The elements of which those of a path are groups.
    fn grouped(&self, path: &[String], elements: &Elements) -> Option<(&Vec<String>, &Elements)> {
        let mut inside = self
            .paths
            .iter()
            .filter(|(other, _)| other.len() == path.len() + 1 && other.starts_with(path));
        let (only, None) = (inside.next()?, inside.next()) else {
            return None;
        };
        let is_group = only.1.is_complex && only.1.count >= elements.count * MIN_RECORDS_OF_GROUP;
        is_group.then_some(only)
    }
}

/// Where a tag ends: quotes may hold its sign.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// Names and values, as they stand there.
fn attributes_of(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let Some(quote) = behind.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return found;
        };
        let Some((value, behind)) = behind[1..].split_once(quote) else {
            return found;
        };
        found.push((name.trim(), value));
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sample: &str, expected: &str) {
        let found = match format(sample) {
            Ok(sniffed) => sniffed.format.words().replace('\n', " "),
            Err(fatal) => format!("{}: {}", fatal.code, fatal.message),
        };
        assert!(found.starts_with(expected), "{sample}: {found}");
    }

    #[test]
    fn records_are_the_outermost_elements_that_repeat() {
        check(
            "<?xml version='1.0'?><!-- <x/><x/> --><shop><item n='>'><tag>a</tag><tag>b</tag></item><item/></shop>",
            "[format.xml] record_path = \"/shop/item\" ",
        );
        check(
            "<rss><channel><category>a</category><category>b</category><title/><item><a/></item><item/><ite",
            "[format.xml] record_path = \"/rss/channel/item\" ",
        );
        check(
            "<feed xmlns=\"http://a\" xmlns:g='http://g'><entry><g:id/></entry><entry/><entry/></feed>",
            "[format.xml] record_path = \"/x:feed/x:entry\" namespaces = { x = [\"http://a\"], g = [\"http://g\"] } ",
        );
        check(
            "<a><b>1</b><b>2</b></a>",
            "[format.xml] record_path = \"/a/b\" ",
        );
    }

    #[test]
    fn what_could_be_either_is_not_chosen() {
        check(
            "<a><b n='1'/><b/><c n='1'/><c/></a>",
            "cannot_infer: /a/b and /a/c repeat alike",
        );
        check("<a><b/><c/></a>", "cannot_infer: no element");
    }
}
