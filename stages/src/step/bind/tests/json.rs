//! JSON records: every type by the JSON value that stands for it, keys and paths, and keys that no field takes.

use super::*;

fn check(field: &str, json: &str, expected: &str) {
    let plan = plan(RowKind::Tree, &format!("f = {{ {field} }}"), "", "");
    let (verdict, record) = bind_tree(&plan, &format!("{{\"f\": {json}}}"));
    assert_eq!(
        shown(verdict, &record, 1),
        expected,
        "{{ {field} }} of {json}"
    );
}

#[test]
fn every_type() {
    for (field, json, expected) in [
        ("type = 'string'", "\"a\"", "\"a\""),
        ("type = 'string'", "12", "! type f"),
        ("type = 'string', lax = true", "12.50", "\"12.50\""),
        ("type = 'string', lax = true", "true", "! type f"),
        ("type = 'string'", "null", "null"),
        ("type = 'integer'", "12", "12"),
        ("type = 'integer'", "\"12\"", "! type f"),
        ("type = 'integer', lax = true", "\"12\"", "12"),
        ("type = 'integer'", "12.0", "! type f"),
        (
            "type = 'integer'",
            "9223372036854775808",
            "! number_range f",
        ),
        (
            "type = 'integer', lookup = { values = { a = '1' } }",
            "\"a\"",
            "1",
        ),
        (
            "type = 'integer', lookup = { values = { a = '1' } }",
            "1",
            "! type f",
        ),
        (
            "type = 'integer', lookup = { values = { 7 = '1' } }, lax = true",
            "7",
            "1",
        ),
        ("type = 'integer', negative = 'trailing'", "-1", "-1"),
        (
            "type = 'integer', negative = 'trailing'",
            "\"1-\"",
            "! type f",
        ),
        (
            "type = 'integer', negative = 'trailing', lax = true",
            "\"1-\"",
            "-1",
        ),
        (
            "type = 'decimal', negative = 'trailing'",
            "\"1.50-\"",
            "-1.50",
        ),
        ("type = 'float'", "12", "12.0f"),
        ("type = 'float'", "\"1.5\"", "! type f"),
        ("type = 'decimal'", "1.50", "1.50"),
        ("type = 'decimal'", "\"1.50\"", "1.50"),
        ("type = 'decimal', scale = 2", "150", "1.50"),
        ("type = 'decimal', decimal_char = ','", "1.50", "1.50"),
        ("type = 'decimal', decimal_char = ','", "\"1,50\"", "1.50"),
        ("type = 'boolean'", "true", "true"),
        ("type = 'boolean'", "\"true\"", "! type f"),
        ("type = 'boolean'", "1", "! type f"),
        ("type = 'boolean', lax = true", "1", "true"),
        ("type = 'boolean', lax = true", "\"false\"", "false"),
        ("type = 'date'", "\"2026-04-03\"", "2026-04-03"),
        ("type = 'date'", "20260403", "! type f"),
        (
            "type = 'datetime'",
            "\"2026-04-03T09:00:00.5+02:00\"",
            "2026-04-03T07:00:00.500Z",
        ),
        ("type = 'datetime'", "1712131200", "! type f"),
        (
            "type = 'datetime', format = 'epoch_s'",
            "1712131200.25",
            "2024-04-03T08:00:00.250Z",
        ),
        (
            "type = 'datetime', format = 'epoch_s'",
            "1.7121312e9",
            "2024-04-03T08:00:00Z",
        ),
        (
            "type = 'datetime', format = 'epoch_s'",
            "\"1712131200\"",
            "! type f",
        ),
        (
            "type = 'datetime', format = 'epoch_s', lax = true",
            "\"1712131200\"",
            "2024-04-03T08:00:00Z",
        ),
        (
            "type = 'datetime', format = ['%F %T', 'epoch_ms'], timezone = 'UTC'",
            "0",
            "1970-01-01T00:00:00Z",
        ),
        (
            "type = 'datetime', format = ['%F %T', 'epoch_ms'], timezone = 'UTC'",
            "\"1970-01-01 00:00:01\"",
            "1970-01-01T00:00:01Z",
        ),
        ("type = 'time'", "\"09:05\"", "\"09:05:00\""),
        ("type = 'duration'", "90", "90"),
        ("type = 'duration'", "\"PT90S\"", "90"),
        (
            "type = 'uuid'",
            "\"0123456789abcdeffedcba9876543210\"",
            "0123456789abcdeffedcba9876543210",
        ),
        ("type = 'email'", "\"a@b\"", "\"a@b\""),
        ("type = 'url'", "\"http://a\"", "\"http://a\""),
        (
            "type = 'list'",
            "[1, \"a\", null, [2.5]]",
            "[1, \"a\", null, [2.5f]]",
        ),
        ("type = 'list', items = 'integer'", "[1, 2]", "[1, 2]"),
        ("type = 'list', items = 'integer'", "[1, \"2\"]", "! type f"),
        (
            "type = 'list', items = 'integer', lax = true",
            "[1, \"2\"]",
            "[1, 2]",
        ),
        ("type = 'list', items = 'string'", "[null]", "! type f"),
        (
            "type = 'list', items = 'object'",
            "[{\"a\": 1}]",
            "[{a: 1}]",
        ),
        ("type = 'list', items = 'object'", "[1]", "! type f"),
        ("type = 'list'", "\"a;b\"", "! type f"),
        ("type = 'list'", "{}", "! type f"),
        ("type = 'list', max_length = 1", "[1, 2]", "! max_length f"),
        ("type = 'object'", "{}", "{}"),
        (
            "type = 'object'",
            "{\"$where\": {\"a.b\": \"x\"}, \"\": true}",
            "{$where: {a.b: \"x\"}, : true}",
        ),
        (
            "type = 'object'",
            "{\"n\": 12345678901234567890}",
            "! number_range f",
        ),
        ("type = 'object'", "{\"n\": 0.1}", "{n: 0.1f}"),
        ("type = 'object'", "{\"a\\u0000b\": 1}", "! nul_in_name f"),
        ("type = 'object'", "\"{}\"", "! type f"),
        ("type = 'object'", "[]", "! type f"),
    ] {
        check(field, json, expected);
    }
}

