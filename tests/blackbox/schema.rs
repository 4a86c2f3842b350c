//! The JSON Schema and the reference of the language, as `schema` and `docs` print them: a validator that shares no code with
//! the program takes every spec that the program takes, and refuses what a schema can refuse.

use crate::job::place;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use testbed::fetched;

/// Reads a schema and documents by name, and says which documents are valid.
const VALIDATE: &str = "
import json, sys
import jsonschema_rs
asked = json.load(sys.stdin)
validator = jsonschema_rs.validator_for(asked['schema'])
print(json.dumps({name: [error.message for error in validator.iter_errors(document)]
                  for name, document in asked['documents'].items()}))
";
/// Codes of problems that any schema sees: what is misspelt, of another type, or beside another choice.
const SEEN: [&str; 5] = [
    "unknown_key",
    "unknown_choice",
    "wrong_type",
    "second_choice",
    "missing_choice",
];

async fn printed(command: &str) -> String {
    let ended = place().run([command]).await;
    assert_eq!(ended.code, Some(0), "{command}: {}", ended.stderr);
    ended.stdout
}

/// The messages of the independent validator for each document.
pub fn validate(
    schema: &Value,
    documents: &BTreeMap<String, Value>,
) -> BTreeMap<String, Vec<String>> {
    let mut python = Command::new("python3")
        .args(["-S", "-c", VALIDATE])
        .env(
            "PYTHONPATH",
            fetched("SLUICEGATE_TEST_SCHEMATHESIS", "schemathesis"),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = json!({ "schema": schema, "documents": documents }).to_string();
    python
        .stdin
        .take()
        .unwrap()
        .write_all(asked.as_bytes())
        .unwrap();
    let ended = python.wait_with_output().unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// The specs of a folder of the tree, by name.
fn specs_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn json_of(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

#[tokio::test]
async fn another_validator_takes_by_the_schema_what_the_program_takes() {
    let schema: Value = serde_json::from_str(&printed("schema").await).unwrap();
    let mut good = BTreeMap::from([("defaults".to_owned(), json_of(&printed("defaults").await))]);
    for path in specs_in("../specs") {
        let text = std::fs::read_to_string(&path).unwrap();
        good.insert(stem(&path), json_of(&text));
    }
    // The examples of the reference are pieces of specs, and every key is optional to the schema.
    let docs = printed("docs").await;
    for (number, piece) in docs.split("```toml\n").skip(1).enumerate() {
        let piece = piece.split("```").next().unwrap();
        good.insert(format!("example {number}: {piece}"), json_of(piece));
    }
    assert!(good.len() > 100, "{}", good.len());
    for (name, messages) in validate(&schema, &good) {
        assert!(messages.is_empty(), "{name}: {messages:?}");
    }
}

#[tokio::test]
async fn another_validator_refuses_by_the_schema_what_is_misspelt_or_of_another_type() {
    let schema: Value = serde_json::from_str(&printed("schema").await).unwrap();
    let wrong: BTreeMap<String, Value> = specs_in("../tests/specs/wrong")
        .into_iter()
        .filter(|path| SEEN.contains(&stem(path).split('-').next().unwrap()))
        // The fault stands in the file that it extends.
        .filter(|path| stem(path) != "unknown_key-extends")
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (stem(&path), json_of(&text))
        })
        .collect();
    assert!(wrong.len() >= SEEN.len(), "{wrong:?}");
    for (name, messages) in validate(&schema, &wrong) {
        assert!(!messages.is_empty(), "{name} is taken");
    }
}

#[tokio::test]
async fn the_reference_shows_each_key_of_the_schema_with_an_example() {
    let docs = printed("docs").await;
    let schema: Value = serde_json::from_str(&printed("schema").await).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let mut names = 0;
    for definition in definitions.values().chain([&schema]) {
        let properties = definition["properties"].as_object().into_iter().flatten();
        for (name, property) in properties {
            names += 1;
            let ways = [
                format!("{name}`\n"),
                format!("{name}]"),
                format!("[{name}."),
            ];
            let is_shown = ways.iter().any(|way| docs.contains(way));
            assert!(is_shown, "{name}: {property}");
        }
    }
    assert!(names > 80, "{names}");
    for piece in [
        "### `input.compression`\n\n*string, by default `\"auto\"`.* How the input is compressed.\n\n- `none`: Not at all.\n",
        "```toml\n[[steps]]\n[steps.drop]\nwhen = ",
        "```toml\n[fields.total]\ntype = \"decimal\"\n```\n",
    ] {
        assert!(docs.contains(piece), "{piece} in\n{docs}");
    }
}
