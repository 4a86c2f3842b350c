//! Identities: who a record is, whatever run or machine loads it.
//!
//! In insert mode a document's `_id` is a pure function of where its record came from, so that loading it
//! again changes nothing. Nothing here depends on time, a machine or chance.

use sha2::{Digest, Sha256};
use std::fmt;

/// What makes one load another than any other.
#[derive(Clone, Copy, Debug)]
pub struct LoadName<'a> {
    /// The tenant; none in `run` and where no keys are configured.
    pub tenant: Option<&'a str>,
    /// The content: sha256 of an upload; bucket, key and ETag of an object; path, size and time of a local
    /// file; what `--id` says.
    pub content: &'a str,
    /// The name of the spec, without its version.
    pub spec: &'a str,
    /// The target collection or table, or the path of a file sink.
    pub collection: &'a str,
}

/// The identity of one load: the first 12 bytes of every `_id` that it makes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoadIdentity(pub [u8; 12]);

impl LoadIdentity {
    /// The identity of generation `generation` of a load: 0, or one more for each `force=again`.
    pub fn new(name: LoadName<'_>, generation: u32) -> Self {
        let mut hash = Sha256::new();
        for part in [
            name.tenant.unwrap_or(""),
            name.content,
            name.spec,
            name.collection,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(generation.to_be_bytes());
        Self(first(&hash.finalize()))
    }

    /// The `_id` of a record: identity ‖ ordinal ‖ part. `part` is 0 unless a record is exploded into documents, which
    /// count from 1. Always 24 bytes, because MongoDB orders binary data by its length first.
    pub fn document_id(&self, ordinal: u64, part: u32) -> [u8; 24] {
        let mut id = [0; 24];
        id[..12].copy_from_slice(&self.0);
        id[12..20].copy_from_slice(&ordinal.to_be_bytes());
        id[20..].copy_from_slice(&part.to_be_bytes());
        id
    }
}

/// Hexadecimal digits.
impl fmt::Display for LoadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for LoadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoadIdentity({self})")
    }
}

/// The `_id` of a new document in a key mode: the same for the same key values, whatever load brings them.
/// `key` is the canonical BSON of the key values.
pub fn key_id(tenant: Option<&str>, collection: &str, key: &[u8]) -> [u8; 24] {
    let mut hash = Sha256::new();
    for part in [tenant.unwrap_or("").as_bytes(), collection.as_bytes(), key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    first(&hash.finalize())
}

/// Bits of `_src.seq` that number the parts of an exploded record: no record has as many parts.
pub const PART_BITS: u32 = 20;

/// `_src.seq`: load number ‖ ordinal, so that later loads, and later records of one load, compare greater. Of an
/// exploded record, whose parts count from 1, the last 8 bytes are the ordinal and, in the lowest [`PART_BITS`] bits, the
/// part: later parts compare greater too. A load has parts for all of its records or for none.
pub fn sequence(load_number: u64, ordinal: u64, part: u32) -> [u8; 16] {
    let place = match part {
        0 => ordinal,
        part => ordinal << PART_BITS | u64::from(part),
    };
    let mut seq = [0; 16];
    seq[..8].copy_from_slice(&load_number.to_be_bytes());
    seq[8..].copy_from_slice(&place.to_be_bytes());
    seq
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|index| bytes[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: LoadName<'_> = LoadName {
        tenant: None,
        content: "c",
        spec: "s",
        collection: "t",
    };

    #[test]
    fn every_part_of_the_name_counts() {
        let base = LoadIdentity::new(NAME, 0);
        assert_eq!(base, LoadIdentity::new(NAME, 0));
        for other in [
            LoadIdentity::new(NAME, 1),
            LoadIdentity::new(
                LoadName {
                    tenant: Some("a"),
                    ..NAME
                },
                0,
            ),
            LoadIdentity::new(
                LoadName {
                    content: "cs",
                    spec: "",
                    ..NAME
                },
                0,
            ),
            LoadIdentity::new(
                LoadName {
                    collection: "u",
                    ..NAME
                },
                0,
            ),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn ids_sort_like_their_records() {
        let load = LoadIdentity::new(NAME, 0);
        let ids: Vec<_> = [0, 1, 255, 256, u64::MAX]
            .map(|ordinal| load.document_id(ordinal, 0))
            .into();
        assert!(ids.is_sorted());
        assert!(sequence(1, u64::MAX, 0) < sequence(2, 0, 0));
        let places =
            [(4, 9), (5, 1), (5, 2), (6, 1)].map(|(ordinal, part)| sequence(1, ordinal, part));
        assert!(places.is_sorted());
    }
}
