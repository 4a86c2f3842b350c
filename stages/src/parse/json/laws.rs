//! The law of the JSON parser, as a function of any bytes: property tests and the fuzz target call it.
//!
//! It accepts what serde_json accepts and finds the same values in it, but for the rules of its own: a record is
//! an object, a name stands once and holds no NUL, depth has a limit, and a number may be one that no double
//! holds.

use super::JsonParser;
use crate::record::{Item, Kind, Tree};
use bytes::Bytes;
use pipeline::{Block, Frame, Parser, Position, Problem};
use serde_json::Value;

/// A tree as compact JSON, its numbers as they were written.
pub fn shown(item: Item<'_>) -> String {
    let all = |open: &str, close: &str, each: &dyn Fn(Item<'_>) -> String| {
        let parts: Vec<String> = item.children().map(each).collect();
        format!("{open}{}{close}", parts.join(","))
    };
    match item.kind() {
        Kind::Null => "null".into(),
        Kind::Boolean(truth) => truth.to_string(),
        Kind::Number => item.text().into(),
        Kind::String => Value::from(item.text()).to_string(),
        Kind::List => all("[", "]", &shown),
        Kind::Object => all("{", "}", &|child| {
            format!("{}:{}", Value::from(child.key()), shown(child))
        }),
    }
}

/// What the parser makes of one record.
///
/// # Panics
/// When it gives none or fails.
pub fn parsed(record: &[u8]) -> Result<String, Problem> {
    let frame = Frame {
        start: 0,
        end: record.len() as u32,
        line: 1,
        offset: 0,
        skipped: 0,
        kind: 0,
        carries: false,
        broken: None,
    };
    let block = Block {
        bytes: Bytes::copy_from_slice(record),
        frames: vec![frame],
        start: Position::START,
        end: Position {
            ordinal: 1,
            line: 2,
            offset: record.len() as u64,
        },
        trailing_skipped: 0,
        restarts: Vec::new(),
        groups: Vec::new(),
        context: Default::default(),
        carried: None,
    };
    let mut found = None;
    let done = JsonParser.parse(&block, &mut |_, row: Result<&mut Tree, Problem>| {
        found = Some(row.map(|tree| tree.root().map(shown).unwrap_or_default()));
    });
    match (done, found) {
        (Ok(()), Some(found)) => found,
        (done, _) => panic!("the parser gives no record: {done:?}"),
    }
}

/// Checks the law for one record.
///
/// # Panics
/// When it is broken.
pub fn hold_for_any(record: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(record);
    match (parsed(record), theirs) {
        // serde_json gives a name of its own a meaning (`raw_value`); to this parser every name is data.
        (Ok(ours), _) if ours.contains("$serde_json::private") => {}
        (Ok(ours), Ok(theirs)) => {
            let ours: Result<Value, _> = serde_json::from_str(&ours);
            assert_eq!(ours.ok(), Some(theirs));
        }
        (Ok(ours), Err(error)) => {
            assert!(
                error.to_string().contains("out of range"),
                "{ours}: {error}"
            );
        }
        (Err(problem), theirs) => match &*problem.code {
            "json_syntax" | "encoding" => assert!(theirs.is_err(), "{}", problem.message),
            "json_not_object" => assert!(!theirs.is_ok_and(|value| value.is_object())),
            // These are found before the end, behind which anything may stand.
            "duplicate_key" | "nul_in_name" | "json_depth" => {}
            other => panic!("{other}: {}", problem.message),
        },
    }
}
