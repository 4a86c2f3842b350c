//! What helps to write a spec: `check`, `preview`, `test`, `defaults`, `schema`; and `export`, which shows what was loaded.

use serde_json::{Value, json};
use testbed::process::Sluicegate;

use crate::found::Documents;
use crate::job::{job, place};
use crate::people::left_behind;

const GOOD: &str = r#"spec = 1
name = "fruit"

[format.csv]

[fields]
name = { type = "string", transform = ["trim"] }
count = { type = "integer", minimum = 0 }

[[steps]]
derive = { field = "twice", type = "integer", expr = "count * 2" }

[[steps]]
drop = { name = "none", when = "count == 0" }

[[steps]]
reject = { name = "few", when = "count < 5", severity = "warn" }

[sink.mongodb]
collection = "fruit"

[[tests]]
name = "counts"
input = """
name,count
 pear ,3
fig,0
plum,-1
"""
expect = [{ name = "pear", count = 3, twice = 6 }]
expect_rejects = [{ record = 3, field = "count", code = "minimum" }]
expect_drops = { none = 1 }
expect_warnings = { few = 1 }
"#;

/// Five problems: an unknown key with a near word, a wrong type, an unknown type, a field that is not there, no sink.
const BROKEN: &str = r#"spec = 1
name = "fruit"

[format.csv]
delimeter = ";"

[fields]
name = { type = "string", required = "yes" }
count = { type = "integr" }

[[steps]]
drop = { name = "none", when = "amount == 0" }
"#;

fn with(spec: &str) -> Sluicegate {
    let place = place();
    place.write("fruit.toml", spec);
    place.write("fruit.csv", "name,count\n pear ,3\nfig,0\nplum,-1\n");
    place
}

