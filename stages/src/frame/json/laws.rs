//! The laws of the framer of JSON documents, as a function of any bytes: property tests, the fuzz target and the replay
//! of its corpus call it.
//!
//! 1. Any cut, any restart ([`pipeline::law`]), for documents that are malformed too.
//! 2. In a document that serde_json can read, the records are what the path leads to, in order, and each stands where
//!    its frame says, without blanks around it.
//! 3. What serde_json cannot read is malformed, or wrong inside of a record.

use super::JsonFramer;
use crate::json::{RecordPath, Step};
use pipeline::law::{Framing, any_cut_any_restart_until};
use pipeline::{FrameLimits, Framer, MAX_RAW_BYTES};
use serde_json::Value;

/// Checks all laws for `input`, and returns its framing and what makes it unusable.
///
/// # Panics
/// When one is broken.
pub fn hold_for(path: &RecordPath, limits: FrameLimits, input: &[u8]) -> (Framing, Option<String>) {
    let make = |at| Box::new(JsonFramer::new(path, at, limits)) as Box<dyn Framer>;
    let fed_from = |at| JsonFramer::fed_from(path, at);
    let (framing, fatal) = any_cut_any_restart_until(&make, &fed_from, input);
    for (at, raw, broken) in &framing.records {
        let there = &input[at.offset as usize..];
        assert!(there.starts_with(raw), "the bytes of a record are there");
        let lines = input[..at.offset as usize]
            .iter()
            .filter(|&&byte| byte == b'\n');
        assert_eq!(at.line, lines.count() as u64 + 1);
        match broken {
            Some(_) => assert!(raw.len() <= MAX_RAW_BYTES),
            None => assert!(raw.len() <= limits.max_record_bytes),
        }
        // A form feed is none of JSON's blanks.
        let is_blank = |byte: Option<&u8>| byte.is_some_and(|byte| b" \t\r\n".contains(byte));
        let blanks = is_blank(raw.first()) || is_blank(raw.last());
        assert!(!blanks, "no blanks around a record");
    }
    // Names that stand twice are one to serde_json; numbers that no double holds are none.
    let text = std::str::from_utf8(input).ok();
    if let Some(document) = text.and_then(|text| serde_json::from_str::<Value>(text).ok())
        && fatal.is_none()
        && framing.records.iter().all(|(.., broken)| broken.is_none())
        && !has_objects_at_wildcards(path.steps(), &document)
    {
        let found = framing
            .records
            .iter()
            .map(|(_, raw, _)| serde_json::from_slice(raw).ok());
        let mut expected = Vec::new();
        places(path.steps(), &document, &mut expected);
        let expected = expected.into_iter().cloned().map(Some);
        assert!(found.eq(expected), "the records are what the path leads to");
    }
    (framing, fatal)
}

/// Whether a wildcard meets an object, whose names serde_json orders in its own way.
fn has_objects_at_wildcards(steps: &[Step], value: &Value) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    match (step, value) {
        (Step::Any, Value::Object(_)) => true,
        (Step::Any, Value::Array(items)) => items
            .iter()
            .any(|item| has_objects_at_wildcards(rest, item)),
        (Step::Name(name), Value::Object(all)) => all
            .get(name)
            .is_some_and(|value| has_objects_at_wildcards(rest, value)),
        (Step::Index(index), Value::Array(items)) => items
            .get(*index as usize)
            .is_some_and(|value| has_objects_at_wildcards(rest, value)),
        _ => false,
    }
}

fn places<'v>(steps: &[Step], value: &'v Value, found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        found.push(value);
        return;
    };
    match (step, value) {
        (Step::Any, Value::Array(items)) => {
            items.iter().for_each(|item| places(rest, item, found));
        }
        (Step::Name(name), Value::Object(all)) => {
            all.get(name)
                .into_iter()
                .for_each(|value| places(rest, value, found));
        }
        (Step::Index(index), Value::Array(items)) => {
            let item = items.get(*index as usize);
            item.into_iter().for_each(|item| places(rest, item, found));
        }
        _ => {}
    }
}

/// Paths that fuzzing draws from.
const PATHS: [&str; 8] = [
    "$[*]",
    "$",
    "$.a[*]",
    "$.a.*",
    "$[*].a[*]",
    "$.a[1][*]",
    "$[0]",
    "$.b",
];

/// Takes path and limits from the first bytes of `data`, and checks all laws for the others.
///
/// # Panics
/// When one is broken.
pub fn hold_for_any(data: &[u8]) {
    let [path, limit, input @ ..] = data else {
        return;
    };
    let text = PATHS[usize::from(*path) % PATHS.len()];
    let Ok(path) = RecordPath::parse(text) else {
        panic!("{text} is a path");
    };
    let limits = FrameLimits {
        max_record_bytes: 1 + usize::from(*limit >> 2),
        max_block_records: 1 + usize::from(*limit & 3),
        max_block_bytes: 32,
    };
    hold_for(&path, limits, input);
}
