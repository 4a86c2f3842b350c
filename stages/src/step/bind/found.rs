//! Which fields were ever found: a path that leads nowhere in the whole input is a slip, and is told at its end.
//!
//! It counts nothing: a field is marked at most once, and once all are, a record costs one look at a number.

use super::left_keys::LeftKeys;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The fields of the records of trees, and whether they were found in any record that was bound.
#[derive(Debug)]
pub struct Finds {
    /// Each as a message says it; empty of one that is looked for nowhere.
    names: Vec<String>,
    found: Vec<AtomicBool>,
    /// How many are not found yet.
    left: AtomicUsize,
    any_record: AtomicBool,
    /// What records have, and no field takes.
    pub left_keys: LeftKeys,
}

impl Finds {
    /// Of fields of which none was found; those that are looked for nowhere are `None`. `hides_keys`: nobody may see the
    /// names of other keys.
    pub fn new(fields: impl Iterator<Item = Option<String>>, hides_keys: bool) -> Self {
        let names: Vec<Option<String>> = fields.collect();
        let found = names.iter().map(|name| AtomicBool::new(name.is_none()));
        Self {
            found: found.collect(),
            left: AtomicUsize::new(names.iter().flatten().count()),
            names: names.into_iter().map(Option::unwrap_or_default).collect(),
            any_record: AtomicBool::new(false),
            left_keys: LeftKeys::new(hides_keys),
        }
    }

    /// Whether a field is still looked for.
    #[inline]
    pub fn are_wanted(&self) -> bool {
        self.left.load(Relaxed) > 0
    }

    /// Marks those of the fields still looked for that `is_there` in a record.
    #[cold]
    pub fn mark(&self, is_there: impl Fn(usize) -> bool) {
        self.any_record.store(true, Relaxed);
        for (index, found) in self.found.iter().enumerate() {
            if !found.load(Relaxed) && is_there(index) && !found.swap(true, Relaxed) {
                self.left.fetch_sub(1, Relaxed);
            }
        }
    }

    /// The fields that no record had, where there was a record.
    pub fn never(&self) -> Vec<String> {
        if !self.any_record.load(Relaxed) {
            return Vec::new();
        }
        let all = self.names.iter().zip(&self.found);
        let never = all.filter(|(_, found)| !found.load(Relaxed));
        never.map(|(name, _)| name.clone()).collect()
    }
}
