//! The top-level keys of trees that no field takes and the spec drops, by their names: nothing is left out without a word.
//!
//! Records have the same keys in one order, so a record costs one comparison for each such key. No lock is taken, and behind
//! [`MAX_LEFT_KEYS`] names nothing is looked at any more. It never counts how often a key came.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The most names that are kept.
pub const MAX_LEFT_KEYS: usize = 64;
/// The most bytes of a name that are kept.
const MAX_NAME_BYTES: usize = 256;

/// The names that were met so far. Shared by all that bind records of one input.
#[derive(Debug)]
pub struct LeftKeys {
    /// Filled from the front.
    names: Box<[OnceLock<Box<str>>]>,
    /// There is no room for another.
    is_full: AtomicBool,
    /// There was another name than these.
    are_more: AtomicBool,
}

impl LeftKeys {
    /// None yet; `hidden`: and none will be noted, since nobody may see them.
    pub fn new(hidden: bool) -> Self {
        Self {
            names: (0..MAX_LEFT_KEYS).map(|_| OnceLock::new()).collect(),
            is_full: AtomicBool::new(hidden),
            are_more: AtomicBool::new(false),
        }
    }

    /// Notes a key. It is looked for at `next` first; gives where the one behind it would stand.
    #[inline]
    pub fn note(&self, key: &str, next: usize) -> usize {
        match self.names.get(next).and_then(OnceLock::get) {
            Some(name) if **name == *key => next + 1,
            _ if self.is_full.load(Relaxed) => next,
            _ => self.search(key),
        }
    }

    #[cold]
    fn search(&self, key: &str) -> usize {
        let key = &key[..key.floor_char_boundary(MAX_NAME_BYTES)];
        for (index, slot) in self.names.iter().enumerate() {
            if **slot.get_or_init(|| key.into()) == *key {
                return index + 1;
            }
        }
        self.are_more.store(true, Relaxed);
        self.is_full.store(true, Relaxed);
        0
    }

    /// The names in the order in which they came, and whether there were others.
    pub fn names(&self) -> (Vec<String>, bool) {
        let names = self.names.iter().map_while(OnceLock::get);
        let names = names.map(|name| name.to_string()).collect();
        (names, self.are_more.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_kept_once_and_so_many_at_most() {
        let keys = LeftKeys::new(false);
        for _ in 0..3 {
            let next = keys.note("a", 0);
            assert_eq!((next, keys.note("b", next)), (1, 2));
        }
        // In another order too.
        assert_eq!((keys.note("b", 0), keys.note("a", 2)), (2, 1));
        assert_eq!(keys.names(), (vec!["a".to_owned(), "b".to_owned()], false));
        for number in 0..2 * MAX_LEFT_KEYS {
            keys.note(&format!("k{number}"), 0);
        }
        let (names, are_more) = keys.names();
        assert_eq!((names.len(), are_more), (MAX_LEFT_KEYS, true));
        let hidden = LeftKeys::new(true);
        hidden.note("a", 0);
        assert_eq!(hidden.names(), (Vec::new(), false));
    }
}
