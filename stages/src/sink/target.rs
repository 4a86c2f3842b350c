//! What a sink's table says about the documents: where they go, how they meet what is there, what they hold.
//!
//! Judged here once for all sinks. It never looks at the schema: whether a key is a field is the plan's to
//! say.

use super::{Mode, Nulls, Target};
use crate::spec::Problem;
use std::sync::Arc;

/// The longest name of a collection or table, in bytes.
pub const MAX_COLLECTION_BYTES: usize = 64;
/// The most fields of a key: MongoDB's limit of a compound index.
pub const MAX_KEY_FIELDS: usize = 32;
/// Top-level names of a document that no spec may use.
pub const RESERVED: [&str; 4] = ["_id", "_src", "_loads", "_rescued"];

/// What a sink's table says of its target.
#[derive(Clone, Copy, Debug, Default)]
pub struct TargetSpec<'a> {
    /// The key `collection` or `table`.
    pub collection: Option<&'a str>,
    /// The key `mode`.
    pub mode: Option<Mode>,
    /// The key `key`: target paths with dots.
    pub key: Option<&'a [String]>,
    /// The key `nulls`.
    pub nulls: Option<Nulls>,
    /// The key `lineage`: a field's name, or `off`.
    pub lineage: Option<&'a str>,
}

impl TargetSpec<'_> {
    /// The target of a sink that writes a file; its collection is the path. `section` is the path of the sink's
    /// table, `sink.jsonl` say. What is wrong is added to `problems`, as [`Self::check`] says.
    pub fn check_file(
        &self,
        section: &str,
        path: Option<&str>,
        problems: &mut Vec<Problem>,
    ) -> Target {
        if path.is_none_or(str::is_empty) {
            problems.push(Problem::new(
                format!("{section}.path"),
                "required",
                "`path` is missing".to_owned(),
            ));
        }
        // Files have no name in a database, so any good one stands in for it.
        let named = Self {
            collection: Some("file"),
            ..*self
        };
        Target {
            collection: path.unwrap_or_default().to_owned(),
            ..named.check(section, "path", problems)
        }
    }

    /// The target that is asked for. `section` is the path of the sink's table, `sink.mongodb` say, and `named`
    /// its key for the collection. What is wrong is added to `problems`: `required`, `bad_name`,
    /// `reserved_name`, `key_required`, `key_unused`, `out_of_range`, `duplicate`.
    pub fn check(&self, section: &str, named: &str, problems: &mut Vec<Problem>) -> Target {
        let mut told = |key: &str, code, message: String| {
            problems.push(Problem::new(format!("{section}.{key}"), code, message));
        };
        let collection = self.collection.unwrap_or_default();
        if self.collection.is_none() {
            told(named, "required", format!("`{named}` is missing"));
        } else if !is_collection(collection) {
            let message = format!(
                "`{collection}` is no name for a {named}: a lower-case letter, then letters, digits and `_`, \
                 {MAX_COLLECTION_BYTES} at most"
            );
            told(named, "bad_name", message);
        }
        let mode = self.mode.unwrap_or_default();
        let key = self.key.unwrap_or_default();
        match (mode.has_key(), key.len()) {
            (true, 0) => told(
                "key",
                "key_required",
                "every mode but insert needs a `key`".into(),
            ),
            (false, 1..) => told("key", "key_unused", "mode insert has no `key`".into()),
            (_, count) if count > MAX_KEY_FIELDS => told(
                "key",
                "out_of_range",
                format!("a key has {MAX_KEY_FIELDS} fields at most"),
            ),
            _ => {}
        }
        for (index, path) in key.iter().enumerate() {
            let at = format!("key[{index}]");
            let top = path.split('.').next().unwrap_or_default();
            if !path.split('.').all(is_name) {
                told(&at, "bad_name", format!("`{path}` is no target path"));
            } else if RESERVED.contains(&top) {
                told(&at, "reserved_name", format!("`{top}` is reserved"));
            } else if key[..index].contains(path) {
                told(&at, "duplicate", format!("`{path}` is in the key already"));
            }
        }
        let lineage = self.lineage.filter(|&name| name != "off");
        if let Some(name) = lineage {
            if !is_name(name) {
                told(
                    "lineage",
                    "bad_name",
                    format!("`{name}` is no field's name"),
                );
            } else if RESERVED.contains(&name) {
                told("lineage", "reserved_name", format!("`{name}` is reserved"));
            }
        }
        Target {
            collection: collection.to_owned(),
            mode,
            key: key
                .iter()
                .map(|path| path.split('.').map(Arc::from).collect())
                .collect(),
            nulls: self.nulls.unwrap_or_default(),
            lineage: lineage.map(Arc::from),
        }
    }
}

/// Whether a collection or table can have this name: `[a-z][a-z0-9_]{0,63}`.
pub fn is_collection(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= MAX_COLLECTION_BYTES
        && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Whether a text is `[A-Za-z_][A-Za-z0-9_]*`.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(collection: &str, mode: Mode, key: &[&str], lineage: &str, expected: &str) {
        let key: Vec<String> = key.iter().map(|path| path.to_string()).collect();
        let spec = TargetSpec {
            collection: (collection != "none").then_some(collection),
            mode: Some(mode),
            key: Some(&key),
            nulls: None,
            lineage: Some(lineage),
        };
        let mut problems = Vec::new();
        spec.check("sink.x", "collection", &mut problems);
        let found: Vec<_> = problems
            .iter()
            .map(|problem| format!("{} {}", problem.path, problem.code))
            .collect();
        assert_eq!(found.join(", "), expected);
    }

    #[test]
    fn what_cannot_be_is_told() {
        check("orders", Mode::Insert, &[], "off", "");
        check("o_2", Mode::Upsert, &["a.b", "c"], "origin", "");
        check(
            "none",
            Mode::Insert,
            &[],
            "off",
            "sink.x.collection required",
        );
        for name in ["", "Orders", "_loads", "a-b", "a.b", &"a".repeat(65)] {
            check(name, Mode::Insert, &[], "off", "sink.x.collection bad_name");
        }
        check("a", Mode::Merge, &[], "off", "sink.x.key key_required");
        check("a", Mode::Insert, &["b"], "off", "sink.x.key key_unused");
        check(
            "a",
            Mode::Delete,
            &["b", "b"],
            "off",
            "sink.x.key[1] duplicate",
        );
        check(
            "a",
            Mode::Upsert,
            &["_id"],
            "off",
            "sink.x.key[0] reserved_name",
        );
        for path in ["", "a.", "$a", "a b"] {
            check("a", Mode::Upsert, &[path], "off", "sink.x.key[0] bad_name");
        }
        check(
            "a",
            Mode::Insert,
            &[],
            "_src",
            "sink.x.lineage reserved_name",
        );
        check("a", Mode::Insert, &[], "a.b", "sink.x.lineage bad_name");
    }

    #[test]
    fn paths_are_split_at_dots() {
        let key = ["a.b".to_owned()];
        let spec = TargetSpec {
            collection: Some("c"),
            mode: Some(Mode::Upsert),
            key: Some(&key),
            nulls: Some(Nulls::Write),
            lineage: Some("origin"),
        };
        let expected = Target {
            collection: "c".into(),
            mode: Mode::Upsert,
            key: vec![vec!["a".into(), "b".into()]],
            nulls: Nulls::Write,
            lineage: Some("origin".into()),
        };
        assert_eq!(spec.check("s", "collection", &mut Vec::new()), expected);
    }
}
