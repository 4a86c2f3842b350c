//! What is written instead of a value, what rejects keep to themselves, and what specs say wrongly.

use crate::plan::{Defaults, Plan};
use crate::record::{Record, Value};
use pipeline::{Position, Problem, Reject, Verdict};

fn secret(name: &str) -> Option<String> {
    (name == "SALT_A").then(|| "pepper".to_owned())
}

/// The plan of a spec with this format and these fields, or what is wrong with it.
fn read(format: &str, fields: &str) -> Result<Plan, Vec<String>> {
    let text = format!(
        "spec = 1\nname = 'a'\n{format}\n[fields]\n{fields}\n[sink.mongodb]\ncollection = 'a'\n"
    );
    let defaults = Defaults {
        secret: Some(secret),
        ..Defaults::default()
    };
    Plan::read("a.toml", &text, defaults).map_err(|problems| {
        let told = problems.iter();
        told.map(|one| format!("{} {}", one.path, one.code))
            .collect()
    })
}

fn planned(fields: &str) -> Plan {
    read("[format.csv]", fields).unwrap_or_else(|wrong| panic!("{fields}: {wrong:?}"))
}

fn check(field: &str, text: &str, expected: &str) {
    let plan = planned(&format!("f = {{ {field} }}"));
    let mut record = Record::default();
    record.clear(1);
    let place = record.store(text);
    record.set(0, Value::Text(place));
    for planned in &plan.steps {
        assert_eq!(planned.step.apply(&mut record), Verdict::Keep);
    }
    let Value::Text(found) = record.value(0) else {
        panic!("{field} of {text}: {:?}", record.value(0));
    };
    assert_eq!(record.text(*found), expected, "{field} of {text}");
}

#[test]
fn values_are_masked_and_hashed() {
    for (field, text, expected) in [
        ("mask = { keep_first = 1 }", "secret", "s*****"),
        ("sensitive = true", "as it is", "as it is"),
        // printf pepperann@example.org | sha256sum
        ("hash = { salt = 'env:SALT_A' }", "ann@example.org", HASHED),
        (
            "type = 'email', hash = { algorithm = 'sha256', salt = 'env:SALT_A' }",
            "ann@example.org",
            HASHED,
        ),
    ] {
        check(field, text, expected);
    }
}

const HASHED: &str = "b18264b09ad9f8f63b8cf409616260694bb363cc52019dd27b0da6e84aa4c545";

#[test]
fn what_is_wrong_is_told_at_its_key() {
    for (field, expected) in [
        (
            "mask = {}, hash = { salt = 'env:SALT_A' }",
            "fields.f.hash impossible",
        ),
        (
            "type = 'integer', mask = {}",
            "fields.f.mask not_applicable",
        ),
        (
            "type = 'list', separator = ';', hash = {}",
            "fields.f.hash not_applicable",
        ),
        ("hash = {}", "fields.f.hash.salt required"),
        (
            "hash = { salt = 'pepper' }",
            "fields.f.hash.salt bad_secret",
        ),
        ("hash = { salt = 'env:' }", "fields.f.hash.salt bad_secret"),
        (
            "hash = { salt = 'env:SALT_B' }",
            "fields.f.hash.salt missing_secret",
        ),
    ] {
        let found = read("[format.csv]", &format!("f = {{ {field} }}"));
        let found = found.err().unwrap_or_default();
        assert_eq!(found, [expected], "{field}");
    }
}

/// What a reject says of one problem, behind the raw bytes that it keeps.
fn told(plan: &Plan, problem: Problem) -> String {
    let mut reject = Reject::new(Position::START, vec![problem], b"raw");
    if let Some(cover) = &plan.cover {
        cover.hide(&mut reject);
    }
    let raw = String::from_utf8_lossy(&reject.raw).into_owned();
    format!("{raw}: {}", reject.problems[0].message)
}

#[test]
fn rejects_say_nothing_of_values_that_are_sensitive() {
    let fields = "a = { sensitive = true, to = 'x.a' }\nb = { to = 'x.b' }\nc = { from = 'a' }\nd = { mask = {} }\n\
         swapped = { from = 'e', sensitive = true, to = 'e' }\ne = { from = 'f', to = 'swapped' }\n\
         [[steps]]\nderive = { field = 'derived', type = 'string', expr = 'a', to = 'g' }\n\
         [[steps]]\nreject = { name = 'own', when = 'false' }\n";
    let shown = ": \"17\" is wrong";
    let hidden = ": not shown: the spec has sensitive fields";
    for (code, field, expected) in [
        ("type", Some("a"), hidden),
        ("type", Some("b"), shown),
        ("pattern", Some("x.b"), shown),
        ("pattern", Some("x.a"), hidden),
        ("pattern", Some("c"), hidden),
        ("pattern", Some("d"), hidden),
        ("pattern", Some("e"), hidden),
        ("pattern", Some("swapped"), hidden),
        ("type", Some("derived"), hidden),
        ("type", None, hidden),
        ("duplicate_value", Some("x.b"), hidden),
        ("expression", None, hidden),
        ("refused_by_target", None, hidden),
        ("no_match", None, hidden),
        ("xml", None, hidden),
        ("too_short", Some("a"), shown),
        ("cell_count", None, shown),
        ("own", None, shown),
        ("a_code_that_nobody_knows", Some("b"), hidden),
    ] {
        let problem = Problem {
            code: code.into(),
            field: field.map(str::to_owned),
            message: "\"17\" is wrong".into(),
        };
        assert_eq!(
            told(&planned(fields), problem),
            expected,
            "{code} {field:?}"
        );
    }
    let problem = Problem::of_field("type", "a", "\"17\" is wrong");
    assert_eq!(told(&planned("a = {}"), problem), "raw: \"17\" is wrong");
}

