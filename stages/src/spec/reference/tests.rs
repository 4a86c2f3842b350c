//! Tests of the reference: no key of the language lacks a meaning, an example that can be read, or its place among the
//! defaults.

use super::*;
use crate::spec::{Spec, read};

fn keys() -> Vec<Key> {
    let keys: Vec<Key> = reference()
        .into_iter()
        .flat_map(|table| table.keys)
        .collect();
    assert!(keys.len() > 100, "{} keys", keys.len());
    keys
}

fn key(path: &str) -> Key {
    let keys = keys();
    let found = keys.iter().find(|key| key.path == path);
    found.unwrap_or_else(|| panic!("no {path}")).clone()
}

#[test]
fn every_table_and_key_says_what_it_means() {
    for table in reference() {
        assert!(table.meaning.len() >= 5, "[{}]: {table:?}", table.path);
        for key in table.keys {
            assert!(key.meaning.len() >= 5, "{key:?}");
            assert!(
                key.meaning.ends_with('.') || key.meaning.ends_with('`'),
                "{key:?}"
            );
            assert!(!key.kind.is_empty(), "{key:?}");
        }
    }
}

#[test]
fn every_key_has_an_example_that_can_be_read() {
    let mut wrong = String::new();
    for key in keys() {
        let (_, problems) = read::<Spec>(&key.path, &key.example);
        if key.example.is_empty() || !problems.is_empty() {
            wrong.push_str(&format!(
                "{}: {:?}\n{}",
                key.path,
                key.example,
                problems.render(false)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "each key wants #[schemars(example = …)], as it stands in a spec:\n{wrong}"
    );
}

/// The names that the defaults give a value below each header, those behind a `#` too.
fn named_in_defaults() -> Vec<(String, String)> {
    let mut named = Vec::new();
    let mut header = String::new();
    for line in DEFAULTS.lines() {
        let text = line.trim_start_matches("# ").trim();
        if let Some((path, _)) = text
            .strip_prefix("[[")
            .and_then(|rest| rest.split_once("]]"))
        {
            header = format!("{path}[]");
        } else if let Some((path, _)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']'))
            && !path.contains(' ')
        {
            header = path.to_owned();
        }
        let words: Vec<&str> = text
            .split([' ', '{', ','])
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            if pair[1] == "=" {
                named.push((header.clone(), pair[0].to_owned()));
            }
        }
    }
    named
}

#[test]
fn the_defaults_name_every_key() {
    let named = named_in_defaults();
    let missing: Vec<String> = keys()
        .into_iter()
        .filter(|key| {
            let (table, name) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
            // Inline tables stand in a line of the table around them, and what many sinks have in that of the first.
            let own = named.iter().any(|(header, found)| {
                let is_here = header == table
                    || table
                        .strip_prefix(header.as_str())
                        .is_some_and(|rest| rest.starts_with('.'))
                    || (table.starts_with("sink.") && header == "sink.mongodb")
                    || (table == "fields.NAME" && header == "fields")
                    || table
                        .strip_suffix("NAME")
                        .is_some_and(|named| header.starts_with(named));
                is_here && found == name
            });
            !own
        })
        .map(|key| key.path)
        .collect();
    assert!(missing.is_empty(), "not in defaults.toml: {missing:?}");
}

#[test]
fn a_key_has_its_kind_default_choices_and_example() {
    let compression = key("input.compression");
    assert_eq!(compression.default.as_deref(), Some("`\"auto\"`"));
    assert_eq!(compression.meaning, "How the input is compressed.");
    assert!(compression.choices.iter().any(|(word, _)| word == "zstd"));
    assert_eq!(compression.example, "[input]\ncompression = \"gzip\"\n");

    let when = key("steps[].drop.when");
    assert!(
        when.example.starts_with("[[steps]]\n[steps.drop]\nwhen = "),
        "{when:?}"
    );
    let code = key("tests[].expect_rejects[].code");
    assert_eq!(
        code.example,
        "[[tests]]\n[[tests.expect_rejects]]\ncode = \"minimum\"\n"
    );
    assert_eq!(key("fields.NAME.decimal_char").kind, "one character");
    assert_eq!(key("fields.NAME.from").kind, "string or array of strings");
    assert_eq!(
        key("format.csv.header.rows").default.as_deref(),
        Some("`1`")
    );
    assert_eq!(key("input.max_record_bytes").kind, "size");
    assert_eq!(key("sink.mongodb.rate.pause").kind, "length of time");
    // What a spec must say has no default, though the defaults say something there.
    assert_eq!(key("name").default, None);
}

#[test]
fn the_tables_stand_in_the_order_of_a_spec() {
    let paths: Vec<String> = reference().into_iter().map(|table| table.path).collect();
    let place = |path: &str| paths.iter().position(|found| found == path);
    assert_eq!(place(""), Some(0), "{paths:?}");
    let order = [
        "input",
        "format.csv",
        "fields.NAME",
        "steps[].drop",
        "sink.null",
        "tests[]",
    ];
    let places: Vec<_> = order.iter().map(|path| place(path)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{paths:?}"
    );
}

#[test]
fn the_markdown_shows_every_key() {
    let markdown = markdown();
    for key in keys() {
        let shown = format!("\n### `{}`\n", key.path);
        assert_eq!(markdown.matches(&shown).count(), 1, "{shown}");
    }
    assert!(markdown.contains("\n## `[[steps]]`") || markdown.contains("\n## `[steps.drop]`"));
}
