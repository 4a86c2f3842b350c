//! `import` and `schema SPEC --as`: descriptors of others, read and written.
//!
//! `tests/descriptors` holds descriptors after the examples of their standards, each with the spec that `import` writes
//! (`.toml`) and what it tells (`.told`); `SLUICEGATE_BLESS=1` writes both. Specs of the tree make the way to Frictionless and
//! back, and their golden documents are judged by a validator that shares no code with the program.

use crate::golden::{blessing, compare, sample};
use crate::job::place;
use crate::schema::validate;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::Table;

/// The fewest fields of all specs together that must come back as they were.
const MIN_FIELDS: usize = 30;

fn listed(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Specs of the tree, with their texts.
fn specs() -> Vec<(PathBuf, Table)> {
    let is_spec = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    let paths = listed("../specs").into_iter().filter(is_spec);
    paths
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.canonicalize().unwrap(), text.parse().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn each_descriptor_becomes_its_golden_spec_and_tells_what_is_left_out() {
    let mut differences = String::new();
    let mut seen = 0;
    for path in listed("../tests/descriptors") {
        let end = path.extension().unwrap_or_default().to_string_lossy();
        if end == "toml" || end == "told" {
            continue;
        }
        seen += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let place = place();
        place.write(&name, std::fs::read(&path).unwrap());
        let ended = place.run(["import", &name]).await;
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        for (golden, came) in [
            (path.with_extension("toml"), &ended.stdout),
            (path.with_extension("told"), &ended.stderr),
        ] {
            if blessing() {
                std::fs::write(&golden, came).unwrap();
            }
            let expected = std::fs::read_to_string(&golden).unwrap_or_default();
            differences.push_str(&compare(&golden.display().to_string(), &expected, came));
        }
        // `check` finds nothing, but for what a person must decide.
        let written = place
            .run(["import", &name, "--name", "other", "--out", "other.toml"])
            .await;
        assert_eq!(written.code, Some(0), "{name}: {}", written.stderr);
        let checked = place.run(["check", "other.toml", "--json"]).await;
        let undecided = ended.stdout.matches(", undecided = ").count();
        let problems: Value = serde_json::from_str(&checked.stdout).unwrap_or_default();
        let told = problems.as_array().into_iter().flatten();
        let codes: Vec<_> = told
            .filter_map(|problem| problem["code"].as_str())
            .collect();
        assert_eq!(
            checked.code,
            Some(if undecided == 0 { 0 } else { 2 }),
            "{name}: {checked:?}"
        );
        assert_eq!(codes.len(), undecided, "{name}: {codes:?}");
        assert!(
            codes.iter().all(|code| *code == "undecided"),
            "{name}: {codes:?}"
        );
        // A file that is there is not written over.
        let again = place.run(["import", &name, "--out", "other.toml"]).await;
        assert_eq!(again.code, Some(1), "{name}: {again:?}");
        assert!(again.stderr.contains("(exists)"), "{name}: {again:?}");
    }
    assert!(seen >= 7, "{seen}");
    assert!(differences.is_empty(), "{differences}");
}

#[tokio::test]
async fn what_is_no_descriptor_is_refused() {
    let place = place();
    place.write("bad.json", "{\"fields\": [{\"name\": \"a\",}]}");
    place.write("none.json", "{}");
    place.write("bytes.json", b"{\"fields\": \"\xff\"}");
    place.write("large.json", " ".repeat(1024 * 1024 + 1));
    for (name, code) in [
        ("bad.json", "bad_descriptor"),
        ("none.json", "which_standard"),
        ("bytes.json", "bad_descriptor"),
        ("large.json", "too_large"),
        ("absent.json", "source"),
    ] {
        let ended = place.run(["import", name]).await;
        assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        assert!(ended.stdout.is_empty(), "{name}: {ended:?}");
        assert!(
            ended.stderr.contains(&format!("({code})")),
            "{name}: {}",
            ended.stderr
        );
    }
    let unknown = place.run(["import", "none.json", "--as", "avro"]).await;
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    let alone = place.run(["schema", "--as", "csvw"]).await;
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

/// The fields that a list of what was left out names, and whether it names other parts of the spec.
fn told(stderr: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let places = stderr.lines().filter_map(|line| line.strip_prefix("  "));
    let places = places.filter_map(|line| line.split_once(':').map(|(place, _)| place.to_owned()));
    places.partition(|place| place.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// What a field looks for first.
fn title(name: &str, field: &Table, titles: &[toml::Value]) -> String {
    let column = field.get("column").and_then(toml::Value::as_integer);
    let title = match (field.get("from"), column) {
        (Some(toml::Value::String(title)), _) => Some(title.as_str()),
        (Some(toml::Value::Array(all)), _) => all[0].as_str(),
        (_, Some(column)) => titles
            .get(column as usize - 1)
            .and_then(toml::Value::as_str),
        _ => None,
    };
    title.unwrap_or(name).to_owned()
}

fn fields(spec: &Table) -> BTreeMap<String, (String, Table)> {
    let titles = spec["format"]["csv"].get("columns");
    let titles = titles
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let fields = spec["fields"].as_table().unwrap();
    let own = fields.iter().map(|(name, field)| {
        let field = field.as_table().unwrap().clone();
        (title(name, &field, &titles), (name.clone(), field))
    });
    own.collect()
}

/// The spec without all that columns do not say, with these fields, writing to a file.
fn reduced(spec: &Table, fields: Table, like: &Table) -> String {
    let mut spec = spec.clone();
    for part in [
        "steps", "group", "tests", "unique", "control", "columns", "sink", "errors",
    ] {
        spec.remove(part);
    }
    spec.insert("fields".into(), fields.into());
    for (part, text) in [
        ("errors", "on_breach = \"continue\""),
        ("sink", "jsonl = { path = \"unused.jsonl\" }"),
    ] {
        spec.insert(part.into(), text.parse::<Table>().unwrap().into());
    }
    // How long a record may be, and which row is the header, is not said by columns either.
    if let Some(missing) = like
        .get("columns")
        .and_then(|columns| columns.get("missing"))
    {
        let columns = Table::from_iter([("missing".to_owned(), missing.clone())]);
        spec.insert("columns".into(), columns.into());
    }
    let theirs = like
        .get("input")
        .and_then(|input| input.get("max_record_bytes"))
        .cloned();
    if let Some(bytes) = theirs {
        let input = spec.entry("input").or_insert_with(|| Table::new().into());
        input
            .as_table_mut()
            .unwrap()
            .insert("max_record_bytes".into(), bytes);
    }
    if let Some(header) = like["format"]["csv"].get("header").cloned() {
        let csv = spec["format"].as_table_mut().unwrap()["csv"]
            .as_table_mut()
            .unwrap();
        csv.insert("header".into(), header);
    }
    spec.to_string()
}

/// The documents and counters of a run.
async fn outcome(spec: &str, input: &Path) -> (Vec<Value>, Value) {
    let place = place();
    place.write("spec.toml", spec);
    let input = input.to_str().unwrap();
    let ended = place
        .run([
            "run",
            "spec.toml",
            input,
            "--sink",
            "jsonl:out.jsonl",
            "--json",
        ])
        .await;
    assert!(matches!(ended.code, Some(0 | 3)), "{spec}\n{ended:?}");
    let job: Value = serde_json::from_str(&ended.stdout).unwrap();
    let text = std::fs::read_to_string(place.path("out.jsonl")).unwrap();
    let document = |line: &str| {
        let mut document: Value = serde_json::from_str(line).unwrap();
        document.as_object_mut().unwrap().remove("_id");
        document
    };
    (text.lines().map(document).collect(), job["stats"].clone())
}

#[tokio::test]
async fn specs_come_back_from_frictionless_and_bind_their_samples_alike() {
    let mut compared = 0;
    for (path, spec) in specs() {
        let name = path.display().to_string();
        let place = place();
        let described = place.run(["schema", &name, "--as", "frictionless"]).await;
        if spec["format"].get("csv").is_none() {
            assert_eq!(described.code, Some(1), "{described:?}");
            assert!(
                described.stderr.contains("(no_descriptor)"),
                "{described:?}"
            );
            continue;
        }
        assert_eq!(described.code, Some(0), "{name}: {}", described.stderr);
        let (left_out, parts) = told(&described.stderr);
        if parts.contains("[records]") {
            continue;
        }
        place.write("file.json", &described.stdout);
        let imported = place.run(["import", "file.json"]).await;
        assert_eq!(imported.code, Some(0), "{name}: {}", imported.stderr);
        let back: Table = imported.stdout.parse().unwrap();
        let theirs = fields(&back);
        let (mut ours_kept, mut theirs_kept) = (Table::new(), Table::new());
        for (title, (own_name, mut own)) in fields(&spec) {
            if left_out.contains(&own_name) {
                continue;
            }
            let (new_name, field) = theirs
                .get(&title)
                .unwrap_or_else(|| panic!("{name}: {title}: {theirs:?}"));
            // Where a value stands in the document is not the file's to say.
            own.remove("to");
            if !own.contains_key("from") && !own.contains_key("column") {
                own.insert("from".into(), own_name.into());
            }
            ours_kept.insert(new_name.clone(), own.into());
            theirs_kept.insert(new_name.clone(), field.clone().into());
        }
        assert!(!ours_kept.is_empty(), "{name}: {left_out:?}");
        compared += ours_kept.len();
        let input = sample(&path.with_extension("")).unwrap();
        let before = outcome(&reduced(&spec, ours_kept, &spec), &input).await;
        let after = outcome(&reduced(&back, theirs_kept, &spec), &input).await;
        assert!(before.0.len() >= 50, "{name}: {}", before.1);
        assert!(before == after, "{name}: {} and {}", before.1, after.1);
    }
    assert!(compared >= MIN_FIELDS, "{compared}");
}

#[tokio::test]
async fn another_validator_takes_the_documents_of_each_spec_by_its_schema() {
    for (path, _) in specs() {
        let name = path.display().to_string();
        let described = place().run(["schema", &name, "--as", "json-schema"]).await;
        assert_eq!(described.code, Some(0), "{name}: {}", described.stderr);
        let schema: Value = serde_json::from_str(&described.stdout).unwrap();
        let records =
            std::fs::read_to_string(path.with_extension("").join("records.jsonl")).unwrap();
        let documents: BTreeMap<String, Value> = (records.lines().enumerate())
            .map(|(index, line)| (index.to_string(), serde_json::from_str(line).unwrap()))
            .collect();
        for (number, messages) in validate(&schema, &documents) {
            assert!(messages.is_empty(), "{name}: {number}: {messages:?}");
        }
        // A document of another kind is refused.
        let other = BTreeMap::from([("other".to_owned(), Value::from(1))]);
        assert!(!validate(&schema, &other)["other"].is_empty(), "{name}");
    }
}

#[tokio::test]
async fn csvw_describes_columns_and_is_read_again() {
    for (path, spec) in specs() {
        if spec["format"].get("csv").is_none() {
            continue;
        }
        let name = path.display().to_string();
        let place = place();
        let described = place.run(["schema", &name, "--as", "csvw"]).await;
        assert_eq!(described.code, Some(0), "{name}: {}", described.stderr);
        place.write("file.json", &described.stdout);
        let imported = place.run(["import", "file.json"]).await;
        assert_eq!(imported.code, Some(0), "{name}: {}", imported.stderr);
        let back: Table = imported.stdout.parse().unwrap();
        let (ours, theirs) = (fields(&spec), fields(&back));
        let (left_out, _) = told(&described.stderr);
        for (title, (own_name, own)) in ours {
            if left_out.contains(&own_name) || own.contains_key("record") {
                continue;
            }
            let (_, field) = &theirs[&title];
            let string = toml::Value::from("string");
            let kind = own.get("type").unwrap_or(&string);
            assert_eq!(field.get("type"), Some(kind), "{name}: {title}");
            let required = |field: &Table| field.get("required").and_then(toml::Value::as_bool);
            assert_eq!(required(field), required(&own), "{name}: {title}");
        }
    }
}