#[tokio::test]
async fn check_finds_no_problem_in_a_good_spec() {
    let place = with(GOOD);
    let ended = place.run(["check", "fruit.toml"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("fruit@1"), "{}", ended.stdout);
    assert!(left_behind(&place).is_empty());
}

#[tokio::test]
async fn check_shows_every_problem_with_its_place_a_caret_and_a_hint() {
    let place = with(BROKEN);
    let ended = place.run(["check", "fruit.toml"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    let said = &ended.stderr;
    for (place, line) in [
        ("fruit.toml:5:1", "delimeter = \";\""),
        ("fruit.toml:8:38", "required = \"yes\""),
        ("fruit.toml:9:18", "type = \"integr\""),
        ("fruit.toml:12:", "amount == 0"),
    ] {
        assert!(said.contains(place), "{place} in\n{said}");
        assert!(said.contains(line), "{line} in\n{said}");
    }
    for hint in ["`delimiter`", "integer", "[sink.mongodb]"] {
        assert!(said.contains(hint), "{hint} in\n{said}");
    }
    let carets = said.lines().filter(|line| line.contains('^')).count();
    assert!(carets >= 4, "a caret below each in\n{said}");
    assert!(said.contains("5 problems"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colour where nobody looks");
    // The same for programs.
    let ended = place.run(["check", "fruit.toml", "--json"]).await;
    assert_eq!(ended.code, Some(2));
    let problems: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(problems.as_array().map(Vec::len), Some(5), "{problems}");
}

#[tokio::test]
async fn a_text_that_is_no_toml_is_told_at_its_place() {
    let place = with("spec = 1\nname = \"fruit\n");
    let ended = place.run(["run", "fruit.toml", "fruit.csv"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("fruit.toml:2:"), "{}", ended.stderr);
}

#[tokio::test]
async fn preview_shows_the_first_records_at_every_stage() {
    let place = with(GOOD);
    let ended = place
        .run(["preview", "fruit.toml", "fruit.csv", "-n", "2"])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = &ended.stdout;
    for word in [
        "record 1, line 2",
        "record 2, line 3",
        " pear ,3",
        "\"twice\":6",
        "none",
    ] {
        assert!(said.contains(word), "{word:?} in\n{said}");
    }
    assert!(!said.contains("record 3"), "{said}");
    assert!(left_behind(&place).is_empty(), "nothing is written");
    let all = place
        .run(["preview", "fruit.toml", "fruit.csv"])
        .await
        .stdout;
    assert!(
        all.contains("record 3, line 4") && all.contains("minimum"),
        "{all}"
    );
}

#[tokio::test]
async fn test_runs_the_tests_of_a_spec() {
    let place = with(GOOD);
    let ended = place.run(["test", "fruit.toml"]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.contains("counts ... ok") && ended.stdout.contains("1 passed"),
        "{}",
        ended.stdout
    );
    assert!(left_behind(&place).is_empty(), "nothing is written");
    for (from, to, word) in [
        ("twice = 6", "twice = 7", "\"twice\":6"),
        ("code = \"minimum\"", "code = \"maximum\"", "minimum"),
        ("none = 1", "none = 2", "none"),
        ("expect = [{", "expect = [{ name = \"fig\" }, {", "pear"),
    ] {
        let place = with(&GOOD.replace(from, to));
        let ended = place.run(["test", "fruit.toml"]).await;
        assert_eq!(
            ended.code,
            Some(1),
            "{from} as {to}: {}{}",
            ended.stdout,
            ended.stderr
        );
        assert!(
            ended.stdout.contains("1 failed") && ended.stdout.contains(word),
            "{word} in {}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn export_prints_what_is_loaded_in_the_order_of_ids() {
    let place = with(&GOOD.replace("minimum = 0", "minimum = 1"));
    let rows: String = (1..=5_000).map(|n| format!("row,{n}\n")).collect();
    for name in ["one.csv", "two.csv"] {
        place.write(name, format!("name,count\n{rows}"));
        assert_eq!(
            job(&place, &["run", "fruit.toml", name]).await.verdict(),
            "completed 0"
        );
    }
    let ended = place.run(["export", "fruit"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 10_000);
    let ids: Vec<String> = lines
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 48));
    // Of one load the order of ids is the order of the file.
    let (first, second) = lines.split_at(5_000);
    for half in [first, second] {
        let found = Documents::of_lines(&(half.join("\n") + "\n"));
        assert_eq!(
            found.values()[41],
            &json!({ "name": "row", "count": 42, "twice": 84 })
        );
    }
    // A tenant has a store of its own, and a name that is misspelt is told with those that there are.
    let nothing = place.run(["export", "frit"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(2), ""));
    let told = "there is no collection frit; there is: fruit (no_collection)";
    assert!(nothing.stderr.contains(told), "{}", nothing.stderr);
    let tenant = place.run(["export", "--tenant", "acme", "fruit"]).await;
    assert_eq!((tenant.code, tenant.stdout.as_str()), (Some(1), ""));
    let nowhere = with(GOOD).run(["export", "fruit"]).await;
    assert_eq!(nowhere.code, Some(1), "{}", nowhere.stdout);
}

#[tokio::test]
async fn the_store_of_a_tenant_is_exported_by_its_name() {
    let place = with(GOOD);
    job(&place, &["run", "fruit.toml", "fruit.csv"]).await;
    let ours = place.run(["export", "fruit"]).await.stdout;
    assert!(ours.contains("pear"));
    // What a worker would write for a tenant has the same form in a file of its own.
    std::fs::rename(
        place.path("data/documents.db"),
        place.path("data/documents_acme.db"),
    )
    .unwrap();
    let tenants = place.run(["export", "--tenant", "acme", "fruit"]).await;
    assert_eq!((tenants.code, tenants.stdout), (Some(0), ours));
    for name in ["../acme", "ACME", "state", ""] {
        let refused = place.run(["export", "--tenant", name, "fruit"]).await;
        assert!(
            refused.code == Some(1) || refused.code == Some(2),
            "{name:?}"
        );
        assert!(
            refused.stdout.is_empty() && !refused.stderr.is_empty(),
            "{name:?}"
        );
    }
}

#[tokio::test]
async fn the_defaults_are_a_spec_that_can_be_read() {
    let ended = place().run(["defaults"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let place = with(&ended.stdout);
    let check = place.run(["check", "fruit.toml"]).await;
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    for default in [
        "max_records = 50_000",
        "max_ratio = 0.01",
        "in_flight = 4",
        "delimiter = \",\"",
        "\"1MiB\"",
    ] {
        assert!(
            ended.stdout.contains(default),
            "{default} in {}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn the_schema_is_a_json_schema_of_the_language() {
    let ended = place().run(["schema"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let schema: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(
        schema["$schema"]
            .as_str()
            .is_some_and(|uri| uri.contains("json-schema.org")),
        "{schema}"
    );
    let properties = schema["properties"].as_object().unwrap();
    let top = [
        "spec",
        "name",
        "version",
        "description",
        "input",
        "format",
        "columns",
        "values",
        "fields",
        "steps",
    ];
    for key in top.iter().chain(&["errors", "sink", "tests"]) {
        assert!(properties.contains_key(*key), "{key} in {properties:?}");
    }
    assert_eq!(
        schema["additionalProperties"], false,
        "an unknown key is an error"
    );
    // Every reference leads somewhere.
    let mut stack = vec![&schema];
    while let Some(value) = stack.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference
                        .strip_prefix('#')
                        .unwrap_or_else(|| panic!("{reference}"));
                    assert!(
                        schema.pointer(pointer).is_some(),
                        "{reference} leads nowhere"
                    );
                }
                stack.extend(members.values());
            }
            Value::Array(items) => stack.extend(items),
            _ => {}
        }
    }
}

#[tokio::test]
async fn infer_writes_a_spec_that_check_refuses_until_a_person_decides() {
    let place = place();
    let rows: String = (1..=30)
        .map(|number| format!("A-{number};0{}/04/2026;{number},50\n", number % 9 + 1))
        .collect();
    let text = format!("No;Day;Total\n{rows}");
    place.write("fruit.csv", &text);
    let ended = place
        .run(["infer", "fruit.csv", "--out", "fruit.toml"])
        .await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("To decide: day"), "{}", ended.stdout);
    let spec = std::fs::read_to_string(place.path("fruit.toml")).unwrap();
    let checked = place.run(["check", "fruit.toml"]).await;
    assert_eq!(checked.code, Some(2), "{}", checked.stdout);
    for said in ["(undecided)", "%d/%m/%Y", "1 problem"] {
        let said = said.trim_matches(['(', ')']);
        assert!(checked.stderr.contains(said), "{said}: {}", checked.stderr);
    }
    // A file that is there is never written over; standard input gives the same spec.
    let again = place
        .run(["infer", "fruit.csv", "--out", "fruit.toml"])
        .await;
    assert_eq!(again.code, Some(1), "{}", again.stdout);
    let piped = place
        .run_with_stdin(["infer", "-", "--name", "fruit"], text.clone().into_bytes())
        .await;
    let below = |text: &str| text.split_once("\nspec = 1").unwrap().1.to_owned();
    assert_eq!(below(&piped.stdout), below(&spec), "{}", piped.stderr);
    // Decided, it loads everything.
    let choice = "#   either: ";
    let chosen = spec.lines().find_map(|line| line.strip_prefix(choice));
    let lines = spec
        .lines()
        .map(|line| match line.contains("undecided = ") {
            true => chosen.unwrap(),
            false => line,
        });
    place.write("fruit.toml", lines.collect::<Vec<_>>().join("\n"));
    let job = job(&place, &["run", "fruit.toml", "fruit.csv"]).await;
    assert_eq!(
        (job.verdict().as_str(), job.stats.loaded),
        ("completed 0", 30)
    );
}
