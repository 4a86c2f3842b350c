//! Generated events as JSON Lines, with their truth, for the spec [`SPEC`].
//!
//! Promises: event `ordinal` of a seed is a pure function of both. About 3 % are bad, in every way of [`BAD_KINDS`].

use serde_json::{Map, Value, json};

use crate::moment::Moment;
use crate::random::Random;
use crate::truth::{Generated, Truth, code};

/// The spec that reads these files, as it stands in `tests/specs/events-e2e.toml`.
pub const SPEC: &str = include_str!("../specs/events-e2e.toml");

/// How many ways there are for an event to be bad.
pub const BAD_KINDS: u64 = 11;

/// 2020-01-01T00:00:00Z.
const FIRST_SECOND: i64 = 1_577_836_800;
const SEVEN_YEARS_SECONDS: u64 = 7 * 365 * 86_400;

/// Members of a JSON object as they stand in the file: name and JSON text.
type Members = Vec<(&'static str, String)>;

/// The events 0 to `records` - 1 of `seed`.
pub fn events(seed: u64, records: u64) -> impl Iterator<Item = Generated> {
    (0..records).map(move |ordinal| event(seed, ordinal))
}

/// Event `ordinal` (from 0) of `seed`.
pub fn event(seed: u64, ordinal: u64) -> Generated {
    let mut random = Random::of_item(seed, ordinal);
    let blank_lines = u64::from(random.once_in(500));
    let bad_kind = (random.below(1_000) < 30).then(|| random.below(BAD_KINDS));
    let (mut members, document) = good_event(&mut random);
    let mut truth = Truth::Loaded(Value::Object(document));
    if let Some(kind) = bad_kind {
        truth = spoil(&mut members, kind, &mut random);
    }
    let mut bytes = vec![b'\n'; usize::from(blank_lines > 0)];
    let spaced = random.once_in(4);
    let (colon, comma) = if spaced { (" : ", " , ") } else { (":", ",") };
    let members: Vec<String> = members
        .iter()
        .map(|(name, text)| format!("{name:?}{colon}{text}"))
        .collect();
    let object = format!("{{{}}}", members.join(comma));
    let mut object = object.into_bytes();
    match bad_kind {
        Some(CUT) => {
            // Between two characters: a cut one would be an error of the encoding instead.
            let middle = object.len() / 2;
            let at = (0..=middle)
                .rev()
                .find(|&at| !matches!(object[at], 0x80..=0xbf));
            object.truncate(at.unwrap_or(1));
        }
        Some(NOT_UTF8) => {
            // Inside the name of the kind, which every event has: the record is no UTF-8 wherever it is decoded.
            let name = object.windows(6).position(|part| part == b"\"type\"");
            let at = name.map_or(1, |start| start + 2);
            object.insert(at, 0xff);
        }
        _ => {}
    }
    bytes.extend_from_slice(&object);
    bytes.extend_from_slice(if random.once_in(16) { b"\r\n" } else { b"\n" });
    Generated {
        bytes,
        truth,
        blank_lines,
    }
}

/// The kind whose object ends in the middle.
const CUT: u64 = 9;
/// The kind that holds a byte that is no UTF-8.
const NOT_UTF8: u64 = 10;

fn good_event(random: &mut Random) -> (Members, Map<String, Value>) {
    let mut members = Members::new();
    let mut document = Map::new();
    let mut add = |name: &'static str, field: &str, text: String, value: Value| {
        members.push((name, text));
        document.insert(field.to_owned(), value);
    };

    let id = uuid(random);
    let shown = if random.once_in(8) {
        id.to_uppercase()
    } else {
        id.clone()
    };
    add("id", "event_id", json!(shown).to_string(), json!(id));
    let kind = random.pick(&["view", "click", "buy"]);
    add("type", "kind", json!(kind).to_string(), json!(kind));
    let (shown, stored) = timestamp(random);
    add("at", "at", json!(shown).to_string(), json!(stored));

    let actor_id = random.below(1 << 62) + 1;
    let name = text(random);
    add(
        "actor",
        "actor",
        format!(
            "{{\"name\":{},\"extra\":[1,{{}}],\"id\":{actor_id}}}",
            quoted(&name, random)
        ),
        json!({ "id": actor_id, "name": name }),
    );
    match random.below(4) {
        0 => {}
        1 => add(
            "price",
            "price",
            "1234567890123456789012345.678901234".to_owned(),
            json!("1234567890123456789012345.678901234"),
        ),
        _ => {
            let price = format!("{}.{:02}", random.below(10_000), random.below(100));
            add("price", "price", price.clone(), json!(price));
        }
    }
    // Eighths are exact as doubles and never whole, so that 2.0 against 2 is no question.
    let ratio = random.below(1_000) as f64 + (random.below(7) + 1) as f64 / 8.0;
    add("ratio", "ratio", ratio.to_string(), json!(ratio));
    match random.below(3) {
        0 => document.insert("seen".to_owned(), json!(false)),
        1 => {
            members.push(("seen", "null".to_owned()));
            document.insert("seen".to_owned(), json!(false))
        }
        _ => {
            members.push(("seen", "true".to_owned()));
            document.insert("seen".to_owned(), json!(true))
        }
    };
    if !random.once_in(3) {
        let tags: Vec<String> = (0..random.below(4)).map(|_| text(random)).collect();
        let shown: Vec<String> = tags.iter().map(|tag| quoted(tag, random)).collect();
        members.push(("tags", format!("[{}]", shown.join(", "))));
        document.insert("tags".to_owned(), json!(tags));
    }
    if !random.once_in(3) {
        // Names that a database could take for commands are data.
        let payload = json!({
            "$where": text(random),
            "a.b": random.below(1_000),
            "": { "$oid": "0123456789abcdef01234567" },
            "deep": { "list": [random.below(10), -1, 0.5, true, [], {}] },
        });
        members.push(("payload", payload.to_string()));
        document.insert("payload".to_owned(), payload);
    }
    // What the spec does not name is dropped.
    members.push(("unknown", "[{\"a\":[]}]".to_owned()));
    let turn = usize::try_from(random.below(members.len() as u64)).unwrap_or(0);
    members.rotate_left(turn);
    (members, document)
}

