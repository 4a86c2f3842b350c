//! A length of time as people write it: `"250ms"`, `"2s"`, `"1m"`. Always with its unit, never rounded, never
//! negative.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// Units with their milliseconds, from large to small.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A number of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(u64);

impl Millis {
    /// The number of milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }
}

impl From<Millis> for Duration {
    fn from(time: Millis) -> Self {
        Self::from_millis(time.0)
    }
}

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDuration(String);

impl fmt::Display for BadDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadDuration {}

impl std::str::FromStr for Millis {
    type Err = BadDuration;

    /// Digits, then a unit: ms, s, m or h, with or without a space.
    fn from_str(text: &str) -> Result<Self, BadDuration> {
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, unit) = text.split_at(digits_end);
        let unit = unit.trim_start_matches(' ');
        let factor = UNITS.iter().find(|(name, _)| *name == unit);
        let (false, Some((_, factor))) = (digits.is_empty(), factor) else {
            return Err(BadDuration(format!(
                "`{text}` is no length of time: write a whole number and ms, s, m or h, like \"250ms\" or \"2s\""
            )));
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*factor))
            .map(Self)
            .ok_or_else(|| BadDuration(format!("`{text}` is more milliseconds than 64 bits hold")))
    }
}

/// With the largest unit that leaves a whole number.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortest = UNITS
            .iter()
            .find(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        match shortest {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(MillisVisitor)
    }
}

struct MillisVisitor;

impl Visitor<'_> for MillisVisitor {
    type Value = Millis;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time like \"250ms\" or \"2s\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Millis, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "length of time",
            "description": "A length of time: a whole number with a unit (ms, s, m, h)",
            "type": "string",
            "pattern": "^[0-9]+ *(ms|s|m|h)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<u64, &str>) {
        match (text.parse::<Millis>(), expected) {
            (Ok(time), Ok(ms)) => assert_eq!(time.ms(), ms, "{text}"),
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{text}: {error}");
            }
            (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn times() {
        check("0ms", Ok(0));
        check("250ms", Ok(250));
        check("2s", Ok(2_000));
        check("2 s", Ok(2_000));
        check("1m", Ok(60_000));
        check("3h", Ok(10_800_000));
        check("18446744073709551615ms", Ok(u64::MAX));
        check("18446744073709551616ms", Err("64 bits"));
        check("18446744073709551615s", Err("64 bits"));
        for nonsense in ["", "5", "s", "1.5s", "-1s", "1S", "1min", "1m30s", " 1s"] {
            check(nonsense, Err("is no length of time"));
        }
    }

    #[test]
    fn shown_as_written() {
        for text in ["0ms", "250ms", "2s", "90s", "1m", "36h"] {
            let time: Millis = text.parse().unwrap();
            assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn schema_asks_for_the_unit() {
        let schema = schemars::schema_for!(Millis);
        let pattern = schema.as_value()["pattern"].as_str().unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        assert!(pattern.is_match("250ms") && !pattern.is_match("250"));
    }
}
