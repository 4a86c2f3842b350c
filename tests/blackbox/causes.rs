//! What `check` says of rejects: their causes, and changes of the spec of which each does what is said of it.

use serde_json::{Value, json};
use testbed::process::{Ended, Sluicegate};
use toml::Table;

use crate::job::place;
use crate::people::left_behind;

/// A change that is expected: where, what, how many rejects and how many problems it removes.
type Expected = (&'static str, &'static str, u64, u64);

fn told(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// The spec of one format and its fields, which sets no limit to rejects.
fn spec_of(format: &str, fields: &str) -> Table {
    let text = format!(
        "spec = 1\nname = \"till\"\n[format.{format}]\n[fields]\n{fields}\n\
         [errors]\non_breach = \"continue\"\n[sink.mongodb]\ncollection = \"till\"\n"
    );
    text.parse().unwrap()
}

/// The spec as a suggestion would have it.
fn changed(spec: &Table, suggestion: &Value) -> Table {
    let mut spec = spec.clone();
    let words = suggestion["change"].as_str().unwrap();
    let words: Table = format!("to = {{ {words} }}").parse().unwrap();
    let mut at = &mut spec;
    for name in suggestion["at"].as_str().unwrap().split('.') {
        let inside = at.entry(name).or_insert_with(|| Table::new().into());
        at = inside.as_table_mut().unwrap();
    }
    at.extend(words["to"].as_table().unwrap().clone());
    spec
}

async fn check(place: &Sluicegate, spec: &Table) -> Value {
    place.write("till.toml", spec.to_string());
    told(
        &place
            .run(["check", "till.toml", "till.csv", "--json"])
            .await,
    )
}

/// Checks `input`; every suggestion must do what it says, and those that are `expected` must be among them.
async fn helps(format: &str, fields: &str, input: &[u8], expected: &[Expected]) {
    let place = place();
    place.write("till.csv", input);
    let spec = spec_of(format, fields);
    let before = check(&place, &spec).await;
    let rejected = |job: &Value| job["stats"]["rejected"].as_u64().unwrap();
    let suggestions = before["suggestions"].as_array().unwrap();
    for suggestion in suggestions {
        let after = check(&place, &changed(&spec, suggestion)).await;
        let removes = rejected(&before) - rejected(&after);
        assert_eq!(suggestion["removes"], json!(removes), "{suggestion}");
        assert!(
            after["stats"]["loaded"].as_u64() >= before["stats"]["loaded"].as_u64(),
            "{suggestion}: {after}"
        );
    }
    let found: Vec<_> = suggestions
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            let count = |key: &str| one[key].as_u64().unwrap();
            (
                text("at"),
                text("change"),
                count("removes"),
                count("fewerProblems"),
            )
        })
        .collect();
    for one in expected {
        assert!(found.contains(one), "{one:?} is not among {found:#?}");
    }
    if expected.is_empty() {
        assert!(found.is_empty(), "{found:#?}");
    }
    assert!(left_behind(&place).is_empty());
}

#[tokio::test]
async fn rejects_are_grouped_by_code_field_and_shape_of_their_value() {
    let place = place();
    let mut spec = spec_of(
        "csv",
        "n = { type = \"integer\" }\nb = { type = \"boolean\" }",
    );
    spec.remove("errors");
    place.write("till.toml", spec.to_string());
    place.write(
        "till.csv",
        "n,b\n1,true\nn/a,true\nn/a,true\nn/a,maybe\n5-6,1\n7-8,0\n9\n",
    );
    let ended = place
        .run(["check", "till.toml", "till.csv", "--json"])
        .await;
    let job = told(&ended);
    // The verdict is the run's, and the causes are those of all records behind the one that a run is held at.
    let run = place
        .run(["run", "till.toml", "till.csv", "--json", "--sink", "null"])
        .await;
    assert_eq!(
        (ended.code, &job["state"], &job["stats"], &job["failure"]),
        (
            Some(4),
            &json!("held"),
            &told(&run)["stats"],
            &told(&run)["failure"]
        )
    );
    let causes: Vec<_> = job["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| {
            json!([
                cause["code"],
                cause["field"],
                cause["shape"],
                cause["records"],
                cause["alone"]
            ])
        })
        .collect();
    assert_eq!(
        causes,
        [
            json!(["type", "n", "a/a", 3, 2]),
            json!(["type", "n", "9-9", 2, 2]),
            json!(["cell_count", null, null, 1, 1]),
            json!(["type", "b", "a", 1, 0]),
        ]
    );
    assert_eq!(
        job["causes"][0]["samples"][0],
        json!({ "record": 2, "line": 3, "message": "\"n/a\" is no integer" })
    );
    // For a person, the same behind the summary.
    let text = place.run(["check", "till.toml", "till.csv"]).await.stdout;
    assert!(
        text.contains("3  type n like \"a/a\", 2 of them with nothing else wrong")
            && text.contains(
                "2  fewer rejects, 3 fewer problems: n = { …, missing_values = [\"n/a\"] }"
            ),
        "{text}"
    );
}

