//! Generated events as one document: as JSON with the records two levels down, and as XML with a namespace.
//!
//! The JSON document holds the lines of the events that are JSON by themselves: what stays open in one would swallow
//! those behind it. The XML document holds what each event means, as another program would have written it, and an
//! element without anything for each event that is bad.

use serde_json::Value;
use std::fmt::Write as _;
use testbed::events::event;
use testbed::truth::Truth;

/// Events `0..` of a seed as one JSON document, at least `min_bytes` bytes, and how many there are.
pub fn json(seed: u64, min_bytes: usize) -> (Vec<u8>, u64) {
    let mut out = b"{\"data\":{\"events\":[".to_vec();
    let (mut ordinal, mut records) = (0, 0);
    while out.len() < min_bytes {
        let generated = event(seed, ordinal).bytes;
        let line = generated.trim_ascii();
        if serde_json::from_slice::<&serde_json::value::RawValue>(line).is_ok() {
            out.extend_from_slice(if records > 0 { b",\n" } else { b"\n" });
            out.extend_from_slice(line);
            records += 1;
        }
        ordinal += 1;
    }
    out.extend_from_slice(b"\n]}}\n");
    (out, records)
}

/// The same as one XML document.
pub fn xml(seed: u64, min_bytes: usize) -> (Vec<u8>, u64) {
    let mut out = concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<feed xmlns:v=\"urn:example:events\">\n"
    )
    .to_owned();
    let mut records = 0;
    while out.len() < min_bytes {
        match event(seed, records).truth {
            Truth::Loaded(document) => element(&document, &mut out),
            _ => out.push_str(" <v:event/>\n"),
        }
        records += 1;
    }
    out.push_str("</feed>\n");
    (out.into_bytes(), records)
}

/// One event: what tells it from others as attributes, the rest as elements.
fn element(document: &Value, out: &mut String) {
    out.push_str(" <v:event");
    for (name, key) in [("id", "event_id"), ("kind", "kind")] {
        if let Some(Value::String(text)) = document.get(key) {
            let _ = write!(out, " {name}=\"{}\"", escaped(text));
        }
    }
    out.push_str(">\n");
    for (key, value) in document.as_object().into_iter().flatten() {
        if !["event_id", "kind"].contains(&key.as_str()) {
            child(key, value, out);
        }
    }
    out.push_str(" </v:event>\n");
}

/// One value, an item of a list each; what cannot be the name of an element becomes `entry`.
fn child(key: &str, value: &Value, out: &mut String) {
    let is_name = !key.is_empty() && key.chars().all(|char| char.is_ascii_lowercase());
    let name = if is_name { key } else { "entry" };
    match value {
        Value::Array(items) => {
            for item in items {
                child(key, item, out);
            }
        }
        Value::Object(entries) => {
            let _ = writeln!(out, "  <v:{name}>");
            for (key, value) in entries {
                child(key, value, out);
            }
            let _ = writeln!(out, "  </v:{name}>");
        }
        Value::String(text) => {
            let _ = writeln!(out, "  <v:{name}>{}</v:{name}>", escaped(text));
        }
        Value::Null => {}
        other => {
            let _ = writeln!(out, "  <v:{name}>{other}</v:{name}>");
        }
    }
}

/// A text of XML; what no XML may hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(char),
            char if char < ' ' || ['\u{fffe}', '\u{ffff}'].contains(&char) => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}