#[test]
fn missing_values_are_texts_and_numbers() {
    for (field, json, expected) in [
        (
            "type = 'integer', missing_values = ['-999']",
            "-999",
            "null",
        ),
        ("type = 'integer', missing_values = ['']", "\"\"", "null"),
        ("type = 'integer', required = true", "null", "! required f"),
        ("type = 'string', default = 'x'", "null", "\"x\""),
        (
            "type = 'string', transform = ['uppercase']",
            "\"x\"",
            "\"X\"",
        ),
    ] {
        check(field, json, expected);
    }
}

/// Fields, `[columns]`, a record and what comes out.
fn check_record(fields: &str, columns: &str, json: &str, expected: &str) {
    let plan = plan(RowKind::Tree, fields, columns, "");
    let (verdict, record) = bind_tree(&plan, json);
    let count = plan.schema_fields().len();
    assert_eq!(
        shown(verdict, &record, count),
        expected,
        "{fields} {columns} of {json}"
    );
}

#[test]
fn fields_are_found_by_key_and_path() {
    for (fields, json, expected) in [
        ("a = {}\nb = {}", r#"{"b": "2", "a": "1"}"#, "\"1\" \"2\""),
        (
            "id = { from = '$.actor.id' }",
            r#"{"actor": {"id": "x"}}"#,
            "\"x\"",
        ),
        ("id = { from = '$.actor.id' }", r#"{"actor": null}"#, "null"),
        (
            "s = { from = '$.items[0].sku' }",
            r#"{"items": [{"sku": "x"}]}"#,
            "\"x\"",
        ),
        (
            "s = { from = '$.items[-1]' }",
            r#"{"items": ["x", "y"]}"#,
            "\"y\"",
        ),
        (
            "s = { from = 'odd key' }\nt = { from = \"$['odd key']\" }",
            r#"{"odd key": "x"}"#,
            "\"x\" \"x\"",
        ),
        (
            "s = { from = 'a.b' }",
            r#"{"a": {"b": "no"}, "a.b": "yes"}"#,
            "\"yes\"",
        ),
        (
            "s = { from = ['x', '$.y.z', 'w'] }",
            r#"{"w": "3", "y": {"z": "2"}}"#,
            "\"2\"",
        ),
        (
            "s = { from = ['x', 'w'] }",
            r#"{"w": "3", "x": null}"#,
            "null",
        ),
        ("s = { from = '$[1]' }", r#"["a", "b"]"#, "\"b\""),
        (
            "s = { from = '$', type = 'object' }",
            r#"{"a": 1}"#,
            "{a: 1}",
        ),
        (
            "a = { required = true }\nb = { type = 'integer' }",
            r#"{"b": "x"}"#,
            "! required a, type b",
        ),
        ("a = {}", "[1]", "! type -"),
        ("a = {}", "7", "! type -"),
        ("a = {}", "{}", "null"),
    ] {
        check_record(fields, "", json, expected);
    }
}

#[test]
fn keys_that_no_field_takes() {
    let json = r#"{"a": "1", "x": {"y": [1, "2"]}, "z": 0.5}"#;
    for (columns, expected) in [
        ("", "\"1\""),
        ("unknown = 'drop'", "\"1\""),
        ("unknown = 'keep'", "\"1\" x={y: [1, \"2\"]} z=0.5f"),
        (
            "unknown = 'rescue'",
            "\"1\" _rescued={x: {y: [1, \"2\"]}, z: 0.5f}",
        ),
        ("unknown = 'reject'", "! unknown_field x, unknown_field z"),
        ("unknown = 'hold'", "hold UnknownColumns([\"x\", \"z\"])"),
        ("unknown = 'fail'", "fail UnknownColumns([\"x\", \"z\"])"),
    ] {
        check_record("a = {}", columns, json, expected);
    }
    for (json, expected) in [
        (r#"{"_id": 1}"#, "! reserved_name _id"),
        (r#"{"_rescued": 1}"#, "! reserved_name _rescued"),
        (r#"{"x\u0000": 1}"#, "! nul_in_name x\0"),
        (r#"{"x": 1e999}"#, "! number_range x"),
        (r#"{"b": 1}"#, "! name_taken b"),
        (
            r#"{"": 1, "$where": 2, "a.b": {}}"#,
            "null =1 $where=2 a.b={}",
        ),
    ] {
        check_record(
            "a = { from = 'q', to = 'b.c' }",
            "unknown = 'keep'",
            json,
            expected,
        );
    }
    check_record(
        "",
        "unknown = 'keep'",
        r#"{"a": 1, "b": "x", "c": null}"#,
        "a=1 b=\"x\" c=null",
    );
    check_record(
        "a = {}",
        "unknown = 'rescue'",
        r#"{"_id": 1}"#,
        "null _rescued={_id: 1}",
    );
    check_record(
        "a = { from = '$.x.y' }",
        "unknown = 'keep'",
        r#"{"x": {"y": "1", "z": 2}}"#,
        "\"1\"",
    );
}

#[test]
fn keys_that_were_accepted_hold_no_record_again() {
    let plan = plan(RowKind::Tree, "a = {}", "unknown = 'hold'", "");
    let long = "k".repeat(2000);
    let mut accepted = Accepted::default();
    let mut check = |record: &str, expected: &[&str]| {
        let verdict = plan
            .for_tree(&accepted)
            .bind(&mut tree(record), &mut Record::default());
        match verdict {
            Verdict::Keep => assert!(expected.is_empty(), "{record}"),
            Verdict::Halt(halt) => {
                let names: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
                let cause = pipeline::Cause::UnknownColumns(names);
                assert_eq!(halt.breach.cause, cause, "{record}");
                accepted.accept(cause);
            }
            other => panic!("{other:?}"),
        }
    };
    check(r#"{"a": "1"}"#, &[]);
    check(r#"{"a": "1", "x": 1, "y": 2}"#, &["x", "y"]);
    check(r#"{"a": "1", "y": 1}"#, &[]);
    check(r#"{"a": 1, "y": 1, "z": 2}"#, &["z"]);
    let record = format!("{{\"{long}\": 1}}");
    check(&record, &[&long[..1024]]);
    check(&record, &[]);
}

#[test]
fn every_key_can_be_wanted() {
    let fields = "a = {}\nb = { default = 'x' }";
    check_record(
        fields,
        "missing = 'fail_any'",
        r#"{"a": null}"#,
        "! required b",
    );
    check_record(
        fields,
        "missing = 'fail_any'",
        r#"{"a": null, "b": null}"#,
        "null \"x\"",
    );
    check_record(fields, "missing = 'null'", "{}", "null \"x\"");
}

#[test]
fn many_keys_in_any_order() {
    let fields: Vec<String> = (0..50)
        .map(|index| format!("f{index} = {{ type = 'integer' }}"))
        .collect();
    let entries: Vec<String> = (0..50)
        .rev()
        .map(|index| format!("\"f{index}\": {index}"))
        .collect();
    let expected: Vec<String> = (0..50).map(|index| index.to_string()).collect();
    check_record(
        &fields.join("\n"),
        "",
        &format!("{{{}}}", entries.join(", ")),
        &expected.join(" "),
    );
}

/// A mebibyte of keys that nobody knows gives no list of as many problems.
#[test]
fn problems_of_one_record_are_bounded() {
    let keys: Vec<String> = (0..100_000).map(|key| format!("\"{key:x}x\":1")).collect();
    let record = format!("{{{}}}", keys.join(","));
    let plan = plan(RowKind::Tree, "a = {}", "unknown = 'reject'", "");
    let (verdict, record) = bind_tree(&plan, &record);
    let found = shown(verdict, &record, 1);
    assert_eq!(found.matches("unknown_field").count(), 101);
}
