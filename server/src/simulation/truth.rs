//! Generated inputs, and what must become of each record: known from the drawing, not from the program.

use super::chance::Chance;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// More jobs than any scenario has.
const MAX_TASKS: u64 = 8;
/// Where values begin that records share.
const SHARED: u64 = 1_000_000;

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
    /// Records that share a value which is unique in the target: one of each set is loaded, the others are refused, and which is
    /// the target's to say.
    pub rivals: Vec<BTreeSet<u64>>,
}

impl Truth {
    /// All records.
    pub fn records(&self) -> u64 {
        let rivals: usize = self.rivals.iter().map(BTreeSet::len).sum();
        (self.loaded.len() + self.rejected.len() + self.dropped.len() + rivals) as u64
    }

    /// The truth where `stands` says which record of each set of rivals is loaded: the first of each that it holds.
    pub fn settled(&self, stands: &BTreeSet<u64>) -> Self {
        let mut settled = Self {
            rivals: Vec::new(),
            ..self.clone()
        };
        for rivals in &self.rivals {
            let first = rivals
                .intersection(stands)
                .next()
                .or(rivals.first())
                .copied();
            for &rival in rivals {
                let outcome = match Some(rival) == first {
                    true => &mut settled.loaded,
                    false => &mut settled.rejected,
                };
                outcome.insert(rival);
            }
        }
        settled
    }
}

/// A file of lines for the specs of [`super::menu`], and its truth. `tag` tells its content from any other's.
pub fn draw(
    chance: &mut Chance,
    tag: u64,
    records: u64,
    keyed: bool,
    is_unique: bool,
) -> (String, Truth) {
    let (mut text, mut truth) = (String::new(), Truth::default());
    let bad = chance.between(0, 120);
    // A value that some records share, where the target wants it to be unique.
    let shared = if is_unique { chance.between(1, 150) } else { 0 };
    let mut rivals: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
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
            let is_shared = chance.permille(shared);
            let unique = match is_shared {
                true => SHARED + chance.between(0, 2),
                false => ordinal,
            };
            match is_shared {
                true => rivals.entry(unique).or_default().insert(ordinal),
                false => truth.loaded.insert(ordinal),
            };
            // Jobs of one collection share nothing.
            let unique = unique * MAX_TASKS + tag;
            text.push_str(&format!(
                "{{\"n\": {ordinal}, \"k\": {key}, \"t\": {tag}, \"u\": {unique}, \"pad\": \"{pad}\"}}\n"
            ));
        }
    }
    truth.rivals = rivals.into_values().collect();
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
