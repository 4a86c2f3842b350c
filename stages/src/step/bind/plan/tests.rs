//! Everything that can be wrong with a spec's fields, each at its own key, all of it at once.

use super::*;
use crate::step::bind::FieldsSpec;

fn problems(input: RowKind, spec: &str) -> Vec<PlanProblem> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Spec {
        fields: FieldsSpec,
        columns: ColumnsSpec,
        values: ValuesSpec,
    }
    let spec: Spec = toml::from_str(spec).unwrap_or_else(|error| panic!("{spec}: {error}"));
    let mut problems = Vec::new();
    BindPlan::new(
        input,
        &spec.fields.0,
        &spec.columns,
        &spec.values,
        &mut problems,
    );
    problems
}

/// One field `f`, and its only problem as `path code`.
fn check(input: RowKind, field: &str, expected: &str) {
    let found = problems(input, &format!("fields.f = {{ {field} }}"));
    let found: Vec<String> = found
        .iter()
        .map(|one| format!("{} {}", one.path, one.code))
        .collect();
    assert_eq!(found, [expected], "{field}");
}

#[test]
fn keys_of_a_field() {
    for (field, expected) in [
        ("to = '_id'", "fields.f.to reserved_name"),
        ("to = '_src.x'", "fields.f.to reserved_name"),
        ("to = 'a..b'", "fields.f.to bad_target"),
        ("to = ''", "fields.f.to bad_target"),
        ("to = 'a.$b'", "fields.f.to bad_target"),
        ("to = \"a\\u0000\"", "fields.f.to bad_target"),
        ("from = []", "fields.f.from impossible"),
        ("from = '/(/'", "fields.f.from bad_regex"),
        ("column = 0", "fields.f.column bad_value"),
        ("column = 1, from = 'x'", "fields.f.column impossible"),
        ("pattern = '('", "fields.f.pattern bad_regex"),
        ("pattern = ')|('", "fields.f.pattern bad_regex"),
        (
            "type = 'integer', pattern = 'x'",
            "fields.f.pattern not_applicable",
        ),
        (
            "type = 'string', minimum = 1",
            "fields.f.minimum not_applicable",
        ),
        (
            "type = 'integer', max_length = 1",
            "fields.f.max_length not_applicable",
        ),
        (
            "type = 'integer', format = '%d'",
            "fields.f.format not_applicable",
        ),
        (
            "type = 'date', timezone = 'UTC'",
            "fields.f.timezone not_applicable",
        ),
        (
            "type = 'string', decimal_char = ','",
            "fields.f.decimal_char not_applicable",
        ),
        (
            "type = 'integer', decimal_char = ','",
            "fields.f.decimal_char not_applicable",
        ),
        (
            "type = 'date', group_char = ','",
            "fields.f.group_char not_applicable",
        ),
        (
            "type = 'integer', scale = 2",
            "fields.f.scale not_applicable",
        ),
        ("type = 'decimal', scale = 35", "fields.f.scale bad_value"),
        (
            "type = 'string', true_values = ['x']",
            "fields.f.true_values not_applicable",
        ),
        ("negative = 'trailing'", "fields.f.negative not_applicable"),
        (
            "type = 'integer', group_char = '('",
            "fields.f.group_char impossible",
        ),
        (
            "type = 'integer', locale = 'de'",
            "fields.f.locale not_applicable",
        ),
        (
            "type = 'date', year_pivot = 70",
            "fields.f.year_pivot not_applicable",
        ),
        (
            "type = 'boolean', true_values = ['0']",
            "fields.f.false_values impossible",
        ),
        (
            "type = 'decimal', group_char = '.'",
            "fields.f.group_char impossible",
        ),
        (
            "type = 'decimal', decimal_char = '-'",
            "fields.f.decimal_char impossible",
        ),
        (
            "type = 'decimal', group_char = '0'",
            "fields.f.group_char impossible",
        ),
        (
            "type = 'integer', minimum = 'x'",
            "fields.f.minimum bad_value",
        ),
        (
            "type = 'integer', minimum = 1.5",
            "fields.f.minimum bad_value",
        ),
        (
            "type = 'date', minimum = '01/02/2026'",
            "fields.f.minimum bad_value",
        ),
        (
            "type = 'datetime', minimum = '2026-01-01T00:00:00'",
            "fields.f.minimum bad_value",
        ),
        (
            "type = 'integer', minimum = 2, maximum = 1",
            "fields.f.minimum impossible",
        ),
        (
            "min_length = 2, max_length = 1",
            "fields.f.min_length impossible",
        ),
        ("enum = []", "fields.f.enum impossible"),
        ("enum = ['a', 1]", "fields.f.enum[1] bad_value"),
        (
            "type = 'list', separator = ';', enum = ['a']",
            "fields.f.enum not_applicable",
        ),
        (
            "type = 'list', separator = ''",
            "fields.f.separator bad_value",
        ),
        ("separator = ';'", "fields.f.separator not_applicable"),
        ("items = 'string'", "fields.f.items not_applicable"),
        (
            "type = 'list', separator = ';', items = 'list'",
            "fields.f.items not_applicable",
        ),
        (
            "type = 'list', separator = ';', items = 'object'",
            "fields.f.items not_applicable",
        ),
        (
            "type = 'object', separator = ';'",
            "fields.f.separator not_applicable",
        ),
        ("lax = true", "fields.f.lax not_applicable"),
        ("strip = ['']", "fields.f.strip bad_value"),
        ("extract = '['", "fields.f.extract bad_regex"),
        (
            "transform = ['trim', { replace = ['[', ''] }]",
            "fields.f.transform[1].replace bad_regex",
        ),
        (
            "type = 'integer', default = 'x'",
            "fields.f.default bad_value",
        ),
        (
            "type = 'integer', default = 0, minimum = 1",
            "fields.f.default impossible",
        ),
        ("default = 'x', enum = ['y']", "fields.f.default impossible"),
        ("default = 1", "fields.f.default bad_value"),
        (
            "type = 'datetime', timezone = 'Europe/Berlni'",
            "fields.f.timezone unknown_timezone",
        ),
    ] {
        check(RowKind::Columns, field, expected);
    }
}

