//! Whole files: what is inferred of them, and that the spec loads them as it foretells.

use super::infer;
use crate::open::{Opening, open};
use crate::plan::{Defaults, Plan};
use crate::source::memory::MemoryOrigin;
use crate::spec::Problems;
use pipeline::Accepted;
use std::path::Path;

/// How the fields that are undecided may be decided: each by its first choice, or each by its last.
#[derive(Clone, Copy, Debug)]
enum By {
    First,
    Last,
}

/// The spec with every undecided field decided.
fn decided(spec: &str, by: By) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut open: Option<usize> = None;
    for line in spec.lines() {
        let choice = line.strip_prefix(super::write::CHOICE);
        match (choice, open) {
            (Some(choice), Some(at)) => {
                lines[at] = choice.to_owned();
                if matches!(by, By::First) {
                    open = None;
                }
            }
            (Some(_), None) => {}
            (None, _) => {
                open = line.contains("undecided = \"").then_some(lines.len());
                lines.push(line.to_owned());
            }
        }
    }
    lines.join("\n") + "\n"
}

fn codes(problems: &Problems) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.code).collect()
}

/// How many records and rejects a run of `spec` finds.
async fn run(spec: &str, origin: &MemoryOrigin) -> (usize, usize) {
    let plan = Plan::read("inferred", spec, Defaults::default())
        .unwrap_or_else(|problems| panic!("{}\n{spec}", problems.render(false)));
    let opened = match open(&plan, origin, None, &Accepted::default()).await {
        Ok(Opening::Ready(opened)) => opened,
        Ok(Opening::Held(breach, _)) => panic!("held: {}\n{spec}", breach.message),
        Err(fatal) => panic!("{fatal}\n{spec}"),
    };
    let (shown, fatal) = opened.preview(&plan, usize::MAX).await;
    assert!(fatal.is_none(), "{fatal:?}");
    let rejected = |shown: &&crate::open::Shown| {
        let last = shown.stages.last();
        last.is_some_and(|(stage, _)| stage == "rejected")
    };
    if let Some(bad) = shown.iter().find(rejected) {
        println!("{:?}", bad.stages);
    }
    (shown.len(), shown.iter().filter(rejected).count())
}

/// Infers, and holds the spec to what it says of itself. Rejects of values that a choice foretells may come on top.
async fn keeps_its_word(name: &str, bytes: Vec<u8>) -> String {
    let origin = MemoryOrigin::new(name, bytes);
    let inferred = infer(&origin, name).await.unwrap();
    match Plan::read("inferred", &inferred.spec, Defaults::default()) {
        Ok(_) => assert!(inferred.undecided.is_empty(), "{}", inferred.spec),
        Err(problems) => {
            let undecided = vec!["undecided"; inferred.undecided.len()];
            let shown = problems.render(false);
            assert_eq!(codes(&problems), undecided, "{shown}\n{}", inferred.spec);
        }
    }
    for by in [By::First, By::Last] {
        let spec = decided(&inferred.spec, by);
        let (records, rejects) = run(&spec, &origin).await;
        assert_eq!(records as u64, inferred.records, "{name} {by:?}\n{spec}");
        let on_top: usize = match by {
            By::Last if !spec.contains("# rejects ") => 0,
            By::First | By::Last => usize::MAX,
        };
        let foretold = inferred.rejects as usize;
        let within = foretold..=foretold.saturating_add(on_top);
        assert!(
            within.contains(&rejects),
            "{name} {by:?}: {rejects} rejects\n{spec}"
        );
    }
    inferred.spec
}

async fn spec_of(text: &str) -> String {
    keeps_its_word("sample.csv", text.as_bytes().to_vec()).await
}

/// The line of a field, without the comment before it.
fn field<'s>(spec: &'s str, name: &str) -> &'s str {
    let start = format!("{name} = {{ ");
    spec.lines()
        .find(|line| line.starts_with(&start))
        .unwrap_or_else(|| panic!("no field {name} in\n{spec}"))
}

/// A column of `values` below the title `x`, beside one that says nothing.
async fn column(values: &[&str]) -> String {
    let rows: String = values
        .iter()
        .map(|value| format!("{value};word\n"))
        .collect();
    let spec = spec_of(&format!("x;y\n{rows}")).await;
    let line = field(&spec, "x");
    let line = line.trim_start_matches("x = { ").trim_end_matches(" }");
    line.to_owned()
}

