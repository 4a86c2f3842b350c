//! What planning refuses, where it points, and that the defaults are what `defaults.toml` says.

use super::*;
use crate::spec::DEFAULTS;

const HEAD: &str = "spec = 1\nname = 'a'\n[format.csv]\n[fields]\nx = {}\n";
const SINK: &str = "[sink.null]\n";

fn read(text: &str) -> Result<Plan, Box<Problems>> {
    Plan::read("a.toml", text, Defaults::default())
}

/// Each problem as `line:column code`.
fn check(text: &str, expected: &[&str]) {
    let found = match read(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(shown).collect(),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn what_follows_from_a_problem_is_not_told_beside_it() {
    let head = "spec = 1\nname = 'a'\n[sink.null]\n";
    check(
        &format!(
            "{head}[format.json]\nrecord_path = 'x'\n[fields]\na = {{ type = 'list', items = 'string' }}\n"
        ),
        &["5:15 bad_path"],
    );
    check(
        &format!("{head}[format.csv]\n[fields]\na = {{ pattern = \"\\S+\" }}\n"),
        &["6:19 syntax"],
    );
    check(
        &format!("{head}[format.csv]\n[fields]\na = {{ type = 5 }}\n"),
        &["6:14 wrong_type"],
    );
    check(
        &format!("{head}[format.csv]\n[fields]\n"),
        &["5:1 required"],
    );
}

fn shown(problem: &Problem) -> String {
    match &problem.place {
        Some(place) => format!("{}:{} {}", place.line, place.column, problem.code),
        None => problem.code.to_owned(),
    }
}

#[test]
fn what_is_missing_is_told_all_at_once() {
    check(&format!("{HEAD}{SINK}"), &[]);
    check(
        "",
        &[
            "1:1 required",
            "1:1 required",
            "1:1 required",
            "1:1 required",
            "1:1 required",
        ],
    );
    check(
        "spec = 2\nname = 'Ä'\nversion = 0\n",
        &[
            "1:1 required",
            "1:1 required",
            "1:1 required",
            "1:8 unsupported_version",
            "2:8 bad_name",
            "3:11 bad_value",
        ],
    );
}

#[test]
fn what_makes_no_sense_is_told_at_its_place() {
    let with = |more: &str| format!("{HEAD}{more}{SINK}");
    check(&with("[errors]\nmax_ratio = 1.5\n"), &["7:13 bad_value"]);
    check(
        &with("[input]\ncompression = 'xz'\nmember = 'a'\nencoding = 'utf-7'\n"),
        &["8:10 bad_combination", "9:12 unknown_encoding"],
    );
    check(
        &with("[input]\nmember = ''\nencoding = 'x-user-defined'\n"),
        &["7:10 bad_value", "8:12 unsupported"],
    );
    check(
        &with("[input]\nmatch = ['a/b']\nmax_record_bytes = '1GiB'\n"),
        &["7:10 bad_value", "8:20 bad_value"],
    );
    check(
        &with("[[steps]]\ndrop = { name = 'd', when = 'y == 1' }\n"),
        &["7:29 bad_step"],
    );
    check(
        &with("[[steps]]\nderive = { field = 'x', type = 'string', expr = \"'y'\" }\n"),
        &["7:20 bad_step"],
    );
    check(&with("[[tests]]\ninput = ''\n"), &["6:1 required"]);
    check(
        &format!("{HEAD}[sink.mongodb]\ncollection = 'c'\nmode = 'upsert'\nkey = ['y']\n"),
        &["9:8 unknown_field"],
    );
    check(
        &format!("{HEAD}[sink.mongodb]\ncollection = 'c'\nlineage = 'x'\n"),
        &["8:11 duplicate"],
    );
    let keep = "[columns]\nunknown = 'keep'\n";
    check(
        &format!("{HEAD}{keep}[sink.csv]\npath = 'p'\n"),
        &["7:11 bad_combination"],
    );
}

#[test]
fn the_defaults_are_what_the_file_of_defaults_says() {
    let said = read(DEFAULTS).unwrap();
    let minimal = "spec = 1\nname = 'defaults'\n[format.csv]\n[fields]\nexample = {}\n\
                   [sink.mongodb]\ncollection = 'defaults'\n";
    let mut left_out = read(minimal).unwrap();
    left_out.sha256.clone_from(&said.sha256);
    assert_eq!(format!("{said:#?}"), format!("{left_out:#?}"));
}

#[test]
fn the_environment_stands_in_for_what_a_spec_does_not_say() {
    let defaults = Defaults {
        batch_records: Some(7),
        pause_ms: Some(9),
        ..Defaults::default()
    };
    let plan = |text: &str| Plan::read("a.toml", text, defaults).unwrap().sink.flow;
    let flow = plan(&format!("{HEAD}{SINK}"));
    assert_eq!((flow.batch.max_records, flow.rate.pause_ms), (7, 9));
    let flow = plan(&format!(
        "{HEAD}[sink.null]\nbatch = {{ records = 3 }}\nrate = {{ pause = '1ms' }}\n"
    ));
    assert_eq!((flow.batch.max_records, flow.rate.pause_ms), (3, 1));
}

#[test]
fn a_step_sees_the_fields_before_it() {
    let steps = "[[steps]]\nderive = { field = 'd', type = 'string', expr = 'x' }\n\
                 [[steps]]\ndrop = { name = 'n', when = 'd == \"\"' }\n";
    let plan = read(&format!("{HEAD}{steps}{SINK}")).unwrap();
    assert_eq!(
        plan.steps
            .iter()
            .map(|step| format!("{step:?}"))
            .collect::<Vec<_>>(),
        ["derive d", "drop n"]
    );
    assert_eq!(plan.schema.fields.len(), 2);
}

/// Each problem as `path: message`.
fn told(text: &str) -> Vec<String> {
    let problems = read(text).expect_err("the spec is faulty");
    let one = |problem: &Problem| format!("{}: {}", problem.path, problem.message);
    problems.iter().map(one).collect()
}

#[test]
fn a_fault_is_told_once_and_hides_no_other() {
    let with = |fields: &str, steps: &str| {
        format!("spec = 1\nname = 'a'\n[format.csv]\n[fields]\n{fields}\n{steps}\n{SINK}")
    };
    let derive = |rest: &str| format!("[[steps]]\nderive = {{ {rest} }}\n");
    // A conflict of two fields is none of the derived ones.
    let steps = derive("field = 'd', type = 'integer', expr = 'e'");
    assert_eq!(
        told(&with("a = { to = 'x' }\nb = { to = 'x' }", &steps)),
        [
            "fields.b.to: the place `x` in the document is taken by another field",
            "steps[0].derive.expr: there is no field `e` (at byte 0)",
        ]
    );
    // A derived field in a taken place can be named, and its expression is checked.
    let steps = derive("field = 'd', type = 'integer', to = 'a', expr = '1 +'")
        + "[[steps]]\ndrop = { name = 'n', when = 'd == 1' }\n";
    let found = told(&with("a = {}", &steps));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("steps[0].derive.to: the place `a`"),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("steps[0].derive.expr: the expression ends"),
        "{found:?}"
    );
    // A name twice: the second is no field, and sees the first.
    let steps = derive("field = 'c', type = 'integer', expr = 'c + 1'");
    assert_eq!(
        told(&with("c = { type = 'integer' }", &steps)),
        ["steps[0].derive.field: there is a field `c` already"]
    );
    // What is wrong with a field is not told again by the steps that name it.
    let steps = derive("field = 'd', type = 'integer', expr = 'c + 1'")
        + "[[steps]]\nreject = { name = 'n', when = 'c > 2', field = 'c' }\n";
    for (field, code) in [
        ("c = 5", "fields.c: expected a table, found a whole number"),
        ("c = { typ = 'integer' }", "fields.c.typ: unknown key `typ`"),
        (
            "c = { type = 'int' }",
            "fields.c.type: unknown choice `int`",
        ),
    ] {
        assert_eq!(told(&with(&format!("x = {{}}\n{field}"), &steps)), [code]);
    }
    let steps = derive("field = 'd', type = 'int', expr = '1'")
        + "[[steps]]\ndrop = { name = 'n', when = 'd > 2' }\n";
    assert_eq!(
        told(&with("x = {}", &steps)),
        ["steps[0].derive.type: unknown choice `int`"]
    );
}

#[test]
fn steps_have_names_of_their_own() {
    let drop = |name: &str| format!("[[steps]]\ndrop = {{ name = '{name}', when = 'true' }}\n");
    let reject = |name: &str| format!("[[steps]]\nreject = {{ name = '{name}', when = 'true' }}\n");
    check(&format!("{HEAD}{}{}{SINK}", drop("a"), reject("b")), &[]);
    check(
        &format!("{HEAD}{}{}{SINK}", drop("a"), drop("a")),
        &["9:17 duplicate_name"],
    );
    check(
        &format!("{HEAD}{}{}{SINK}", drop("a"), reject("a")),
        &["9:19 duplicate_name"],
    );
    for (name, _) in crate::step::codes::BUILT_IN_CODES {
        check(
            &format!("{HEAD}{}{SINK}", reject(name)),
            &["7:19 reserved_name"],
        );
        check(&format!("{HEAD}{}{SINK}", drop(name)), &[]);
    }
}

#[test]
fn words_of_other_languages_are_known() {
    let hint = |text: &str| {
        let problems = read(text).expect_err("the spec is faulty");
        problems
            .iter()
            .next()
            .and_then(|problem| problem.hint.clone())
            .unwrap_or_default()
    };
    for (word, meant) in [
        ("int", "`integer`"),
        ("str", "`string`"),
        ("bool", "`boolean`"),
        ("number", "`decimal` or `float`"),
        ("timestamp", "`datetime`"),
    ] {
        let text = format!("{HEAD}y = {{ type = '{word}' }}\n{SINK}");
        assert_eq!(hint(&text), format!("did you mean {meant}?"));
    }
    let compressed = |word: &str| hint(&format!("{HEAD}[input]\ncompression = '{word}'\n{SINK}"));
    assert_eq!(
        compressed("lz4"),
        "expected one of `none`, `gzip`, `zstd`, `bzip2`, `xz`, `zip`, `auto`"
    );
    assert_eq!(compressed("gz"), "did you mean `gzip`?");
    assert_eq!(compressed("bz2"), "did you mean `bzip2`?");
    let encoded = |label: &str| hint(&format!("{HEAD}[input]\nencoding = '{label}'\n{SINK}"));
    for (label, meant) in [
        ("utf16", "utf-16"),
        ("latin-1", "latin1"),
        ("windows1252", "windows-1252"),
        ("Shift-JSI", "shift_jis"),
        ("iso-8859-115", "iso-8859-15"),
        ("latin9", "iso-8859-15"),
        ("Latin-10", "iso-8859-16"),
    ] {
        assert_eq!(encoded(label), format!("did you mean `{meant}`?"));
    }
    assert!(encoded("ebcdic").starts_with("a label of the WHATWG Encoding Standard"));
}

#[test]
fn a_load_goes_on_with_a_version_that_differs_in_its_records_alone() {
    let with = |name: &str, input: &str, format: &str, rest: &str, sink: &str| {
        format!(
            "spec = 1\nname = '{name}'\nversion = 2\n[input]\n{input}\n[format.{format}]\n[fields]\nx = {{}}\n{rest}\n\
             [sink.mongodb]\ncollection = 'c'\n{sink}\n"
        )
    };
    let first = read(&with("a", "", "csv", "", "")).unwrap();
    for (text, expected) in [
        (with("a", "", "csv", "", ""), Ok(())),
        // What is said is compared, not how.
        (
            with("a", "compression = 'auto'", "csv", "", "in_flight = 4"),
            Ok(()),
        ),
        (
            with(
                "a",
                "",
                "csv",
                "y = { type = 'integer' }\n[errors]\nmax_records = 3",
                "",
            ),
            Ok(()),
        ),
        (with("b", "", "csv", "", ""), Err("name")),
        (with("a", "match = ['*.csv']", "csv", "", ""), Err("input")),
        (
            with("a", "max_record_bytes = '2MiB'", "csv", "", ""),
            Err("input"),
        ),
        (
            with("a", "on_success = 'delete'", "csv", "", ""),
            Err("input"),
        ),
        (
            with("a", "", "csv]\ndelimiter = ';'\n[columns", "", ""),
            Err("format"),
        ),
        (with("a", "", "jsonl", "", ""), Err("format")),
        (
            with(
                "a",
                "",
                "csv",
                "y = {}\n[group]\nby = ['x']\ninto = 'l'\nfields = ['y']",
                "",
            ),
            Err("group"),
        ),
        (
            with(
                "a",
                "",
                "csv",
                "l = { type = 'list', separator = '|' }\n[[steps]]\nexplode = { field = 'l' }",
                "",
            ),
            Err("explode"),
        ),
        (
            with("a", "", "csv", "", "mode = 'upsert'\nkey = ['x']"),
            Err("sink"),
        ),
        (
            with("a", "", "csv", "y = { unique = true }", ""),
            Err("unique"),
        ),
        (with("a", "", "csv", "", "nulls = 'write'"), Err("sink")),
        (
            with("a", "", "csv", "", "batch = { records = 7 }"),
            Err("sink"),
        ),
        (
            with("a", "", "csv", "", "").replace("'c'", "'d'"),
            Err("sink"),
        ),
        (
            with("a", "", "csv", "", "")
                .replace("mongodb", "null")
                .replace("collection = 'c'", ""),
            Err("sink"),
        ),
    ] {
        let other = read(&text).unwrap();
        assert_eq!(first.compatible_with(&other), expected, "{text}");
        assert_eq!(other.compatible_with(&first), expected, "{text}");
    }
}

#[test]
fn a_held_load_goes_on_only_with_the_same_kinds_and_sums_that_it_has() {
    let with = |kinds: &str, more: &str, control: &str| {
        let text = format!(
            "spec = 1\nname = 'a'\n[format.csv]\nheader = {{ rows = 0 }}\n{kinds}\n[fields]\nx = {{ column = 2, type = 'integer' }}\n\
             {more}\n{control}\n[sink.mongodb]\ncollection = 'c'"
        );
        read(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
    };
    let kinds = "[records.d]\nmatch = '^D'\n[records.t]\nmatch = '^T'\nuse = 'control'";
    let y = "y = { record = 't', column = 2, type = 'integer' }";
    let sum = "[control.x]\nactual = 'sum(x)'\nexpected = 't.y'";
    let first = with(kinds, y, sum);
    for (kinds, more, control, expected) in [
        (kinds, y, sum, Ok(())),
        (kinds, y, "", Ok(())),
        (
            kinds,
            y,
            "[control.x]\nactual = 'sum(x)'\nexpected = 7\non_mismatch = 'fail'",
            Ok(()),
        ),
        (
            kinds,
            "y = { record = 't', column = 3, type = 'decimal' }",
            sum,
            Ok(()),
        ),
        (
            kinds,
            y,
            "[control.x]\nactual = 'sum(y)'\nexpected = 't.y'",
            Err("control"),
        ),
        (&kinds.replace("'^D'", "'^E'"), y, sum, Err("records")),
        (&kinds.replace("control", "context"), y, sum, Err("records")),
        (
            "[records.t]\nmatch = '^T'\nuse = 'control'\n[records.d]\nmatch = '^D'",
            y,
            sum,
            Err("records"),
        ),
    ] {
        let other = with(kinds, more, control);
        assert_eq!(
            first.compatible_with(&other),
            expected,
            "{kinds} {more} {control}"
        );
    }
}
