//! A JSON value as a flat list of nodes over one text buffer, refilled for each record.
//!
//! Nodes stand in the order of the text, children behind their parent, so there is no recursion and no
//! allocation for each value. Numbers keep their digits exactly as they were written.

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
    kind: Kind,
    /// The entry's key in the buffer; empty for items of a list and the root.
    key: (u32, u32),
    /// The text of a number or string in the buffer.
    text: (u32, u32),
    /// One past the last node below this one.
    next: u32,
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

    /// Adds a scalar, or opens a list or object, and returns its node number for [`Self::close`].
    pub fn push(&mut self, kind: Kind, key: (u32, u32), text: (u32, u32)) -> u32 {
        let index = self.tree.nodes.len() as u32;
        self.tree.nodes.push(Node {
            kind,
            key,
            text,
            next: index + 1,
        });
        index
    }

    /// Closes a list or object: everything pushed since belongs to it.
    pub fn close(&mut self, node: u32) {
        self.tree.nodes[node as usize].next = self.tree.nodes.len() as u32;
    }
}

/// A value in a [`Tree`].
#[derive(Clone, Copy)]
pub struct Item<'a> {
    tree: &'a Tree,
    index: u32,
}

impl<'a> Item<'a> {
    fn node(self) -> Node {
        self.tree.nodes[self.index as usize]
    }

    fn slice(self, (start, end): (u32, u32)) -> &'a str {
        &self.tree.text[start as usize..end as usize]
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The text of a string, or the digits of a number as they were written.
    pub fn text(self) -> &'a str {
        self.slice(self.node().text)
    }

    /// Its key, when it is an entry of an object.
    pub fn key(self) -> &'a str {
        self.slice(self.node().key)
    }

    /// Its items or entries, in order; none for a scalar.
    pub fn children(self) -> impl Iterator<Item = Item<'a>> {
        let end = self.node().next;
        let mut index = self.index + 1;
        std::iter::from_fn(move || {
            let item = (index < end).then_some(Item {
                tree: self.tree,
                index,
            })?;
            index = item.node().next;
            Some(item)
        })
    }

    /// The entry of an object with this key.
    pub fn get(self, key: &str) -> Option<Item<'a>> {
        if self.kind() != Kind::Object {
            return None;
        }
        self.children().find(|child| child.key() == key)
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
