//! What is wrong with a text, found where it is: one line per case, on a small spec language of the tests' own.
//! Never touches the real language.

mod any_text;
mod broken;
mod planted;
mod shown;
mod types;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::spec::{ByteSize, Millis};

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Toy {
    name: Option<String>,
    version: Option<u32>,
    input: Option<Input>,
    format: Option<Format>,
    fields: BTreeMap<String, Field>,
    steps: Vec<Step>,
    pair: Option<(i64, i64)>,
    strict: Option<Strict>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    max_bytes: Option<ByteSize>,
    pause: Option<Millis>,
    compression: Option<Compression>,
    #[serde(rename = "match")]
    patterns: Vec<String>,
    ratio: Option<f64>,
    lax: Option<bool>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Compression {
    None,
    Gzip,
    Auto,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Format {
    Csv(Csv),
    Jsonl(Jsonl),
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Csv {
    delimiter: Option<char>,
    header: Option<Header>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Header {
    rows: Option<u8>,
    find_within: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Jsonl {}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Field {
    from: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    transform: Vec<Transform>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Transform {
    Trim,
    Replace(String, String),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    Drop {
        name: Option<String>,
        when: Option<String>,
    },
    Derive {
        field: Option<String>,
        expr: Option<String>,
    },
}

/// With a key that serde itself requires.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    must: i64,
}

/// Every problem as `line:column code message / hint`, one per line.
fn found(problems: &Problems) -> Vec<String> {
    let line = |problem: &Problem| {
        let place = problem.place.clone().expect("every problem has its place");
        let hint = problem.hint.as_deref().unwrap_or("-");
        format!(
            "{}:{} {} {} / {hint}",
            place.line, place.column, problem.code, problem.message
        )
    };
    problems.iter().map(line).collect()
}

/// Reads `text` and expects these problems and no others: each `line:column code` with the beginning of its
/// message, and after ` / ` a part of its hint.
#[track_caller]
fn check(text: &str, expected: &[&str]) -> Toy {
    let (toy, problems) = read::<Toy>("toy.toml", text);
    let found = found(&problems);
    let matches = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let (start, hint) = expected.split_once(" / ").unwrap_or((expected, ""));
            found.starts_with(start) && found.split_once(" / ").is_some_and(|f| f.1.contains(hint))
        });
    assert!(
        matches,
        "{text}\nfound:\n{}\nexpected:\n{}",
        found.join("\n"),
        expected.join("\n")
    );
    toy
}

#[test]
fn a_good_text_is_read_without_a_word() {
    let toy = check(GOOD, &[]);
    assert_eq!(toy.name.as_deref(), Some("orders"));
    assert_eq!(
        toy.input.unwrap().max_bytes.unwrap().bytes(),
        200_000_000_000
    );
    assert_eq!(toy.steps.len(), 2);
    assert_eq!(toy.fields["total"].transform.len(), 2);
    check("", &[]);
    check("\u{feff}name = 'x'\r\n", &[]);
}

#[test]
fn unknown_keys() {
    check(
        "nmae = 1",
        &["1:1 unknown_key unknown key `nmae` / did you mean `name`?"],
    );
    check(
        "[input]\nMax-Bytes = 1",
        &["2:1 unknown_key unknown / did you mean `max_bytes`?"],
    );
    check(
        "[format.csv]\ndelim = ';'",
        &["2:1 unknown_key unknown / did you mean `delimiter`?"],
    );
    check(
        "[format.csv]\nzzz = ';'",
        &["2:1 unknown_key unknown / known keys: `delimiter`, `header`"],
    );
    check(
        "[format.jsonl]\nzzz = 1",
        &["2:1 unknown_key unknown / no key is known here"],
    );
    check(
        "format.csv.header = { rows = 1, row = 2 }",
        &["1:33 unknown_key unknown key `row` / `rows`"],
    );
    check(
        "format.csv.heder.rows = 1",
        &["1:12 unknown_key unknown key `heder` / `header`"],
    );
    check(
        "[fields]\na = { form = 'x', typ = 'y' }",
        &["2:7 unknown_key", "2:19 unknown_key"],
    );
    check(
        "[[steps]]\ndrop = { nam = 'x' }\n[[steps]]\ndrop = { wehn = 'x' }",
        &["2:10 unknown_key", "4:10 unknown_key"],
    );
    check(
        "[inptu]\nx = 1\ny = 2",
        &["1:2 unknown_key unknown key `inptu` / `input`"],
    );
}

#[test]
fn choices() {
    check(
        "[format.cvs]\ndelimiter = 1",
        &["1:9 unknown_choice unknown choice `cvs` / did you mean `csv`?"],
    );
    check(
        "[format.edifact]",
        &["1:9 unknown_choice unknown / one of `csv`, `jsonl`"],
    );
    check(
        "[format.csv]\n[format.jsonl]",
        &["2:9 second_choice `jsonl` beside `csv`: exactly one of `csv`, `jsonl` / remove"],
    );
    check(
        "[format.jsonl]\n[format.csv]",
        &["2:9 second_choice `csv` beside `jsonl`"],
    );
    check(
        "[format]\n",
        &["1:2 missing_choice expected exactly one of `csv`, `jsonl`"],
    );
    check(
        "format = 'csv'",
        &["1:10 wrong_type expected a table with the settings of `csv`, found a string"],
    );
    check(
        "format = 3",
        &["1:10 wrong_type expected one of `csv`, `jsonl`, found a whole number"],
    );
    check(
        "[input]\ncompression = 'gzp'",
        &["2:15 unknown_choice unknown choice `gzp` / `gzip`"],
    );
    check("[input]\ncompression.auto = {}", &[]);
    check(
        "[input]\ncompression = { auto = 3 }",
        &["2:24 bad_value this choice takes no settings"],
    );
    check(
        "[[steps]]\ndrop = {}\nname = 'x'",
        &["3:1 unknown_choice unknown choice `name`"],
    );
    check(
        "[fields.a]\ntransform = ['trim', 'tirm', { replace = ['a', 'b'] }]",
        &["2:22 unknown_choice unknown choice `tirm` / `trim`"],
    );
}

#[test]
fn wrong_types() {
    check(
        "version = 'x'",
        &["1:11 wrong_type expected a whole number from 0 to 4294967295, found a string"],
    );
    check(
        "version = '3'",
        &["1:11 wrong_type expected a whole number / write 3 without quotes"],
    );
    check(
        "name = 3",
        &["1:8 wrong_type expected a string, found a whole number / write \"3\""],
    );
    check(
        "name = 2026-04-03",
        &["1:8 wrong_type expected a string, found a date or time / write \"2026-04-03\""],
    );
    check(
        "input = 3",
        &["1:9 wrong_type expected a table, found a whole number"],
    );
    check(
        "[[input]]\nx = 1",
        &["1:1 wrong_type expected a table, found an array"],
    );
    check(
        "steps = { a = 1 }",
        &["1:9 wrong_type expected an array, found a table"],
    );
    check(
        "[input]\nlax = 'true'\nratio = true\nmatch = ['a', 3]",
        &[
            "2:7 wrong_type expected true or false, found a string / write true without",
            "3:9 wrong_type expected a number, found true",
            "4:15 wrong_type expected a string, found a whole number",
        ],
    );
    check(
        "pair = [1, 'x']",
        &["1:12 wrong_type expected a whole number, found a string"],
    );
    check(
        "[fields.a]\ntransform = [{ replace = ['a', 3] }]",
        &["2:32 wrong_type expected a string"],
    );
}

#[test]
fn bad_values() {
    check(
        "[input]\nmax_bytes = '200GBx'\npause = '5'",
        &[
            "2:13 bad_value `200GBx` is no size",
            "3:9 bad_value `5` is no length of time",
        ],
    );
    check(
        "[input]\nmax_bytes = -1",
        &["2:13 bad_value a size is not negative"],
    );
    check(
        "[input]\nmax_bytes = true",
        &["2:13 wrong_type expected a size like \"1MiB\" or a whole number of bytes, found true"],
    );
    check(
        "format.csv.header.rows = 300",
        &["1:26 bad_value expected a whole number from 0 to 255, found 300"],
    );
    check(
        "version = -1",
        &["1:11 bad_value expected a whole number from 0 to 4294967295, found -1"],
    );
    check(
        "version = 99999999999999999999",
        &["1:11 bad_value this number does not fit"],
    );
    check(
        "[input]\nratio = 1e999",
        &["2:9 bad_value this number does not fit"],
    );
    check(
        "[format.csv]\ndelimiter = ';;'",
        &["2:13 bad_value expected a character, found \";;\""],
    );
    check(
        "pair = [1, 2, 3]",
        &["1:8 bad_value expected an array, found 3 values"],
    );
    check("[strict]", &["1:2 missing_key `must` is missing"]);
}

#[test]
fn what_was_pruned_is_not_missing() {
    check(
        "[strict]\nmust = 'x'",
        &["2:8 wrong_type expected a whole number"],
    );
    check("[strict]\nmust = ", &["2:8 syntax a value is missing here"]);
    let (toy, mut problems) = read::<Toy>(
        "t",
        "version = 'x'\n[fields.a]\nfrom = 3\n[format.cvs]\n[[steps]]\nbad = 1\n[[steps]]\ndrop = {}\n[input]\nmatch ~ 3\n",
    );
    assert_eq!(problems.len(), 5);
    assert_eq!(toy.steps.len(), 1);
    for told in [
        "version",
        "version.x",
        "fields.a.from",
        "format",
        "format.csv.delimiter",
        "input.match",
    ] {
        problems.push(Problem::new(told, "missing_key", "told already"));
    }
    assert_eq!(problems.len(), 5);
    assert!(problems.source().was_pruned("fields.a.from"));
    assert!(!problems.source().was_pruned("fields.a.type"));
    // The only step that was read is the second in the text.
    problems.push(Problem::new(
        "steps[0].drop.when",
        "missing_key",
        "`when` is missing",
    ));
    let last = problems
        .iter()
        .find(|p| p.code == "missing_key")
        .unwrap()
        .clone();
    assert_eq!(last.path, "steps[1].drop.when");
    assert_eq!(last.place.unwrap().line, 8);
}

/// A text that uses every part of the toy language.
pub(super) const GOOD: &str = r#"name = "orders"
version = 3
pair = [1, -2]

[input]
max_bytes = "200GB"
pause = "250ms"
compression = "auto"
match = ["a-*.csv", 'b-*.csv']
ratio = 0.5
lax = true

[format.csv]
delimiter = ";"
header = { rows = 1, find_within = 50 }

[fields]
id = { from = "Größe 📦", type = "string" }
"total amount" = { from = '''
Betrag''' }
[fields.total]
from = "Betrag"
transform = ["trim", { replace = ["a", "b"] }]

[[steps]]
drop = { name = "unsent", when = "status == 'new'" }
[[steps]]
derive.field = "day"
derive.expr = "date(ordered_at)"

[strict]
must = 1
"#;
