//! A collection: documents by `_id`, and its unique indexes.

use super::{ID_BYTES, SEQUENCE_BYTES};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A path to a value, outermost name first.
pub(super) type Path = Vec<Arc<str>>;

/// A document.
#[derive(Clone)]
pub(super) struct Row {
    /// Which record wrote it last (`_src.seq`); none for an insert, which is older than every record with a key.
    pub(super) sequence: Option<[u8; SEQUENCE_BYTES]>,
    /// The document without its `_id`.
    pub(super) document: Value,
}

/// A unique index. As in MongoDB, what is missing is null, and null is a value like any other.
struct Index {
    paths: Vec<Path>,
    /// The `_id` of the document with each key, a JSON array.
    ids: BTreeMap<String, [u8; ID_BYTES]>,
}

impl Index {
    fn key(&self, document: &Value) -> String {
        let at = |path: &Path| {
            let value = path
                .iter()
                .try_fold(document, |value, name| value.get(&**name));
            value.cloned().unwrap_or_default()
        };
        Value::Array(self.paths.iter().map(at).collect()).to_string()
    }
}

/// Why a document cannot be written (E11000).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Duplicate {
    /// One with its `_id` is there.
    OfId,
    /// One with its values is there, by the index whose first path this is.
    Of(String),
}

/// The documents of a collection.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<[u8; ID_BYTES], Row>,
    unique: Vec<Index>,
}

impl Table {
    pub(super) fn documents(&self) -> Vec<([u8; ID_BYTES], Value)> {
        let rows = self.rows.iter();
        rows.map(|(id, row)| (*id, row.document.clone())).collect()
    }

    /// Every document with what wrote it last.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Makes a unique index where it is not there. `false`: documents of one key are there.
    pub(super) fn make_unique(&mut self, paths: &[Path]) -> bool {
        if self.unique.iter().any(|index| index.paths == paths) {
            return true;
        }
        let mut index = Index {
            paths: paths.to_vec(),
            ids: BTreeMap::new(),
        };
        for (id, row) in &self.rows {
            if index.ids.insert(index.key(&row.document), *id).is_some() {
                return false;
            }
        }
        self.unique.push(index);
        true
    }

    /// The document with a key, by the unique index on `paths`.
    pub(super) fn find(&self, paths: &[Path], key: &str) -> Option<([u8; ID_BYTES], &Row)> {
        let index = self.unique.iter().find(|index| index.paths == paths)?;
        let id = index.ids.get(key)?;
        Some((*id, self.rows.get(id)?))
    }

    /// The key of a document, by `paths`.
    pub(super) fn key(paths: &[Path], document: &Value) -> String {
        let index = Index {
            paths: paths.to_vec(),
            ids: BTreeMap::new(),
        };
        index.key(document)
    }

    pub(super) fn insert(&mut self, id: [u8; ID_BYTES], row: Row) -> Result<(), Duplicate> {
        if self.rows.contains_key(&id) {
            return Err(Duplicate::OfId);
        }
        self.put(id, row)
    }

    pub(super) fn replace(&mut self, id: [u8; ID_BYTES], row: Row) -> Result<(), Duplicate> {
        self.put(id, row)
    }

    pub(super) fn remove(&mut self, id: [u8; ID_BYTES]) {
        let Some(row) = self.rows.remove(&id) else {
            return;
        };
        for index in &mut self.unique {
            index.ids.remove(&index.key(&row.document));
        }
    }

    fn put(&mut self, id: [u8; ID_BYTES], row: Row) -> Result<(), Duplicate> {
        let keys = self.unique.iter().map(|index| index.key(&row.document));
        let keys: Vec<String> = keys.collect();
        for (index, key) in self.unique.iter().zip(&keys) {
            if index.ids.get(key).is_some_and(|other| *other != id) {
                let first = index.paths.first().map(|path| path.join("."));
                return Err(Duplicate::Of(first.unwrap_or_default()));
            }
        }
        let before = self.rows.insert(id, row);
        for (index, key) in self.unique.iter_mut().zip(keys) {
            if let Some(before) = &before {
                index.ids.remove(&index.key(&before.document));
            }
            index.ids.insert(key, id);
        }
        Ok(())
    }
}