#[test]
fn formats() {
    for (field, expected) in [
        ("type = 'date', format = '%q'", "fields.f.format bad_format"),
        (
            "type = 'date', format = '%d.%m'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'date', format = '%d.%m.%Y %m'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'date', format = '%F %z'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'date', format = ['%F', '%F%']",
            "fields.f.format[1] bad_format",
        ),
        (
            "type = 'date', format = 'epoch_s'",
            "fields.f.format not_applicable",
        ),
        ("type = 'date', format = []", "fields.f.format impossible"),
        (
            "type = 'datetime', format = '%F %T'",
            "fields.f.format no_timezone",
        ),
        (
            "type = 'datetime', format = '%F %I:%M %z'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'datetime', format = '%F %T %Z'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'datetime', format = '%s'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'time', format = '%M:%S'",
            "fields.f.format bad_format",
        ),
        (
            "type = 'date', format = '%d.%m.%y', year_pivot = 101",
            "fields.f.year_pivot bad_value",
        ),
        (
            "type = 'date', format = '%F', year_pivot = 70",
            "fields.f.year_pivot not_applicable",
        ),
        (
            "type = 'date', format = '%F', locale = 'de'",
            "fields.f.locale not_applicable",
        ),
        (
            "type = 'time', format = '%F %T'",
            "fields.f.format bad_format",
        ),
    ] {
        check(RowKind::Columns, field, expected);
    }
}

#[test]
fn keys_that_mean_nothing_in_json() {
    for (field, expected) in [
        ("from = '$.a[*]'", "fields.f.from bad_path"),
        ("column = 1", "fields.f.column not_applicable"),
        (
            "type = 'list', separator = ';'",
            "fields.f.separator not_applicable",
        ),
        (
            "type = 'object', transform = ['trim']",
            "fields.f.transform not_applicable",
        ),
        (
            "type = 'list', items = 'string', strip = ['x']",
            "fields.f.strip not_applicable",
        ),
        (
            "type = 'list', items = 'string', scale = 1",
            "fields.f.scale not_applicable",
        ),
    ] {
        check(RowKind::Tree, field, expected);
    }
}

#[test]
fn everything_at_once_and_each_thing_once() {
    let found = problems(
        RowKind::Tree,
        r#"
        [columns]
        order = "strict"
        unknown = "hold"
        [values]
        group_char = "."
        timezone = "Nowhere"
        [fields]
        "odd name" = {}
        _id = {}
        b = { to = "x.y" }
        c = { to = "x" }
        d = { type = "datetime", format = "%F %T" }
        e = { type = "decimal" }
        "#,
    );
    let mut found: Vec<String> = found
        .iter()
        .map(|one| format!("{} {}", one.path, one.code))
        .collect();
    found.sort();
    let expected = [
        "columns.order not_applicable",
        "fields.\"odd name\" bad_name",
        "fields._id reserved_name",
        "fields.c.to target_taken",
        "values.group_char impossible",
        "values.timezone unknown_timezone",
    ];
    assert_eq!(found, expected);
}

#[test]
fn names_are_identifiers() {
    for (name, expected) in [
        ("a", true),
        ("_a1", true),
        ("", false),
        ("1a", false),
        ("a-b", false),
        ("ä", false),
    ] {
        assert_eq!(is_identifier(name), expected, "{name}");
    }
}