#[tokio::test]
async fn a_change_of_a_field_removes_as_many_rejects_as_it_says() {
    let integer = "n = { type = \"integer\" }\nm = {}";
    helps(
        "csv",
        integer,
        b"n,m\nn/a,\nn/a,\n \"1\",\n 7 ,\n-,\n",
        &[
            ("fields.n", "missing_values = [\"-\", \"n/a\"]", 3, 3),
            ("fields.n", "transform = [\"trim\"]", 1, 1),
        ],
    )
    .await;
    helps(
        "csv",
        "n = { type = \"decimal\" }",
        "n\n\"1.234,50\"\n\"2.234,50\"\n3 €\n4 €\n5-\n".as_bytes(),
        &[
            ("fields.n", "decimal_char = \",\", group_char = \".\"", 2, 2),
            ("fields.n", "strip = [\"€\", \" \"]", 2, 2),
            ("fields.n", "negative = \"trailing\"", 1, 1),
        ],
    )
    .await;
    helps(
        "csv",
        "d = { type = \"date\" }\nb = { type = \"boolean\" }\ne = { enum = [\"open\", \"paid\"] }",
        b"d,b,e\n24.12.2026,1,open\n25.12.2026,yes,paid\n2026-12-24,0,Open\n2026-12-24,no,PAID\n",
        &[
            ("fields.d", "format = [\"%Y-%m-%d\", \"%d.%m.%Y\"]", 1, 2),
            (
                "fields.b",
                "true_values = [\"true\", \"1\", \"yes\"], false_values = [\"false\", \"0\", \"no\"]",
                0,
                2,
            ),
            ("fields.e", "transform = [\"lowercase\"]", 1, 2),
        ],
    )
    .await;
    helps(
        "csv",
        "c = { pattern = '[A-Z]{2}\\d+' }\nl = { max_length = 3, required = true, missing_values = [\"\"] }\nn = { type = \"integer\", maximum = 10 }",
        b"c,l,n\nde1,abc,1\nde2,abc,1\n17,abc,1\nDE1,abcde,1\nDE1,,1\nDE1,abc,12\n",
        &[
            ("fields.c", "transform = [\"uppercase\"]", 2, 2),
            ("fields.c", "pattern = \"(?:[A-Z]{2}\\\\d+)|(?:[0-9]+)\"", 1, 1),
            ("fields.l", "max_length = 5", 1, 1),
            ("fields.l", "required = false", 1, 1),
            ("fields.n", "maximum = 12", 1, 1),
        ],
    )
    .await;
    helps(
        "jsonl",
        "n = { type = \"integer\" }\nt = {}",
        b"{\"n\":\"1\",\"t\":\"a\"}\n{\"n\":2,\"t\":7}\n",
        &[
            ("fields.n", "lax = true", 1, 1),
            ("fields.t", "lax = true", 1, 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_change_of_how_the_file_is_read_removes_as_many_rejects_as_it_says() {
    helps(
        "csv",
        "a = {}\nb = {}",
        b"a,b\n# made by hand\nM\xfcller,1\nx,2\n",
        &[
            ("input", "encoding = \"windows-1252\"", 1, 1),
            ("format.csv", "comment_char = \"#\"", 1, 1),
        ],
    )
    .await;
    helps(
        "csv",
        "a = {}\nb = {}",
        b"a,b\n\"1\\\",2\",3\nx,2\n",
        &[("format.csv", "escape_char = \"\\\\\"", 1, 1)],
    )
    .await;
}

#[tokio::test]
async fn what_is_ambiguous_is_not_suggested() {
    // Day or month first, a word that nobody knows, numbers that are no numbers.
    helps(
        "csv",
        "d = { type = \"date\" }\nb = { type = \"boolean\" }\nn = { type = \"integer\" }",
        b"d,b,n\n03/04/2026,1,1\n2026-04-03,x,1\n2026-04-03,1,one\n",
        &[],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_read_with_what_is_suggested() {
    let place = place();
    place.write("till.csv", "a;b\n1;2\nx;2\n");
    let spec = spec_of("csv", "a = { type = \"integer\", required = true }\nb = {}");
    let before = check(&place, &spec).await;
    assert_eq!(before["state"], "failed");
    let suggestion = &before["suggestions"][0];
    assert_eq!(
        (
            &suggestion["change"],
            &suggestion["removes"],
            &suggestion["rejects"],
            &suggestion["records"]
        ),
        (
            &json!("delimiter = \";\""),
            &Value::Null,
            &json!(1),
            &json!(2)
        ),
        "{before}"
    );
    let after = check(&place, &changed(&spec, suggestion)).await;
    assert_eq!(
        (&after["state"], &after["stats"]["rejected"]),
        (&json!("completed"), &json!(1))
    );
}

#[tokio::test]
async fn standard_input_has_causes_and_no_suggestions() {
    let place = place();
    let spec = spec_of("csv", "n = { type = \"integer\" }");
    place.write("till.toml", spec.to_string());
    let ended = place
        .run_with_stdin(
            ["check", "till.toml", "-", "--json"],
            b"n\nn/a\n1\n".to_vec(),
        )
        .await;
    let job = told(&ended);
    assert_eq!(
        (&job["causes"][0]["records"], &job["suggestions"]),
        (&json!(1), &json!([])),
        "{job}"
    );
}

/// A column `f` with 300 rows: the first 240 are `good`, the others are `odd` in turn.
fn rows(good: &str, odd: &[&str]) -> Vec<u8> {
    let good = std::iter::repeat_n(good, 240);
    let odd = odd.iter().copied().cycle().take(60);
    let rows: Vec<_> = good.chain(odd).map(|cell| format!("\"{cell}\"")).collect();
    format!("f\n{}\n", rows.join("\n")).into_bytes()
}

/// Checks that column; the changes told must be the `expected`, in their order, and remove so many rejects each.
async fn only_helps(field: &str, input: &[u8], expected: &[(&str, u64)]) {
    let place = place();
    place.write("till.csv", input);
    let job = check(&place, &spec_of("csv", field)).await;
    let found = job["suggestions"].as_array().unwrap().iter();
    let found: Vec<_> = found
        .map(|one| {
            (
                one["change"].as_str().unwrap(),
                one["removes"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(found, expected, "{field}");
}

#[tokio::test]
async fn null_is_suggested_for_what_stands_for_nothing_only_and_behind_all_else() {
    let boolean = "f = { type = \"boolean\" }";
    let truths = |yes: &str, no: &str| {
        format!(
            "true_values = [\"true\", \"1\", \"{yes}\"], false_values = [\"false\", \"0\", \"{no}\"]"
        )
    };
    only_helps(
        boolean,
        &rows("1", &["ja", "nein"]),
        &[(&truths("ja", "nein"), 60)],
    )
    .await;
    only_helps(
        boolean,
        &rows("1", &["yes", "no"]),
        &[(&truths("yes", "no"), 60)],
    )
    .await;
    only_helps(
        boolean,
        &rows("1", &["none", "x", "y"]),
        &[("missing_values = [\"none\"]", 20)],
    )
    .await;
    only_helps(
        boolean,
        &rows("1", &["ja", "nein", "none", "N/A", "-", "k.A."]),
        &[
            (&truths("ja", "nein"), 20),
            ("missing_values = [\"-\", \"N/A\", \"k.A.\", \"none\"]", 40),
        ],
    )
    .await;
    // Where it is a word of the spec in another case, it is that.
    only_helps(
        "f = { enum = [\"none\", \"some\"] }",
        &rows("some", &["None"]),
        &[("transform = [\"lowercase\"]", 60)],
    )
    .await;
}

#[tokio::test]
async fn the_iso_form_is_suggested_beside_another_format() {
    only_helps(
        "f = { type = \"date\", format = \"%d.%m.%Y\" }",
        &rows("24.12.2026", &["2026-11-01"]),
        &[("format = [\"%d.%m.%Y\", \"%Y-%m-%d\"]", 60)],
    )
    .await;
    let datetime =
        "f = { type = \"datetime\", format = \"%d.%m.%Y %H:%M\", timezone = \"Europe/Berlin\" }";
    for (odd, format) in [
        ("2026-01-01T10:00:00Z", "%Y-%m-%dT%H:%M:%S%z"),
        ("2026-01-01T10:00:00.25+01:00", "%Y-%m-%dT%H:%M:%S%.f%z"),
        ("2026-01-01 10:00:00", "%Y-%m-%d %H:%M:%S"),
    ] {
        let change = format!("format = [\"%d.%m.%Y %H:%M\", \"{format}\"]");
        only_helps(
            datetime,
            &rows("24.12.2026 10:00", &[odd]),
            &[(&change, 60)],
        )
        .await;
    }
    for (odd, format) in [("13:30", "%H:%M"), ("13:30:10", "%H:%M:%S")] {
        let change = format!("format = [\"%I:%M %p\", \"{format}\"]");
        let time = "f = { type = \"time\", format = \"%I:%M %p\" }";
        only_helps(time, &rows("01:30 PM", &[odd]), &[(&change, 60)]).await;
    }
}

#[tokio::test]
async fn the_words_of_a_table_are_suggested_in_another_case() {
    only_helps(
        "f = { lookup = { values = { A = \"active\", I = \"inactive\" } } }",
        &rows("A", &["a"]),
        &[("transform = [\"uppercase\"]", 60)],
    )
    .await;
    // A table beside the spec too.
    let place = place();
    place.write("states.csv", "code,name\nA,active\nI,inactive\n");
    place.write("till.csv", rows("A", &["i"]));
    let lookup = "{ file = \"states.csv\", key = \"code\", value = \"name\" }";
    let job = check(
        &place,
        &spec_of("csv", &format!("f = {{ lookup = {lookup} }}")),
    )
    .await;
    assert_eq!(
        (
            &job["suggestions"][0]["change"],
            &job["suggestions"][0]["removes"]
        ),
        (&json!("transform = [\"uppercase\"]"), &json!(60)),
        "{job}"
    );
}

#[tokio::test]
async fn each_effect_is_suggested_once_and_no_pattern_without_its_lengths() {
    let odd = ["12,50 €", "7 €", "1.312,50 €"];
    for marks in [
        "decimal_char = \",\"",
        "decimal_char = \",\", group_char = \".\"",
    ] {
        let field = format!("f = {{ type = \"decimal\", {marks} }}");
        let place = crate::job::place();
        place.write("till.csv", rows("3,50", &odd[..2]));
        let job = check(&place, &spec_of("csv", &field)).await;
        let told = job["suggestions"].as_array().unwrap().iter();
        let told: Vec<_> = told.map(|one| one["change"].as_str().unwrap()).collect();
        assert_eq!(told, ["strip = [\"€\", \" \"]"], "{job}");
    }
    // What is stripped already stays so.
    only_helps(
        "f = { type = \"decimal\", decimal_char = \",\", group_char = \".\", strip = [\"EUR\"] }",
        &rows("3EUR", &odd),
        &[("strip = [\"EUR\", \"€\", \" \"]", 60)],
    )
    .await;
    only_helps(
        "f = { pattern = '\\+\\d{8,12}' }",
        &rows("+4930123456", &["+49 30 123-456"]),
        &[],
    )
    .await;
}
