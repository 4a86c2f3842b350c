//! A line of JSON with four more members.

use super::Said;
use pipeline::Fatal;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Members that a line may not have already.
const RESERVED: [&str; 5] = ["_raw", "_reference", "_code", "_field", "_message"];

/// A record without members.
const NOTHING: &[u8] = b"{}";

/// The members that are added.
#[derive(Serialize)]
struct Added<'a> {
    #[serde(rename = "_raw", skip_serializing_if = "Option::is_none")]
    raw: Option<Cow<'a, str>>,
    #[serde(rename = "_reference")]
    reference: &'a str,
    #[serde(rename = "_code")]
    code: &'a str,
    #[serde(rename = "_field")]
    field: &'a str,
    #[serde(rename = "_message")]
    message: &'a str,
}

/// A line: the object as it came with four more members, or an object around what is none. Where nothing of the record
/// is kept, there are the four alone.
pub(super) fn record(raw: &[u8], said: &Said, out: &mut Vec<u8>) -> Result<(), Fatal> {
    let raw = if raw.is_empty() { NOTHING } else { raw };
    match object(raw) {
        None => around(raw, said, out),
        Some((members, is_empty)) => {
            out.extend_from_slice(members);
            if !is_empty {
                out.push(b',');
            }
            // Behind its opening brace.
            out.extend_from_slice(&added(None, said)?[1..]);
            out.push(b'\n');
            Ok(())
        }
    }
}

/// A line: an object around the record, whatever that is.
fn around(raw: &[u8], said: &Said, out: &mut Vec<u8>) -> Result<(), Fatal> {
    out.extend_from_slice(&added(Some(String::from_utf8_lossy(raw)), said)?);
    out.push(b'\n');
    Ok(())
}

fn added(raw: Option<Cow<'_, str>>, said: &Said) -> Result<Vec<u8>, Fatal> {
    let added = Added {
        raw,
        reference: &said.reference,
        code: &said.code,
        field: &said.field,
        message: &said.message,
    };
    serde_json::to_vec(&added)
        .map_err(|error| Fatal::new("internal", "a reject is no JSON").because(&error))
}

/// A JSON object up to its closing brace, and whether it is empty; `None` for anything else, and for an object that has
/// members of the names that are added.
fn object(raw: &[u8]) -> Option<(&[u8], bool)> {
    let text = std::str::from_utf8(raw).ok()?;
    let keys: Keys = serde_json::from_str(text).ok()?;
    let members = text.trim_end().strip_suffix('}')?;
    (!keys.is_reserved).then_some((members.as_bytes(), keys.is_empty))
}

/// What is asked of the names of an object. Its values are passed over, however deep they are.
struct Keys {
    is_empty: bool,
    is_reserved: bool,
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Keys {
                    is_empty: true,
                    is_reserved: false,
                };
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    keys.is_empty = false;
                    keys.is_reserved |= RESERVED.contains(&key.as_str());
                }
                Ok(keys)
            }
        }
        deserializer.deserialize_map(Visit)
    }
}
