//! Descriptors from the text to the spec: what is recognised, what is refused and where, and that nothing of a descriptor can
//! become more of a spec than its words.

use super::{MAX_DESCRIPTOR_BYTES, Standard, import};
use crate::infer::CHOICE;
use crate::plan::{Defaults, Plan};
use proptest::prelude::*;
use serde_json::json;

fn refused(text: &str, code: &str, place: &str) {
    let fatal = import(text, None, None, "file").unwrap_err();
    assert_eq!(fatal.code, code, "{text}: {}", fatal.message);
    assert!(fatal.message.contains(place), "{text}: {}", fatal.message);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    refused(
        "{\"fields\": [\n{\"name\" 1}]}",
        "bad_descriptor",
        "line 2, column 9",
    );
    refused(
        r#"{"fields":[{"name":"a"},{"type":"integer"}]}"#,
        "bad_descriptor",
        "/fields/1/name",
    );
    refused(
        r#"{"fields":[{"name":"a","constraints":{"required":1}}]}"#,
        "bad_descriptor",
        "/fields/0/constraints/required",
    );
    refused(
        r#"{"fields":[{"name":"a","name":"b"}]}"#,
        "bad_descriptor",
        "stands twice",
    );
    refused(
        r#"{"tableSchema":{"columns":[{"titles":7}]}}"#,
        "bad_descriptor",
        "/tableSchema/columns/0/titles",
    );
    refused(
        r#"{"tableSchema":"schema.json"}"#,
        "bad_descriptor",
        "schema.json",
    );
    refused(
        r##"{"properties":{"a/b":{"$ref":"#/$defs/none"}}}"##,
        "bad_descriptor",
        "/properties/a~1b/$ref",
    );
    refused(
        r#"{"properties":{"a":{"type":"text"}}}"#,
        "bad_descriptor",
        "/properties/a/type",
    );
    refused(
        r##"{"properties":{"a":{"$ref":"#"}}}"##,
        "bad_descriptor",
        "deeper than 32 levels",
    );
    refused(&"[".repeat(1000), "bad_descriptor", "column 128");
    refused(
        &" ".repeat(MAX_DESCRIPTOR_BYTES as usize + 1),
        "too_large",
        "1048576",
    );
    for (text, place) in [
        ("a.string()\nb.date(2006-01-02", "line 2"),
        ("a.string()\nb", "line 2"),
        ("a.string()\na.string()", "line 2"),
        ("a.string()\nb.number()", "line 2"),
    ] {
        let fatal = import(text, Some(Standard::Mongoimport), None, "file").unwrap_err();
        assert_eq!(fatal.code, "bad_descriptor", "{text}");
        assert!(fatal.message.contains(place), "{text}: {}", fatal.message);
    }
}

#[test]
fn what_may_be_of_two_standards_is_asked_for() {
    refused("hello", "which_standard", "no descriptor");
    refused("{\"a\":1}", "which_standard", "no descriptor");
    let both = r#"{"fields":[{"name":"a"}],"properties":{"b":{"type":"string"}}}"#;
    refused(both, "which_standard", "frictionless or json-schema");
    for (standard, field) in [
        (Standard::Frictionless, "a = {"),
        (Standard::JsonSchema, "b = {"),
    ] {
        let imported = import(both, Some(standard), Some("x"), "file").unwrap();
        assert!(imported.spec.contains(field), "{}", imported.spec);
        // What the other standard would have read is told.
        assert_eq!(imported.lost.len(), 1, "{:?}", imported.lost);
    }
}

/// Each choice of each undecided field in its place; the spec must be one then.
fn decided(spec: &str, number: usize) -> String {
    let mut out = String::new();
    let mut lines = spec.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.contains(", undecided = ") {
            out.push_str(&format!("{line}\n"));
            continue;
        }
        let mut choices = Vec::new();
        while let Some(choice) = lines.next_if(|line| line.starts_with(CHOICE)) {
            choices.push(&choice[CHOICE.len()..]);
        }
        out.push_str(&format!("{}\n", choices[number % choices.len()]));
    }
    out
}

#[test]
fn every_choice_of_every_golden_descriptor_makes_a_spec() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/descriptors");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|end| end == "toml" || end == "told")
        {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let imported = import(&text, None, None, "file").unwrap();
        for number in 0..6 {
            let spec = decided(&imported.spec, number);
            if let Err(problems) = Plan::read("decided", &spec, Defaults::default()) {
                panic!("{}: {}", path.display(), problems.render(false));
            }
        }
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
}

#[test]
fn an_expression_is_searched_in_json_schema_and_whole_in_frictionless() {
    let schema = json!({"properties": {"a": {"type": "string", "pattern": "b"}}}).to_string();
    let spec = import(&schema, None, None, "x").unwrap().spec;
    assert!(
        spec.contains(r#"pattern = "(?s:.*)(?:b)(?s:.*)""#),
        "{spec}"
    );
    let table = json!({"fields": [{"name": "a", "constraints": {"pattern": "b"}}]}).to_string();
    let spec = import(&table, None, None, "x").unwrap().spec;
    assert!(spec.contains(r#"pattern = "b""#), "{spec}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever texts a descriptor has, the spec is one with that many fields, and no word of it is another's.
    #[test]
    fn no_text_becomes_more_than_a_text(
        name in "[a-z\"'\\\\\n\r\t#= {}\\[\\]ä]{0,12}",
        text in "[a-z\"'\\\\\n\r\t#= {}$\\[\\]\u{7f}\u{85}ä]{0,30}",
    ) {
        let table = json!({
            "name": text, "description": text,
            "fields": [
                {"name": name, "title": text, "description": text, "what": text, "constraints": {"enum": [text, "x"]}},
                {"name": format!("{name}2"), "type": text, "missingValues": [text], "constraints": {"pattern": text}},
            ],
        });
        let schema = json!({
            "title": text, "description": text,
            "properties": {name.clone(): {"type": "string", "title": text, "enum": [text]}, format!("{name}2"): {"properties": {text.clone(): {"type": "integer"}}}},
        });
        let columns = json!({
            "dc:title": text,
            "tableSchema": {"columns": [{"name": name, "titles": text, "datatype": "string"}, {"name": "b", "default": text, "x": text}]},
        });
        for descriptor in [table, schema, columns] {
            let imported = import(&descriptor.to_string(), None, None, "file").unwrap();
            let table: toml::Table = imported.spec.parse().unwrap();
            prop_assert_eq!(table["fields"].as_table().unwrap().len(), 2, "{}", imported.spec);
            prop_assert!(Plan::read("imported", &imported.spec, Defaults::default()).is_ok(), "{}", imported.spec);
        }
    }
}
