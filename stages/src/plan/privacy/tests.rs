//! What is written instead of a value, what rejects keep to themselves, and what specs say wrongly.

use super::*;
use crate::record::Value;
use pipeline::{Position, Problem, Reject, Verdict};

fn secret(name: &str) -> Option<String> {
    (name == "SALT_A").then(|| "pepper".to_owned())
}

fn planned(fields: &str) -> (Privacy, Vec<PlanProblem>) {
    let fields: crate::step::bind::FieldsSpec = toml::from_str(fields).unwrap();
    let defaults = Defaults {
        secret: Some(secret),
        ..Defaults::default()
    };
    let mut problems = Vec::new();
    let privacy = Privacy::plan(&fields.0, defaults, &mut problems);
    (privacy, problems)
}

fn check(field: &str, text: &str, expected: &str) {
    let (privacy, problems) = planned(&format!("f = {{ {field} }}"));
    assert_eq!(problems, [], "{field}");
    let mut record = Record::default();
    record.clear(1);
    let place = record.store(text);
    record.set(0, Value::Text(place));
    for planned in &privacy.steps {
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
        let (_, problems) = planned(&format!("f = {{ {field} }}"));
        let found: Vec<_> = problems
            .iter()
            .map(|one| format!("{} {}", one.path, one.code))
            .collect();
        assert_eq!(found, [expected], "{field}");
    }
}

/// What a reject says of one problem, behind the raw bytes that it keeps.
fn told(fields: &str, problem: Problem) -> String {
    let (privacy, problems) = planned(fields);
    assert_eq!(problems, [], "{fields}");
    let mut reject = Reject::new(Position::START, vec![problem], b"raw");
    if let Some(cover) = privacy.cover {
        cover.hide(&mut reject);
    }
    let raw = String::from_utf8_lossy(&reject.raw).into_owned();
    format!("{raw}: {}", reject.problems[0].message)
}

#[test]
fn rejects_say_nothing_of_values_that_are_sensitive() {
    let fields =
        "a = { sensitive = true }\nb = { to = 'x.b' }\nc = { from = 'a' }\nd = { mask = {} }";
    let hidden = ": not shown: the spec has sensitive fields";
    for (code, field, expected) in [
        ("type", Some("a"), hidden),
        ("type", Some("b"), ": \"17\" is wrong"),
        ("duplicate_value", Some("x.b"), ": \"17\" is wrong"),
        ("pattern", Some("c"), hidden),
        ("pattern", Some("d"), hidden),
        ("type", Some("derived"), hidden),
        ("expression", None, hidden),
        ("refused_by_target", None, hidden),
        ("cell_count", None, ": \"17\" is wrong"),
        ("name-of-a-step", None, ": \"17\" is wrong"),
    ] {
        let problem = Problem {
            code: code.into(),
            field: field.map(str::to_owned),
            message: "\"17\" is wrong".into(),
        };
        assert_eq!(told(fields, problem), expected, "{code} {field:?}");
    }
    let problem = Problem::of_field("type", "a", "\"17\" is wrong");
    assert_eq!(told("a = {}", problem), "raw: \"17\" is wrong");
}
