//! Generated inputs, and what must become of each record: known from the drawing, not from the program.

use super::chance::Chance;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// What must become of the records of one file, by ordinal.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Records that are loaded.
    pub loaded: BTreeSet<u64>,
    /// Records that are refused.
    pub rejected: BTreeSet<u64>,
    /// Records that are left out.
    pub dropped: BTreeSet<u64>,
    /// In a key mode: the key of each loaded record.
    pub keys: Vec<u64>,
}

impl Truth {
    /// All records.
    pub fn records(&self) -> u64 {
        (self.loaded.len() + self.rejected.len() + self.dropped.len()) as u64
    }
}

/// A file of lines for the specs of [`super::menu`], and its truth. `tag` tells its content from any other's.
pub fn draw(chance: &mut Chance, tag: u64, records: u64, keyed: bool) -> (String, Truth) {
    let (mut text, mut truth) = (String::new(), Truth::default());
    let bad = chance.between(0, 120);
    for ordinal in 0..records {
        while chance.permille(20) {
            text.push('\n');
        }
        let key = if keyed {
            chance.between(0, records / 2)
        } else {
            ordinal
        };
        truth.keys.push(key);
        let pad = "x".repeat(chance.between(0, 40) as usize);
        if chance.permille(bad) {
            truth.rejected.insert(ordinal);
            match chance.one_in(2) {
                true => text.push_str(&format!(
                    "{{\"n\": \"no\", \"k\": {key}, \"pad\": \"{pad}\"}}\n"
                )),
                false => text.push_str(&format!("{{\"n\": {ordinal}, \"pad\": \"{pad}\n")),
            }
        } else if chance.permille(50) {
            truth.dropped.insert(ordinal);
            text.push_str(&format!("{{\"n\": -1, \"k\": {key}, \"t\": {tag}}}\n"));
        } else {
            truth.loaded.insert(ordinal);
            text.push_str(&format!(
                "{{\"n\": {ordinal}, \"k\": {key}, \"t\": {tag}, \"pad\": \"{pad}\"}}\n"
            ));
        }
    }
    (text, truth)
}

/// The sum modulo 2^256 of the hashes of `ids`, in hexadecimal digits: added byte by byte, as on paper.
pub fn digest<'a>(ids: impl Iterator<Item = &'a [u8]>) -> String {
    let mut sum = [0_u8; 32];
    for id in ids {
        let mut carry = 0;
        for (place, byte) in sum.iter_mut().zip(Sha256::digest(id)).rev() {
            let whole = u16::from(*place) + u16::from(byte) + carry;
            (*place, carry) = (whole as u8, whole >> 8);
        }
    }
    hex::encode(sum)
}
