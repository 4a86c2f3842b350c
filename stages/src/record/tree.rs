//! A JSON value as a flat list of nodes over one text buffer, refilled for each record.
//!
//! Nodes stand in the order of the text, children behind their parent, so there is no recursion and no
//! allocation for each value. Numbers keep their digits exactly as they were written. Names carry a mark, a
//! number that tells two short names apart or equal without a look at the buffer.

use super::Text;

/// The bytes of a name that its mark holds: the whole name where it is not longer.
const MARK_BYTES: usize = 7;

/// A range of the buffer, in bytes.
pub type Range = (u32, u32);

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number; its text is as it was written.
    Number,
    /// A string; its text is unescaped.
    String,
    /// An array; its items are the children.
    List,
    /// An object; its entries are the children, each with a key.
    Object,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The entry's key; none for items of a list and the root.
    name: Name,
    /// The text of a number or string in the buffer.
    text: Range,
    /// One past the last node below this one.
    next: u32,
    kind: Kind,
}

/// The name of an entry in a tree under construction; the default is that of a value that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    mark: u64,
    text: Range,
}

/// A name to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    mark: u64,
    name: Box<str>,
}

/// The length of the name at `range` of `text` and seven bytes of it: equal names have equal marks, and names of
/// up to seven bytes are equal where their marks are.
#[inline]
fn mark(text: &[u8], range: Range) -> u64 {
    let name = &text[range.0 as usize..range.1 as usize];
    let len = name.len();
    let bytes = if len <= MARK_BYTES {
        // What stands behind the name is read with it, and cut off.
        let word = match text[range.0 as usize..].first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => name
                .iter()
                .rev()
                .fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        word & !(u64::MAX << (8 * len))
    } else {
        // Long names of one object often begin with the same words.
        let last = name.last_chunk().copied().unwrap_or_default();
        let first = u32::from_le_bytes([name[0], name[1], name[2], 0]);
        u64::from(u32::from_le_bytes(last)) << 24 | u64::from(first)
    };
    bytes | (len.min(0xff) as u64) << 56
}

/// Whether `mark` holds the whole name.
fn is_whole(mark: u64) -> bool {
    mark >> 56 <= MARK_BYTES as u64
}

impl Key {
    /// The key `name`.
    pub fn new(name: &str) -> Self {
        Self {
            mark: mark(name.as_bytes(), (0, name.len() as u32)),
            name: name.into(),
        }
    }

    /// The name itself.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Names to look for, each with its number.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    marks: Vec<u64>,
    keys: Vec<Key>,
}

impl Keys {
    /// The number of `key`, which is added where it is not there.
    pub fn number(&mut self, key: &Key) -> usize {
        let known = self.keys.iter().position(|known| known == key);
        known.unwrap_or_else(|| {
            self.marks.push(key.mark);
            self.keys.push(key.clone());
            self.keys.len() - 1
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of the key that `entry` has, looked for at `likely` first.
    #[inline]
    pub fn find(&self, entry: Item<'_>, likely: usize) -> Option<usize> {
        let mark = entry.node().name.mark;
        if is_whole(mark) {
            if self.marks.get(likely) == Some(&mark) {
                return Some(likely);
            }
            return self.marks.iter().position(|known| *known == mark);
        }
        let named = |key: &Key| entry.is_named(key);
        match self.keys.get(likely).is_some_and(named) {
            true => Some(likely),
            false => self.keys.iter().position(named),
        }
    }
}

/// A JSON value.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    text: String,
    nodes: Vec<Node>,
}

impl Tree {
    /// The value itself; `None` before the first refill.
    pub fn root(&self) -> Option<Item<'_>> {
        (!self.nodes.is_empty()).then_some(Item {
            tree: self,
            index: 0,
        })
    }

    /// The buffer with all its texts.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Begins a refill: everything before is forgotten.
    pub fn refill(&mut self) -> TreeWriter<'_> {
        self.text.clear();
        self.nodes.clear();
        TreeWriter { tree: self }
    }
}

/// Writes the nodes of a [`Tree`] in the order of the text.
pub struct TreeWriter<'a> {
    tree: &'a mut Tree,
}