#[tokio::test]
async fn what_is_clear_is_typed() {
    for (values, expected) in [
        (
            &["1", "-2", "30"][..],
            r#"type = "integer", required = true"#,
        ),
        (&["1.50", "2"], r#"type = "decimal", required = true"#),
        (
            &["1,50", "2"],
            r#"type = "decimal", decimal_char = ",", required = true"#,
        ),
        (
            &["1.234,50", "2.000"],
            r#"type = "decimal", decimal_char = ",", group_char = ".", required = true"#,
        ),
        (
            &["1,234.50"],
            r#"type = "decimal", group_char = ",", required = true"#,
        ),
        (&["2026-04-03"], r#"type = "date", required = true"#),
        (
            &["03/04/2026", "25/12/2026"],
            r#"type = "date", format = "%d/%m/%Y", required = true"#,
        ),
        (
            &["03/04/2026", "12/25/2026"],
            r#"type = "date", format = "%m/%d/%Y", required = true"#,
        ),
        (
            &["03.04.2026", "25.12.2026"],
            r#"type = "date", format = "%d.%m.%Y", required = true"#,
        ),
        (
            &["2026-04-03T09:00:00Z"],
            r#"type = "datetime", required = true"#,
        ),
        (&["true", "false"], r#"type = "boolean", required = true"#),
        (
            &["True", "FALSE"],
            r#"type = "boolean", true_values = ["True"], false_values = ["FALSE"], required = true"#,
        ),
        (
            &["0190b2a4-6d40-7def-842b-b3b479d0a5a3"],
            r#"type = "uuid", required = true"#,
        ),
        (&["a@b.example"], r#"type = "email", required = true"#),
        (
            &["1", "", "NULL"],
            r#"type = "integer", missing_values = ["", "NULL"]"#,
        ),
        (
            &["1", " 2 ", " "],
            r#"type = "integer", transform = ["trim"], missing_values = [""]"#,
        ),
    ] {
        assert_eq!(column(values).await, expected, "{values:?}");
    }
}

#[tokio::test]
async fn what_would_lose_something_stays_text() {
    for values in [
        &["007", "12"][..],
        &["1234567890123456", "1"],
        &["+4930123", "1"],
        &["12.50", "12,50", "1"],
        &["abc", "1"],
        &["99/99/2026"],
    ] {
        assert_eq!(
            column(values).await,
            r#"type = "string", required = true"#,
            "{values:?}"
        );
    }
    assert_eq!(column(&["abc", "", "n/a"]).await, r#"type = "string""#);
}

#[tokio::test]
async fn what_is_ambiguous_is_left_to_a_person() {
    for (values, words) in [
        (&["03/04/2026", "01/02/2026"][..], "%m/%d/%Y"),
        (&["03.04.26", "01.02.26"], "%y.%m.%d"),
        (&["25-12-26"], "%y-%m-%d"),
        (&["1E0", "2E1"], "digits with an exponent"),
        (&["Y", "N"], r#"true_values = [\"Y\"]"#),
        (&["1", "0"], "1"),
        (&["1.234", "5.678"], "decimal_char"),
        (&["20260403", "20251231"], "%Y%m%d"),
        (&["2026-04-03 09:00:00"], "zone"),
    ] {
        let line = column(values).await;
        assert!(
            line.starts_with(r#"type = "string""#) && line.contains("undecided = "),
            "{values:?}: {line}"
        );
        assert!(line.contains(words), "{values:?}: {line}");
    }
}

#[tokio::test]
async fn what_is_suggested_takes_every_value_of_the_file() {
    let few = "A;x\nB;x\n;x\nNULL;x\n A;x\n".repeat(5);
    let codes: String = (10..40).map(|n| format!("K-{n};x\n")).collect();
    for (rows, line) in [
        (
            few,
            r#"transform = ["trim"], enum = ["A", "B", "", "NULL"]"#,
        ),
        (
            format!("{codes}n/a;x\n"),
            r#"missing_values = ["n/a"], pattern = '[A-Z]-\d{2}'"#,
        ),
    ] {
        let input = format!("x;y\n{rows}");
        let spec = spec_of(&input).await;
        assert!(spec.contains(line), "{spec}");
        let taken = format!("x = {{ type = \"string\", {line} }}");
        let spec = spec.replace(field(&spec, "x"), &taken);
        let origin = MemoryOrigin::new("x.csv", input.clone().into_bytes());
        let records = input.lines().count() - 1;
        assert_eq!(run(&spec, &origin).await, (records, 0), "{spec}");
    }
}

#[tokio::test]
async fn what_a_moment_loses_is_told() {
    let rows = "2026-04-03T09:00:00.123Z;a\n".repeat(30);
    let spec = spec_of(&format!("x;y\n{rows}")).await;
    assert!(!spec.contains("finer"), "{spec}");
    let finer = "2026-04-03T09:00:00.1234Z";
    let spec = spec_of(&format!("x;y\n{rows}{finer};a\n")).await;
    let said = format!("finer than a millisecond is cut off: \"{finer}\" in record 31 (line 32)");
    assert!(
        spec.contains(&said) && !spec.contains("certain: 31"),
        "{spec}"
    );
}

#[tokio::test]
async fn keys_that_are_long_or_hold_control_characters_are_paths_or_told() {
    let long = "k".repeat(1025);
    let text = format!("{{\"a\":{{\"b\\n\":1,\"c'\":2}},\"{long}\":1}}\n");
    let spec = keeps_its_word("x.jsonl", text.into_bytes()).await;
    for path in [r#"from = "$.a[\"b\\n\"]""#, r#"from = "$.a['c\\'']""#] {
        assert!(spec.contains(path), "{path}: {spec}");
    }
    assert!(!spec.contains(&long), "{spec}");
    let told = "# Keys of more than 1024 bytes are not looked at; there are 1 in all records.";
    assert!(spec.contains(told), "{spec}");
    let text = "{\n\"da\\tta\":[\n{\"x\":1}]}".to_owned();
    let spec = keeps_its_word("x.json", text.into_bytes()).await;
    assert!(
        spec.contains(r#"record_path = "$[\"da\\tta\"][*]""#),
        "{spec}"
    );
}

#[tokio::test]
async fn a_row_that_decides_is_named() {
    let spec = spec_of("x;y\n03/04/2026;a\n25/12/2026;b\n").await;
    let said = r#""25/12/2026" in record 2 (line 3) decides against %m/%d/%Y"#;
    assert!(spec.contains(said), "{spec}");
}

#[tokio::test]
async fn a_column_that_is_nearly_of_a_type_is_for_a_person() {
    let mut rows: String = (1..=60).map(|number| format!("{number};a\n")).collect();
    rows.push_str("many;a\n");
    let spec = spec_of(&format!("x;y\n{rows}")).await;
    let line = field(&spec, "x");
    assert!(line.contains("60 of 61 values are whole numbers"), "{line}");
    let said = r#"# rejects 1 of 61: "many" in record 61 (line 62)"#;
    assert!(spec.contains(said), "{spec}");
}

#[tokio::test]
async fn titles_that_are_blank_doubled_or_strange_are_taken_by_number() {
    let spec = spec_of("a;A;;/x/;_id\n1;2;3;4;5\n").await;
    for (name, from) in [
        ("a", "column = 1"),
        ("a_2", "column = 2"),
        ("column_3", "column = 3"),
        ("x", "column = 4"),
        ("id_", r#"from = "_id""#),
    ] {
        assert!(field(&spec, name).contains(from), "{name}: {spec}");
    }
}

#[tokio::test]
async fn rows_of_the_wrong_shape_are_foretold() {
    let spec = spec_of("a,b\n1,2\n3\n4,5\n").await;
    assert!(spec.contains("1 records will be rejected"), "{spec}");
    assert!(spec.contains("record 2 on line 3"), "{spec}");
}

#[tokio::test]
async fn json_lines_have_their_own_kinds() {
    let text = concat!(
        r#"{"id":1,"at":"2026-04-03T09:00:00Z","ok":true,"tags":["a"],"o":{},"n":1.5,"mixed":1,"$d":"x","a.b":null}"#,
        "\n",
        r#"{"id":2,"at":"2026-04-03T09:00:00Z","ok":false,"tags":[],"o":{},"n":2,"mixed":"x","big":12345678901234567}"#,
        "\n",
        "{broken\n"
    );
    let spec = keeps_its_word("x.jsonl", text.as_bytes().to_vec()).await;
    for (name, words) in [
        ("id", r#"type = "integer", required = true"#),
        ("at", r#"type = "datetime", required = true"#),
        ("ok", r#"type = "boolean", required = true"#),
        ("tags", r#"type = "list", required = true"#),
        ("o", r#"type = "object", required = true"#),
        ("n", r#"type = "decimal", required = true"#),
        ("mixed", "undecided = "),
        ("d", r#"from = "$['$d']""#),
        ("a_b", r#"from = "a.b""#),
        ("big", "undecided = "),
    ] {
        assert!(field(&spec, name).contains(words), "{name}: {spec}");
    }
}

#[tokio::test]
async fn objects_of_json_are_fields_by_their_paths() {
    let text = concat!(
        r#"{"user":{"id":1,"na me":"x","deep":{"on":"2026-04-03"}},"m":{"a":1},"User":1,"e":{},"k":{"z":{"y":1}}}"#,
        "\n",
        r#"{"user":{"id":2,"deep":null},"m":7,"User":2,"e":{},"k":{"z":[1]}}"#,
        "\n",
    );
    let spec = keeps_its_word("x.jsonl", text.as_bytes().to_vec()).await;
    for (name, words) in [
        (
            "user_id",
            r#"from = "$.user.id", type = "integer", required = true"#,
        ),
        ("user_na_me", r#"from = "$.user['na me']", type = "string""#),
        ("user_deep_on", r#"from = "$.user.deep.on", type = "date""#),
        // Beside a number the object stays one field, for a person; so does one that is empty.
        ("m", "undecided = "),
        ("e", r#"type = "object", required = true"#),
        ("k_z", r#"from = "$.k.z", to = "k.z""#),
    ] {
        assert!(field(&spec, name).contains(words), "{name}: {spec}");
    }
    for name in ["m_a", "k_z_y", "user_deep"] {
        assert!(!spec.contains(&format!("\n{name} = {{")), "{name}: {spec}");
    }
}

#[tokio::test]
async fn an_object_with_many_keys_stays_one_field() {
    let record = |record: u32| {
        let keys = (0..30).map(|key| format!(r#""k{record}x{key}":1"#));
        format!(
            "{{\"by_day\":{{{}}}}}\n",
            keys.collect::<Vec<_>>().join(",")
        )
    };
    let text: String = (0..100).map(record).collect();
    let spec = keeps_its_word("x.jsonl", text.into_bytes()).await;
    let line = field(&spec, "by_day");
    assert!(
        line.contains(r#"type = "object", required = true"#),
        "{spec}"
    );
}

#[tokio::test]
async fn elements_and_attributes_of_xml_are_fields_by_their_paths() {
    let text = r#"<?xml version="1.0"?><c:list xmlns:c="http://c" xmlns="http://d"><c:made>today</c:made>
<c:it no="007"><price cur="EUR">1.50</price><day>2026-04-03</day><tag>a</tag><tag>b</tag><flag>Y</flag></c:it>
<c:it no="008"><price cur="USD">2.5</price><day>2026-04-04</day><tag>c</tag><flag>N</flag></c:it>
<c:it no="009"><price>3</price><day>2026-04-05</day><unclosed></c:it></c:list>"#;
    let spec = keeps_its_word("x.xml", text.as_bytes().to_vec()).await;
    for line in [
        r#"record_path = "/c:list/c:it""#,
        r#"namespaces = { c = ["http://c"], x = ["http://d"] }"#,
    ] {
        assert!(spec.contains(line), "{line}: {spec}");
    }
    for (name, words) in [
        ("no", r#"from = "@no", type = "string", required = true"#),
        (
            "price",
            r#"from = "x:price", type = "decimal", required = true"#,
        ),
        (
            "price_cur",
            r#"from = "x:price/@cur", type = "string", required = true"#,
        ),
        ("day", r#"from = "x:day", type = "date""#),
        ("tag", r#"from = "x:tag", type = "list""#),
        ("flag", "undecided = "),
    ] {
        assert!(field(&spec, name).contains(words), "{name}: {spec}");
    }
    assert!(spec.contains("# 1 records will be rejected"), "{spec}");
}

#[tokio::test]
async fn nothing_from_the_file_becomes_a_part_of_the_spec() {
    let text =
        "a\"\u{7f};\"b\n\"\"\\\"\"\";c = { }\n\"x\n[sink.null]\";\"\u{1}\u{85}\";'''\n\"y\";2;3\n";
    let spec = spec_of(text).await;
    assert!(!spec.lines().any(|line| line == "[sink.null]"), "{spec}");
}

#[tokio::test]
async fn every_sample_of_the_tree_is_inferred_and_loaded_as_foretold() {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let mut samples = 0;
    for folder in std::fs::read_dir(below).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let files = std::fs::read_dir(&folder).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        let input = files.find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("input."))
        });
        let input = input.unwrap();
        let bytes = std::fs::read(&input).unwrap();
        if folder.ends_with("catalog") {
            // Half of it is in another namespace, so a malformed record there stands around the records.
            let origin = MemoryOrigin::new("catalog.xml", bytes);
            let code = infer(&origin, "catalog")
                .await
                .err()
                .map(|fatal| fatal.code);
            assert_eq!(code, Some("xml"));
            continue;
        }
        keeps_its_word(&input.display().to_string(), bytes).await;
        samples += 1;
    }
    assert!(samples >= 5, "{samples} samples");
}
