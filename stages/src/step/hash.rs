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

/// Bytes of a fingerprint: two salts have the same one by chance once in 2^64.
const FINGERPRINT_BYTES: usize = 8;
/// What is authenticated for a fingerprint.
const CONSTANT: &[u8] = b"sluicegate salt fingerprint";
/// The block of SHA-256, in bytes.
const BLOCK_BYTES: usize = 64;

/// What tells a salt from another and does not give it away: the first bytes of the HMAC-SHA-256 (RFC 2104) of a constant
/// under it, in hexadecimal digits. It is the hash of no value.
pub fn fingerprint(salt: &str) -> String {
    let mut key = [0; BLOCK_BYTES];
    match salt.len() <= BLOCK_BYTES {
        true => key[..salt.len()].copy_from_slice(salt.as_bytes()),
        false => key[..32].copy_from_slice(&Sha256::digest(salt.as_bytes())),
    }
    let pad = |with: u8| key.map(|byte| byte ^ with);
    let inner = Sha256::new_with_prefix(pad(0x36)).chain_update(CONSTANT);
    let outer = Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize());
    hex::encode(&outer.finalize()[..FINGERPRINT_BYTES])
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

#[cfg(test)]
mod tests {
    use super::*;

    // printf 'sluicegate salt fingerprint' | openssl dgst -sha256 -hmac SALT
    #[test]
    fn a_fingerprint_is_the_beginning_of_an_hmac() {
        assert_eq!(fingerprint("pepper"), "fec3f2479e6fd174");
        assert_eq!(fingerprint(&"x".repeat(65)), "0200ce5358428401");
    }
}