impl TreeWriter<'_> {
    /// The buffer: keys and texts are appended here, and named by their byte range.
    pub fn text(&mut self) -> &mut String {
        &mut self.tree.text
    }

    /// The name at `range` of the buffer.
    #[inline]
    pub fn name(&self, range: Range) -> Name {
        Name {
            mark: mark(self.tree.text.as_bytes(), range),
            text: range,
        }
    }

    /// Adds a scalar, or an empty list or object.
    #[inline]
    pub fn push(&mut self, kind: Kind, name: Name, text: Range) {
        let next = self.tree.nodes.len() as u32 + 1;
        self.tree.nodes.push(Node {
            name,
            text,
            next,
            kind,
        });
    }

    /// Opens a list or object, and returns its node number. What the caller knows of the list or object around it,
    /// its number and two more, is kept for [`Self::close`].
    #[inline]
    pub fn open(&mut self, kind: Kind, name: Name, around: (u32, (u32, u32))) -> u32 {
        let index = self.tree.nodes.len() as u32;
        self.tree.nodes.push(Node {
            name,
            text: around.1,
            next: around.0,
            kind,
        });
        index
    }

    /// Closes a list or object, to which everything pushed since belongs, and returns what [`Self::open`] was given.
    #[inline]
    pub fn close(&mut self, node: u32) -> (u32, (u32, u32)) {
        let end = self.tree.nodes.len() as u32;
        let node = &mut self.tree.nodes[node as usize];
        let around = (node.next, node.text);
        (node.next, node.text) = (end, (0, 0));
        around
    }

    /// What `node` is.
    #[inline]
    pub fn kind(&self, node: u32) -> Kind {
        self.tree.nodes[node as usize].kind
    }

    /// The names in the object `node`, in order. It need not be closed, but everything in it is.
    pub fn names(&self, node: u32) -> impl Iterator<Item = Name> {
        let tree = &*self.tree;
        children(tree, node + 1, tree.nodes.len() as u32).map(|entry| entry.node().name)
    }

    /// Whether `name` is one of them.
    pub fn has(&self, node: u32, name: Name) -> bool {
        self.names(node).any(|other| {
            let same = || self.bytes(other) == self.bytes(name);
            other.mark == name.mark && (is_whole(name.mark) || same())
        })
    }

    /// A name as bytes.
    pub fn bytes(&self, name: Name) -> &[u8] {
        &self.tree.text.as_bytes()[name.text.0 as usize..name.text.1 as usize]
    }
}

impl Name {
    /// The name of up to [`MARK_BYTES`] bytes at `range` of the buffer; `word` are the eight bytes from there on.
    #[inline(always)]
    pub fn short(word: u64, range: Range) -> Self {
        let len = range.1 - range.0;
        Self {
            mark: word & !(u64::MAX << (8 * len)) | u64::from(len) << 56,
            text: range,
        }
    }

    /// Where it stands in the buffer.
    pub fn range(self) -> Range {
        self.text
    }

    /// A number that equal names have in common; others mostly have another.
    pub fn mark(self) -> u64 {
        self.mark
    }
}

/// A value in a [`Tree`].
#[derive(Clone, Copy)]
pub struct Item<'a> {
    tree: &'a Tree,
    index: u32,
}

#[inline]
fn children<'a>(tree: &'a Tree, first: u32, end: u32) -> impl Iterator<Item = Item<'a>> {
    let mut index = first;
    std::iter::from_fn(move || {
        let item = (index < end).then_some(Item { tree, index })?;
        index = item.node().next;
        Some(item)
    })
}

impl<'a> Item<'a> {
    #[inline]
    fn node(self) -> &'a Node {
        &self.tree.nodes[self.index as usize]
    }

    #[inline]
    fn slice(self, (start, end): Range) -> &'a str {
        &self.tree.text[start as usize..end as usize]
    }

    /// Its number in the tree, for [`Self::other`]; that of the root, and of no other item, is 0.
    #[inline]
    pub fn number(self) -> u32 {
        self.index
    }

    /// The item of the same tree with this number.
    #[inline]
    pub fn other(self, number: u32) -> Self {
        Self {
            index: number,
            ..self
        }
    }

    /// What it is.
    #[inline]
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The text of a string, or the digits of a number as they were written.
    #[inline]
    pub fn text(self) -> &'a str {
        self.slice(self.node().text)
    }

    /// Where its text stands in a record that has taken over the tree's texts.
    #[inline]
    pub fn place(self) -> Text {
        let (start, end) = self.node().text;
        Text { start, end }
    }

    /// Where its key stands in a record that has taken over the tree's texts.
    #[inline]
    pub fn key_place(self) -> Text {
        let (start, end) = self.node().name.text;
        Text { start, end }
    }

    /// Its key, when it is an entry of an object.
    #[inline]
    pub fn key(self) -> &'a str {
        self.slice(self.node().name.text)
    }

    /// Whether its key holds the character NUL.
    #[inline]
    pub fn has_nul_in_key(self) -> bool {
        const ONES: u64 = u64::MAX / 255;
        let mark = self.node().name.mark;
        if !is_whole(mark) {
            return self.key().as_bytes().contains(&0);
        }
        // With other bytes behind the name, a zero byte is one from which subtracting one borrows.
        let word = mark | u64::MAX << (8 * (mark >> 56));
        word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
    }

    /// Whether it is an entry with this key.
    #[inline]
    pub fn is_named(self, key: &Key) -> bool {
        let mark = self.node().name.mark;
        mark == key.mark && (is_whole(mark) || *self.key() == *key.name)
    }

    /// Its items or entries, in order; none for a scalar.
    #[inline]
    pub fn children(self) -> impl Iterator<Item = Item<'a>> {
        children(self.tree, self.index + 1, self.node().next)
    }

    /// The entry of an object with this key.
    #[inline]
    pub fn get(self, key: &Key) -> Option<Item<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        self.children().find(|child| child.is_named(key))
    }

    /// The item of a list at `index`, from 0; from the end, -1 first, where it is negative.
    pub fn at(self, index: i64) -> Option<Item<'a>> {
        if self.kind() != Kind::List {
            return None;
        }
        let index = match usize::try_from(index) {
            Ok(index) => index,
            Err(_) => self
                .children()
                .count()
                .checked_sub(index.unsigned_abs() as usize)?,
        };
        self.children().nth(index)
    }
}
