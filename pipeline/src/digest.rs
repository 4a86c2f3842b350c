//! The digest of what is loaded: a sum that comes out the same in whatever order it is made.
//!
//! Each document that stands for a record adds one term, a SHA-256 hash that the sink makes; the sum is modulo
//! 2^256. So it can grow with every acknowledgement, be kept in a checkpoint, and be made again by anybody who reads
//! the target in any order. It knows nothing of documents.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::ops::AddAssign;

/// A sum of hashes modulo 2^256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Limbs, the least significant one first.
    limbs: [u64; 4],
}

impl Digest {
    /// Adds a hash, read as a big-endian number.
    pub fn add(&mut self, hash: [u8; 32]) {
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(hash.rchunks_exact(8)) {
            *limb = bytes
                .iter()
                .fold(0, |limb, &byte| limb << 8 | u64::from(byte));
        }
        *self += Self { limbs };
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        let mut carry = false;
        for (limb, more) in self.limbs.iter_mut().zip(other.limbs) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || over_again);
        }
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limbs
            .iter()
            .rev()
            .try_for_each(|limb| write!(f, "{limb:016x}"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom("a digest has 64 hexadecimal digits");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut limbs = [0; 4];
        for (limb, at) in limbs.iter_mut().zip([48, 32, 16, 0]) {
            *limb = u64::from_str_radix(&text[at..at + 16], 16).map_err(|_| wrong())?;
        }
        Ok(Self { limbs })
    }
}

/// What the target holds of a load that is completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Documents that stand for its records.
    pub documents: u64,
    /// The sum over them.
    pub digest: Digest,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{self, StrDeserializer};

    fn of(hashes: &[[u8; 32]]) -> Digest {
        let mut digest = Digest::default();
        hashes.iter().for_each(|&hash| digest.add(hash));
        digest
    }

    #[test]
    fn it_adds_modulo_2_to_the_256() {
        let one: [u8; 32] = std::array::from_fn(|index| u8::from(index == 31));
        let most = [0xff; 32];
        assert_eq!(of(&[one]).to_string(), format!("{:064x}", 1));
        assert_eq!(of(&[most, one]), Digest::default());
        assert_eq!(
            of(&[most, most]).to_string(),
            format!("{}e", "f".repeat(63))
        );
        let carried: [u8; 32] = std::array::from_fn(|index| if index < 24 { 0 } else { 0xff });
        assert_eq!(
            of(&[carried, one]).to_string(),
            format!("{:048x}{:016x}", 1, 0)
        );
    }

    #[test]
    fn its_order_does_not_matter_and_it_reads_back() {
        let hashes = [[1; 32], [0xfe; 32], [7; 32]];
        let mut reversed = hashes;
        reversed.reverse();
        assert_eq!(of(&hashes), of(&reversed));
        let read = |text: &str| {
            let text: StrDeserializer<'_, value::Error> = text.into_deserializer();
            Digest::deserialize(text)
        };
        assert_eq!(read(&of(&hashes).to_string()), Ok(of(&hashes)));
        assert!(read("12").is_err());
    }
}
