//! A size in bytes as people write it: `"1MiB"`, `"200GB"`, or a plain number of bytes. Never rounded, never
//! negative; decimal (KB = 1000) and binary (KiB = 1024) units as IEC 80000-13 names them.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// Units with their bytes, from large to small; the smallest one has the empty name as well.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of that many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSize(String);

impl fmt::Display for BadSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSize {}

impl std::str::FromStr for ByteSize {
    type Err = BadSize;

    /// Digits, then a unit: B, KB, MB, GB, TB or KiB, MiB, GiB, TiB, in any case, with or without a space.
    fn from_str(text: &str) -> Result<Self, BadSize> {
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let unit = unit.trim_start_matches(' ');
        let factor = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, factor)| *factor)
            .or(unit.is_empty().then_some(1));
        let (false, Some(factor)) = (digits.is_empty(), factor) else {
            return Err(BadSize(format!(
                "`{text}` is no size: write a whole number and a unit, like \"64KB\", \"1MiB\" or \"200GB\""
            )));
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .map(Self)
            .ok_or_else(|| BadSize(format!("`{text}` is more than 64 bits of bytes hold")))
    }
}

/// With the largest unit that leaves a whole number.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortest = UNITS
            .iter()
            .filter(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor))
            .max_by_key(|(_, factor)| *factor);
        match shortest {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size like \"1MiB\" or a whole number of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
        u64::try_from(bytes)
            .map(ByteSize)
            .map_err(|_| E::custom("a size is not negative"))
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "size",
            "description": "A size: a number of bytes, or a whole number with a unit (KB, MB, GB, TB; KiB, MiB, GiB, TiB)",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+ *(([KkMmGgTt][Ii]?)?[Bb])?$" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<u64, &str>) {
        match (text.parse::<ByteSize>(), expected) {
            (Ok(size), Ok(bytes)) => assert_eq!(size.bytes(), bytes, "{text}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{text}: {error}");
            }
            (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn sizes() {
        check("0", Ok(0));
        check("17", Ok(17));
        check("17B", Ok(17));
        check("1KB", Ok(1000));
        check("1KiB", Ok(1024));
        check("4 MiB", Ok(4 << 20));
        check("200GB", Ok(200_000_000_000));
        check("1tib", Ok(1 << 40));
        check("18446744073709551615", Ok(u64::MAX));
        check("18446744073709551616", Err("64 bits"));
        check("16777216TiB", Err("64 bits"));
        for nonsense in [
            "", "MB", "1.5MB", "-1", "+1", "200GBx", "1 M B", "1M", " 1MB", "1MB ", "١MB", "0x10",
        ] {
            check(nonsense, Err("is no size"));
        }
    }

    #[test]
    fn shown_as_written() {
        for text in [
            "1MiB", "200GB", "17B", "0B", "1TB", "1000TiB", "3KiB", "64KB", "1023B",
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.to_string(), text);
        }
    }

    #[test]
    fn schema_takes_both_forms() {
        let schema = schemars::schema_for!(ByteSize);
        assert_eq!(schema.as_value()["anyOf"][0]["type"], "integer");
        let pattern = schema.as_value()["anyOf"][1]["pattern"].as_str().unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        assert!(pattern.is_match("4 MiB") && pattern.is_match("200GB") && pattern.is_match("17"));
        assert!(
            !pattern.is_match("1.5MB") && !pattern.is_match("1M") && !pattern.is_match("200GBx")
        );
    }
}
