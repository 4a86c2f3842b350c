//! A record of JSON with four more members: these are taken off, and the others stay as they were written.

use super::{ADDED, Beside, RAW, Taken, no_record, no_text};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// The members of an object, each as it was written.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// Writes the record without them. Where nothing else is left beside the member `_raw`, the record is the text in that.
pub(super) fn take(raw: &[u8], out: &mut Vec<u8>) -> Taken {
    let Ok(Members(members)) = serde_json::from_slice(raw) else {
        return Taken {
            problem: Some(no_record()),
            ..Taken::default()
        };
    };
    let text = |name: &str| {
        let found = members.iter().find(|(found, _)| found == name);
        found.and_then(|(_, value)| serde_json::from_str::<String>(value.get()).ok())
    };
    let reference = match text(ADDED[0]) {
        Some(text) => Beside::read(text.as_bytes()),
        None if members.iter().any(|(name, _)| name == ADDED[0]) => Beside::Other,
        None => Beside::Nothing,
    };
    let own = |name: &str| !ADDED.contains(&name) && name != RAW;
    let has_own = members.iter().any(|(name, _)| own(name));
    if let (false, Some(record)) = (has_own, text(RAW)) {
        let blank = record.trim().is_empty().then(no_record);
        out.extend(record.bytes().map(|byte| match byte {
            // A line of the file it came from.
            b'\n' | b'\r' => b' ',
            byte => byte,
        }));
        out.push(b'\n');
        let problem = blank.or_else(|| no_text(&record));
        return Taken { reference, problem };
    }
    let mut before = b'{';
    for (name, value) in members.iter().filter(|(name, _)| own(name)) {
        out.push(before);
        before = b',';
        out.extend_from_slice(Value::from(name.as_str()).to_string().as_bytes());
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
    }
    if before == b'{' {
        out.push(before);
    }
    out.extend_from_slice(b"}\n");
    Taken {
        reference,
        problem: None,
    }
}
