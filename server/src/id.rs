//! Ids: 24 hexadecimal digits, opaque to clients, and where chance comes from.
//!
//! Everything random in the service (ids, owners, keys, jitter) comes from one [`Entropy`] that is handed in, so
//! that tests and simulations can seed it.

use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A source of chance.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// Fills `bytes` with what nobody can guess. `false`: it cannot, and nothing of it may become a secret.
    #[must_use]
    fn fill_secret(&self, bytes: &mut [u8]) -> bool {
        self.fill(bytes);
        true
    }
}

impl dyn Entropy + '_ {
    /// A fresh id.
    pub fn id(&self) -> Id {
        let mut bytes = [0; 12];
        self.fill(&mut bytes);
        Id(bytes)
    }

    /// A number from 0 to `most`, for jitter.
    pub fn up_to(&self, most: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes) % most.saturating_add(1).max(1)
    }
}

/// The operating system's randomness.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_ok() {
            return;
        }
        // Without the system's randomness, process and time still tell two ids apart.
        let seed = [
            u128::from(std::process::id()),
            jiff::Timestamp::now().as_nanosecond().cast_unsigned(),
        ];
        for (byte, seed) in bytes.iter_mut().zip(
            seed.iter()
                .flat_map(|part| part.to_be_bytes())
                .rev()
                .cycle(),
        ) {
            *byte = seed;
        }
    }

    fn fill_secret(&self, bytes: &mut [u8]) -> bool {
        getrandom::fill(bytes).is_ok()
    }
}

/// The id of a file, a job or a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 12]);

/// A text that is no id.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAnId;

impl FromStr for Id {
    type Err = NotAnId;

    /// Takes 24 hexadecimal digits in lower case, as ids are given out.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let lower = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut bytes = [0; 12];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            _ => Err(NotAnId),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_given_out() {
        let entropy: &dyn Entropy = &SystemEntropy;
        let id = entropy.id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, entropy.id());
        for wrong in [
            "",
            "12",
            &"0".repeat(23),
            &"0".repeat(25),
            &"A".repeat(24),
            &"g".repeat(24),
        ] {
            assert_eq!(wrong.parse::<Id>(), Err(NotAnId), "{wrong}");
        }
    }
}
