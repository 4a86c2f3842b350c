//! Names of entries in a [`super::Tree`], and names to look for in one.
//!
//! Each carries a mark: a number that tells two short names apart or equal without a look at their bytes.

use super::tree::{Item, Range};

/// The bytes of a name that its mark holds: the whole name where it is not longer.
const MARK_BYTES: usize = 7;

/// The name of an entry in a tree under construction; the default is that of a value that has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Name {
    pub(super) mark: u64,
    pub(super) text: Range,
}

/// A name to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub(super) mark: u64,
    pub(super) name: Box<str>,
}

/// The length of the name at `range` of `text` and seven bytes of it: equal names have equal marks, and names of
/// up to seven bytes are equal where their marks are.
#[inline]
pub(super) fn mark(text: &[u8], range: Range) -> u64 {
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
pub(super) fn is_whole(mark: u64) -> bool {
    mark >> 56 <= MARK_BYTES as u64
}

/// Whether the name that `mark` holds whole holds the character NUL.
pub(super) fn holds_nul(mark: u64) -> bool {
    const ONES: u64 = u64::MAX / 255;
    // With other bytes behind the name, a zero byte is one from which subtracting one borrows.
    let word = mark | u64::MAX << (8 * (mark >> 56));
    word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
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
        let mark = entry.mark();
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

#[cfg(test)]
mod tests {
    use super::super::{Kind, Tree};
    use super::*;
    use proptest::prelude::*;

    /// An object with these names, its values null.
    fn object(names: &[String]) -> Tree {
        let mut tree = Tree::default();
        let mut writer = tree.refill();
        let root = writer.open(Kind::Object, Name::default(), (0, (0, 0)));
        for name in names {
            let start = writer.text().len() as u32;
            writer.text().push_str(name);
            let name = writer.name((start, start + name.len() as u32));
            writer.push(Kind::Null, name, (0, 0));
        }
        writer.close(root);
        tree
    }

    proptest! {
        #[test]
        fn names_are_told_apart_by_their_bytes(
            names in prop::collection::vec("[ab\\x00é]{0,12}", 1..12),
            wanted in "[ab\\x00é]{0,12}",
        ) {
            let tree = object(&names);
            let root = tree.root().unwrap();
            let mut keys = Keys::default();
            let numbers: Vec<usize> = names.iter().map(|name| keys.number(&Key::new(name))).collect();
            for ((entry, name), number) in root.children().zip(&names).zip(numbers) {
                prop_assert_eq!(entry.is_named(&Key::new(&wanted)), *name == wanted);
                prop_assert_eq!(entry.has_nul_in_key(), name.contains('\0'));
                for likely in 0..=keys.len() {
                    prop_assert_eq!(keys.find(entry, likely), Some(number));
                }
            }
            let expected = names.iter().position(|name| *name == wanted);
            let found = root.get(&Key::new(&wanted)).map(|entry| entry.number() as usize - 1);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_short_name_is_the_same_from_a_word(name in "[a-z\\x00]{0,7}", behind in "[a-z\":]{8}") {
            let text = format!("{name}{behind}");
            let range = (0, name.len() as u32);
            let word = u64::from_le_bytes(text.as_bytes()[..8].try_into().unwrap());
            prop_assert_eq!(Name::short(word, range).mark(), mark(text.as_bytes(), range));
            prop_assert_eq!(Key::new(&name).mark, mark(text.as_bytes(), range));
        }
    }
}
