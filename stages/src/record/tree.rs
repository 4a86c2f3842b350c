//! A JSON value as a flat list of nodes over one text buffer, refilled for each record.
//!
//! Nodes stand in the order of the text, children behind their parent, so there is no recursion and no
//! allocation for each value. Numbers keep their digits exactly as they were written. Names carry a mark
//! ([`super::name`]).

use super::Text;
use super::name::{Key, Name, holds_nul, is_whole, mark};

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

    /// How many values there are, lists and objects counted.
    #[inline]
    pub fn values(&self) -> usize {
        self.tree.nodes.len()
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

    /// The mark of its key.
    #[inline]
    pub(super) fn mark(self) -> u64 {
        self.node().name.mark
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
        let mark = self.mark();
        match is_whole(mark) {
            true => holds_nul(mark),
            false => self.key().as_bytes().contains(&0),
        }
    }

    /// Whether it is an entry with this key.
    #[inline]
    pub fn is_named(self, key: &Key) -> bool {
        let mark = self.mark();
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
