//! A spec's text with its tree: what turns key paths (`fields.total.type`, `steps[2].drop`) into places. The tree
//! keeps the order in which keys are written, and of each entry the file in which it stands: a spec that extends others
//! is one tree of several texts. It knows nothing of what the keys mean, and opens nothing.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::path::{Step, join, steps};

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters, a byte-order mark not counted.
    pub column: usize,
    /// In bytes from the beginning of the text; may be empty.
    pub range: Range<usize>,
    /// The number of the text: 0 is the spec, behind it those that it extends.
    pub(super) file: usize,
}

/// Which part of an entry is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// Its key; for an element of an array the element.
    Key,
    /// Its value; for a table with a header the header.
    Value,
}

/// A spec's text with its tree; where it extends others, with theirs.
#[derive(Debug)]
pub struct Source {
    files: Vec<File>,
    /// The files that were opened for it.
    pub(super) beside: Vec<PathBuf>,
    pub(super) nodes: Vec<Node>,
    /// By node: given up while reading, with a problem of its own.
    pub(super) pruned: Vec<bool>,
    /// Tables in which a statement is broken.
    pub(super) incomplete: HashSet<usize>,
    pub(super) torn: bool,
}

/// One of the texts.
#[derive(Debug)]
struct File {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl File {
    fn new(name: &str, text: &str) -> Self {
        let line_starts = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1))
            .collect();
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            line_starts,
        }
    }
}

/// One entry of the tree.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: usize,
    pub(super) step: Step,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) kind: Kind,
    /// The number of the text in which it stands.
    pub(super) file: usize,
}

/// What an entry holds; children are indices of nodes, in the order of the text.
#[derive(Debug)]
pub(super) enum Kind {
    Table(Vec<usize>),
    Array(Vec<usize>),
    String(String),
    Integer { digits: String, radix: u32 },
    Float(String),
    Boolean(bool),
    Datetime(String),
}

/// The index of the document itself.
pub(super) const ROOT: usize = 0;

impl Source {
    /// A text named `name` of which nothing is known yet.
    pub(super) fn new(name: &str, text: &str) -> Self {
        let mut source = Self {
            files: Vec::new(),
            beside: Vec::new(),
            nodes: Vec::new(),
            pruned: Vec::new(),
            incomplete: HashSet::new(),
            torn: false,
        };
        source.add_file(name, text);
        source
    }

    /// Takes one more text, of which nothing is known yet: its number, and the index of its document, which is no part
    /// of the tree until somebody makes it one.
    pub(super) fn add_file(&mut self, name: &str, text: &str) -> (usize, usize) {
        self.files.push(File::new(name, text));
        let (file, root) = (self.files.len() - 1, self.nodes.len());
        self.nodes.push(Node {
            parent: ROOT,
            step: Step::Root,
            key: 0..0,
            value: 0..0,
            kind: Kind::Table(Vec::new()),
            file,
        });
        self.pruned.push(false);
        (file, root)
    }

    /// Takes over a parsed document below its root. Not recursive: the depth is the text's to choose.
    pub(super) fn grow(&mut self, root: usize, document: DeTable<'_>) {
        let mut open = vec![(root, DeValue::Table(document))];
        while let Some((parent, value)) = open.pop() {
            let mut children = Vec::new();
            let is_table = value.is_table();
            match value {
                DeValue::Table(table) => {
                    let mut entries: Vec<_> = table.into_iter().collect();
                    entries.sort_by_key(|(key, _)| key.span().start);
                    for (key, value) in entries {
                        let span = key.span();
                        let step = Step::Key(key.into_inner().into_owned());
                        children.push(self.add(parent, step, Some(span), value, &mut open));
                    }
                }
                DeValue::Array(array) => {
                    for (index, value) in array.into_iter().enumerate() {
                        children.push(self.add(parent, Step::Item(index), None, value, &mut open));
                    }
                }
                _ => continue,
            }
            self.nodes[parent].kind = if is_table {
                Kind::Table(children)
            } else {
                Kind::Array(children)
            };
        }
        self.pruned = vec![false; self.nodes.len()];
    }