#[test]
fn names_that_only_the_record_has_are_not_told() {
    for (field, expected) in [
        ("a", "a"),
        ("x.b", "x.b"),
        ("_id", "_id"),
        ("Ann Smith", "(not shown)"),
    ] {
        let mut reject = Reject::new(
            Position::START,
            vec![Problem::of_field(
                "unknown_field",
                field,
                "no field takes it",
            )],
            b"",
        );
        let plan = read(
            "[format.jsonl]",
            "a = { sensitive = true }\nb = { to = 'x.b' }",
        );
        let cover = plan.unwrap().cover.unwrap();
        cover.hide(&mut reject);
        let problem = &reject.problems[0];
        assert_eq!(problem.field.as_deref(), Some(expected));
        assert_eq!(problem.message, "not shown: the spec has sensitive fields");
    }
}

/// Whether the value of one field is hidden where the other is sensitive, whichever of the two it is.
fn check_hidden(format: &str, one: &str, other: &str, expected: bool) {
    for (secret, shown) in [(one, other), (other, one)] {
        let fields = format!("secret = {{ {secret}, sensitive = true }}\nother = {{ {shown} }}");
        let plan = read(format, &fields).unwrap_or_else(|wrong| panic!("{fields}: {wrong:?}"));
        let problem = Problem::of_field("type", "other", "\"17\" is no integer");
        let is_hidden = !told(&plan, problem).contains("17");
        assert_eq!(is_hidden, expected, "{format}: {secret} | {shown}");
    }
}

#[test]
fn places_of_a_line_that_have_a_column_in_common_are_as_sensitive() {
    let fixed = "[format.fixed]";
    let secret = "start = 5, width = 11";
    check_hidden(fixed, secret, "start = 5, width = 3", true);
    check_hidden(fixed, secret, "start = 15, width = 3", true);
    check_hidden(fixed, secret, "start = 1, width = 20", true);
    check_hidden(fixed, secret, "start = 16, width = 3", false);
    check_hidden(fixed, secret, "start = 1, width = 4", false);
}

#[test]
fn titles_that_one_column_may_answer_to_are_as_sensitive() {
    let csv = "[format.csv]";
    check_hidden(csv, "from = 'E-Mail'", "from = ' e-mail'", true);
    check_hidden(
        csv,
        "from = ['a', 'STRASSE']",
        "from = ['straße', 'b']",
        true,
    );
    check_hidden(csv, "from = 'secret'", "from = 'SECRET'", true);
    check_hidden(csv, "from = 'a'", "from = 'b'", false);
    check_hidden(csv, "column = 3", "from = 'b'", true);
    check_hidden(csv, "column = 3", "column = 3", true);
    check_hidden(csv, "column = 3", "column = 4", false);
    check_hidden(csv, "from = '/mail/'", "from = 'b'", true);
}

#[test]
fn places_in_json_that_hold_each_other_are_as_sensitive() {
    for format in ["[format.jsonl]", "[format.json]\nrecord_path = '$[*]'"] {
        let check = |one, other, expected| check_hidden(format, one, other, expected);
        check("from = '$.a'", r#"from = "$['a']""#, true);
        check("from = '$.a'", "from = 'a'", true);
        check("from = '$.list', type = 'list'", "from = '$.list[0]'", true);
        check("from = '$.a.b'", "from = '$', type = 'object'", true);
        check("from = '$.list[0]'", "from = '$.list[-1]'", true);
        check("from = '$.list[0]'", "from = '$.list[1]'", false);
        check("from = '$.a.b'", "from = '$.a.c'", false);
        check("from = '$.a.b'", "from = ['$.b', '$.a']", true);
    }
}

#[test]
fn elements_that_hold_each_other_are_as_sensitive() {
    let xml = "[format.xml]\nrecord_path = '/r/p'\nnamespaces = { g = ['urn:g'], h = ['urn:h'] }";
    let check = |one, other, expected| check_hidden(xml, one, other, expected);
    check("from = 'name'", "from = '.'", true);
    check("from = 'who/name'", "from = 'who'", true);
    check("from = 'who/name'", "from = '*'", true);
    check("from = 'who/name'", "from = 'what/name'", false);
    check("from = 'g:name'", "from = 'h:name'", false);
    check("from = 'who/@ssn'", "from = 'who'", false);
    check("from = 'who/@ssn'", "from = '.', type = 'object'", true);
    check("from = 'who/@ssn'", "from = '*/@ssn'", true);
    check("from = 'who/@ssn'", "from = '@ssn'", false);
}

#[test]
fn groups_inside_each_other_are_as_sensitive() {
    let lines = r"[format.lines]
pattern = '(?<who>(?<first>\w+) (?:(?<last>\w+)))(?<rest>.*)'";
    let check = |one, other, expected| check_hidden(lines, one, other, expected);
    check("from = 'who'", "from = 'last'", true);
    check("from = 'first'", "from = 'FIRST'", true);
    check("from = 'first'", "from = 'last'", false);
    check("from = 'who'", "from = 'rest'", false);
    check("from = '/^wh/'", "from = 'first'", true);
    check_hidden("[format.lines]", "from = 'line'", "from = 'line'", true);
}
