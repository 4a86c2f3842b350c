//! `hash`: a text becomes the hexadecimal digits of the SHA-256 of its salt and itself, before any step sees it. Null
//! stays null. It never writes a salt anywhere.

use crate::record::{Record, Value};
use pipeline::{Step, Verdict};
use sha2::{Digest, Sha256};

/// Hashes one field.
pub struct Hash {
    /// The number of the field in the record.
    index: usize,
    /// A hash that has begun with the salt.
    salted: Sha256,
}

impl Hash {
    /// Hashes the field with this number in the record.
    pub fn new(index: usize, salt: &str) -> Self {
        Self {
            index,
            salted: Sha256::new_with_prefix(salt.as_bytes()),
        }
    }
}

impl Step<Record> for Hash {
    fn apply(&self, record: &mut Record) -> Verdict {
        if let Value::Text(text) = record.value(self.index) {
            let text = record.text(*text);
            let hashed = hex::encode(self.salted.clone().chain_update(text).finalize());
            let hashed = record.store(&hashed);
            record.set(self.index, Value::Text(hashed));
        }
        Verdict::Keep
    }
}