/// Makes a good event bad and says what is wrong then.
fn spoil(members: &mut Members, kind: u64, random: &mut Random) -> Truth {
    let mut set = |name: &'static str, text: &str| {
        members.retain(|(other, _)| *other != name);
        members.push((name, text.to_owned()));
    };
    match kind {
        0 => {
            set("id", random.pick(&["\"no uuid\"", "17", "\"0123\"", "{}"]));
            Truth::bad_field(code::TYPE, "event_id")
        }
        1 => {
            members.retain(|(name, _)| *name != "id");
            Truth::bad_field(code::REQUIRED, "event_id")
        }
        2 => {
            set("type", random.pick(&["\"sell\"", "\"View\"", "\"\""]));
            Truth::bad_field(code::ENUM, "kind")
        }
        3 => {
            set(
                "at",
                random.pick(&[
                    "\"2026-04-03T09:00:00\"",
                    "\"03/04/2026\"",
                    "1774746000",
                    "\"2026-02-30T00:00:00Z\"",
                ]),
            );
            Truth::bad_field(code::TYPE, "at")
        }
        4 => {
            let beyond_64_bits = "{\"id\":9223372036854775808}";
            let text = random.pick(&[
                "{\"id\":\"12\"}",
                "{\"id\":1.5}",
                beyond_64_bits,
                "{\"id\":[]}",
            ]);
            set("actor", text);
            let code = if text == beyond_64_bits {
                code::NUMBER_RANGE
            } else {
                code::TYPE
            };
            Truth::bad_field(code, "actor_id")
        }
        5 => {
            set(
                "actor",
                random.pick(&["{\"id\":0}", "{\"id\":-9223372036854775808}"]),
            );
            Truth::bad_field(code::MINIMUM, "actor_id")
        }
        6 => {
            set("seen", random.pick(&["17", "[]", "\"perhaps\""]));
            Truth::bad_field(code::TYPE, "seen")
        }
        7 => {
            set("payload", random.pick(&["[]", "1", "\"{}\""]));
            Truth::bad_field(code::TYPE, "payload")
        }
        8 => {
            members.push(("type", "\"view\"".to_owned()));
            Truth::bad_record(code::DUPLICATE_KEY)
        }
        CUT => Truth::bad_record(code::JSON_SYNTAX),
        _ => Truth::bad_record(code::ENCODING),
    }
}

fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.next_u64(), random.next_u64());
    // Version 4, variant 1 (RFC 9562).
    let high = (high & !0xf000) | 0x4000;
    let low = (low & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{high:016x}{low:016x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// RFC 3339 with some offset, and the same moment in UTC.
fn timestamp(random: &mut Random) -> (String, String) {
    let seconds = i64::try_from(random.below(SEVEN_YEARS_SECONDS)).unwrap_or(0);
    let moment = Moment(FIRST_SECOND + seconds);
    // Milliseconds end in a digit that cannot be left out, so that there is one way to write them.
    let fraction = if random.once_in(2) {
        format!(".{:03}", random.below(100) * 10 + random.below(9) + 1)
    } else {
        String::new()
    };
    let stored = format!("{}{fraction}Z", moment.clock(0).iso());
    let shown = match random.below(4) {
        0 => format!("{}{fraction}+02:00", moment.clock(7_200).iso()),
        1 => format!("{}{fraction}-09:30", moment.clock(-34_200).iso()),
        _ => stored.clone(),
    };
    (shown, stored)
}

fn text(random: &mut Random) -> String {
    let words: Vec<&str> = (0..random.below(5) + 1)
        .map(|_| {
            random.pick(&[
                "Ann",
                "O'Neil",
                "\"quoted\"",
                "Grüße",
                "北京",
                "🚚",
                "a\\b",
                "line\nbreak",
                "tab\t",
                "/",
                "\u{1}",
            ])
        })
        .collect();
    words.join(" ")
}

/// A JSON string, now and then with every character beyond ASCII escaped.
fn quoted(text: &str, random: &mut Random) -> String {
    let plain = json!(text).to_string();
    if !random.once_in(4) {
        return plain;
    }
    let mut units = [0; 2];
    plain
        .chars()
        .map(|character| match character {
            ' '..='~' => character.to_string(),
            _ => character
                .encode_utf16(&mut units)
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