    fn add<'i>(
        &mut self,
        parent: usize,
        step: Step,
        key: Option<Range<usize>>,
        value: Spanned<DeValue<'i>>,
        open: &mut Vec<(usize, DeValue<'i>)>,
    ) -> usize {
        let index = self.nodes.len();
        let span = value.span();
        let kind = match value.into_inner() {
            DeValue::String(text) => Kind::String(text.into_owned()),
            DeValue::Integer(number) => Kind::Integer {
                digits: number.as_str().to_owned(),
                radix: number.radix(),
            },
            DeValue::Float(number) => Kind::Float(number.as_str().to_owned()),
            DeValue::Boolean(value) => Kind::Boolean(value),
            DeValue::Datetime(value) => Kind::Datetime(value.to_string()),
            nested @ (DeValue::Array(_) | DeValue::Table(_)) => {
                let kind = match nested {
                    DeValue::Table(_) => Kind::Table(Vec::new()),
                    _ => Kind::Array(Vec::new()),
                };
                open.push((index, nested));
                kind
            }
        };
        self.nodes.push(Node {
            parent,
            step,
            key: key.unwrap_or_else(|| span.clone()),
            value: span,
            kind,
            file: self.nodes[parent].file,
        });
        index
    }

    /// Notes that statements at `gaps` of the document at `root` could not be parsed: what seems missing beside them may
    /// stand there.
    pub(super) fn note_gaps(&mut self, root: usize, gaps: &[usize], torn: bool) {
        self.torn |= torn;
        let file = self.nodes[root].file;
        let mut headers: Vec<(usize, usize)> = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.file == file && matches!(node.kind, Kind::Table(_)))
            .filter(|(_, node)| self.text_of(node).starts_with('['))
            .map(|(index, node)| (node.value.start, index))
            .collect();
        headers.sort_unstable();
        for gap in gaps {
            let after = headers.partition_point(|(start, _)| start <= gap);
            let table = after.checked_sub(1).map_or(root, |at| headers[at].1);
            self.incomplete.insert(table);
        }
    }

    /// The name the spec was read under.
    pub fn name(&self) -> &str {
        &self.files[0].name
    }

    /// The name of the text in which a place is.
    pub fn name_of(&self, place: &Place) -> &str {
        &self.files[place.file].name
    }

    /// The files that the spec extends, whether they could be read or not.
    pub fn beside(&self) -> &[PathBuf] {
        &self.beside
    }

    /// The text of the spec as it was read.
    pub fn text(&self) -> &str {
        &self.files[0].text
    }

    /// The text from where the value of a node begins.
    fn text_of(&self, node: &Node) -> &str {
        &self.files[node.file].text[node.value.start..]
    }

    pub(super) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    pub(super) fn children(&self, index: usize) -> &[usize] {
        match &self.nodes[index].kind {
            Kind::Table(children) | Kind::Array(children) => children,
            _ => &[],
        }
    }

    /// The entry `key` of the table at `index`.
    pub(super) fn child(&self, index: usize, key: &str) -> Option<usize> {
        let children = self.children(index).iter().copied();
        children
            .into_iter()
            .find(|child| matches!(&self.nodes[*child].step, Step::Key(name) if name == key))
    }

    /// Whether something that seems missing in the entry at `index` may stand in a broken statement: never in a
    /// value that is one statement itself.
    pub(super) fn is_incomplete(&self, index: usize) -> bool {
        let node = &self.nodes[index];
        let is_inline = self.text_of(node).starts_with('{') && index != ROOT;
        matches!(node.kind, Kind::Table(_))
            && !is_inline
            && (self.torn || self.incomplete.contains(&index))
    }

    /// The place of the entry at `path`; of its nearest ancestor's key where there is no such entry. Elements of
    /// an array are counted as in what was read: those given up while reading are left out.
    pub fn place(&self, path: &str, spot: Spot) -> Place {
        let (index, exists) = self.find(path);
        self.place_of(index, if exists { spot } else { Spot::Key })
    }

    pub(super) fn place_of(&self, index: usize, spot: Spot) -> Place {
        let node = &self.nodes[index];
        let range = match spot {
            Spot::Key => node.key.clone(),
            Spot::Value => node.value.clone(),
        };
        self.locate(node.file, range)
    }

    /// Line and column of a range of bytes in one of the texts; a range outside of it is moved to its end.
    pub(super) fn locate(&self, file: usize, range: Range<usize>) -> Place {
        let File {
            text, line_starts, ..
        } = &self.files[file];
        let start = text.floor_char_boundary(range.start);
        let end = text.ceil_char_boundary(range.end.max(start));
        let line = line_starts.partition_point(|at| *at <= start);
        let line_start = line_starts[line - 1];
        // Between the two characters of a line end is behind the line.
        let before = text[line_start..start]
            .trim_start_matches('\u{feff}')
            .trim_end_matches('\r');
        Place {
            line,
            column: before.chars().count() + 1,
            range: start..end,
            file,
        }
    }

    /// The text of the line of a place without its line end, and the byte at which it begins.
    pub(super) fn line(&self, place: &Place) -> (&str, usize) {
        let File {
            text, line_starts, ..
        } = &self.files[place.file];
        let start = line_starts[place.line - 1];
        let end = line_starts.get(place.line).map_or(text.len(), |at| at - 1);
        let text = &text[start..end];
        (text.strip_suffix('\r').unwrap_or(text), start)
    }

    /// Whether the entry at `path`, or one above it, was given up while reading: its problem is told already.
    pub fn was_pruned(&self, path: &str) -> bool {
        let (mut index, _) = self.find(path);
        loop {
            if self.pruned[index] {
                return true;
            }
            if index == ROOT {
                return false;
            }
            index = self.nodes[index].parent;
        }
    }

    /// Whether a problem at `path` would only repeat what another problem has said already.
    pub(super) fn is_told(&self, path: &str) -> bool {
        let (index, exists) = self.find(path);
        self.was_pruned(path) || (!exists && self.is_incomplete(index))
    }

    /// Whether there are entries in the table at `path`, or may be.
    pub(super) fn has_anything(&self, path: &str) -> bool {
        let (index, exists) = self.find(path);
        exists && (self.is_incomplete(index) || !self.children(index).is_empty())
    }

    /// The entry at `path`, or its nearest ancestor and false.
    fn find(&self, path: &str) -> (usize, bool) {
        let (index, rest) = self.descend(&steps(path));
        (index, rest == 0)
    }

    /// How far the tree follows `steps`: the last entry, and how many steps are left. Elements of an array count
    /// as in what was read, where those given up are missing.
    fn descend(&self, steps: &[Step]) -> (usize, usize) {
        let mut index = ROOT;
        for (done, step) in steps.iter().enumerate() {
            let child = match step {
                Step::Root => Some(index),
                Step::Key(key) => self.child(index, key),
                Step::Item(at) => match &self.nodes[index].kind {
                    Kind::Array(items) => {
                        let mut live = items.iter().filter(|item| !self.pruned[**item]);
                        live.nth(*at).copied()
                    }
                    _ => None,
                },
            };
            match child {
                Some(child) => index = child,
                None => return (index, steps.len() - done),
            }
        }
        (index, 0)
    }

    /// `path` with the elements of arrays counted as in the text.
    pub(super) fn path_in_text(&self, path: &str) -> String {
        let steps = steps(path);
        let (index, rest) = self.descend(&steps);
        let mut path = self.path(index);
        for step in &steps[steps.len() - rest..] {
            join(&mut path, step);
        }
        path
    }

    /// The path of a node, as [`Source::place`] takes it.
    pub(super) fn path(&self, index: usize) -> String {
        let mut steps = Vec::new();
        let mut at = index;
        while at != ROOT {
            steps.push(&self.nodes[at].step);
            at = self.nodes[at].parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            join(&mut path, step);
        }
        path
    }
}
