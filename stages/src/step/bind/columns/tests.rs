//! Headers: which column each field takes, and every way in which a file can be refused.

use super::thousands;
use crate::record::{Cells, Record, Value};
use crate::step::bind::*;
use pipeline::{Accepted, Bind, Cause, Verdict};

fn plan(fields: &str, columns: &str) -> BindPlan {
    // One field a line, so that their order is kept.
    let field = |line: &str| toml::from_str::<FieldsSpec>(line).unwrap().0.pop().unwrap();
    let fields: Vec<(String, FieldSpec)> = fields.lines().map(field).collect();
    let mut problems = Vec::new();
    let (columns, values) = (toml::from_str(columns).unwrap(), ValuesSpec::default());
    let plan = BindPlan::new(RowKind::Columns, &fields, &columns, &values, &mut problems);
    assert_eq!(problems, []);
    plan
}

fn titles(line: &str) -> Vec<String> {
    line.split('|').map(str::to_owned).collect()
}

/// The values of the row `1|2|3…` by field and then by kept name, or what was refused.
fn check(fields: &str, columns: &str, header: &str, expected: &str) {
    let plan = plan(fields, columns);
    let header = titles(header);
    let found = match plan.for_columns(&header, &Accepted::default()) {
        Ok(bind) => {
            let row: Vec<String> = (1..=header.len())
                .map(|number| number.to_string())
                .collect();
            let mut cells: Cells = row.iter().map(String::as_str).collect();
            let mut record = Record::default();
            let text = |value: &Value, record: &Record| match value {
                Value::Text(text) => record.text(*text).to_owned(),
                Value::Object(entries) => format!("{} rescued", entries.len()),
                _ => "-".into(),
            };
            match bind.bind(&mut cells, &mut record) {
                Verdict::Keep | Verdict::Warn(_) => {
                    let count = plan.schema_fields().len();
                    let values = (0..count).map(|index| text(record.value(index), &record));
                    let kept = record.unknown().iter();
                    let kept = kept.map(|(name, value)| {
                        format!("{}={}", record.text(*name), text(value, &record))
                    });
                    values.chain(kept).collect::<Vec<_>>().join(" ")
                }
                Verdict::Reject(problems) => {
                    let one = |problem: &pipeline::Problem| {
                        format!("{} {:?}", problem.code, problem.field)
                    };
                    problems.iter().map(one).collect::<Vec<_>>().join(", ")
                }
                Verdict::Drop(name) => name.to_string(),
                Verdict::Halt(halt) => format!("{:?}", halt.breach.cause),
            }
        }
        Err(BindRefusal::Fatal(fatal)) => format!("! {}", fatal.code),
        Err(BindRefusal::Hold(cause)) => format!("? {cause:?}"),
    };
    assert_eq!(found, expected, "{fields:?} {columns:?} in {header:?}");
}

#[test]
fn titles_are_found() {
    for (fields, header, expected) in [
        ("a = {}\nb = {}", "b|a", "2 1"),
        ("a = { from = 'Order No' }", "x| ORDER no ", "2"),
        ("a = { from = 'Größe' }", "x|GRO\u{308}SSE", "2"),
        ("a = { from = 'STRASSE' }", "straße", "1"),
        ("a = { from = 'name' }", "NAME|name", "2"),
        ("a = { from = 'name' }", "NAME|Name", "! header_ambiguous"),
        ("a = { from = 'name' }", "name|name", "! header_ambiguous"),
        ("a = { from = ['x', 'y'] }", "y|z", "1"),
        ("a = { from = ['x', 'y'] }", "y|x", "! header_ambiguous"),
        ("a = { from = ['x', 'X'] }", "x|y", "1"),
        ("a = { from = '/^Bestell/' }", "x| Bestellnr.", "2"),
        ("a = { from = '/^bestell/' }", "Bestellnr", "-"),
        ("a = { from = '/^B/' }", "Ba|Bb", "! header_ambiguous"),
        ("a = { column = 2 }", "|", "2"),
        ("a = { column = 3 }", "a|b", "-"),
        ("a = { column = 1 }\nb = { column = 2 }", "x|x", "1 2"),
        ("a = { from = 'x' }\nb = { from = 'x' }", "x", "1 1"),
        ("a = {}", "b", "-"),
    ] {
        check(fields, "", header, expected);
    }
}

#[test]
fn missing_columns() {
    let fields = "a = { required = true }\nb = {}";
    for (columns, header, expected) in [
        ("", "b", "! column_missing"),
        ("", "a", "1 -"),
        ("missing = 'fail_any'", "a", "! column_missing"),
        ("missing = 'fail_any'", "b|a", "2 1"),
        ("missing = 'null'", "b", "required Some(\"a\")"),
    ] {
        check(fields, columns, header, expected);
    }
    check(
        "a = { column = 2, required = true }",
        "",
        "x",
        "! column_missing",
    );
}

#[test]
fn unknown_columns() {
    for (columns, header, expected) in [
        ("", "a|x|y", "1"),
        ("unknown = 'keep'", "x|a| y ", "2 x=1 y=3"),
        ("unknown = 'keep'", "a||y", "! header_ambiguous"),
        ("unknown = 'keep'", "a|y|y", "! header_ambiguous"),
        ("unknown = 'keep'", "a|_id", "! reserved_name"),
        ("unknown = 'keep'", "a|x\0", "! nul_in_name"),
        ("unknown = 'keep'", "a|t", "! name_taken"),
        ("unknown = 'keep'", "a|lineage", "! name_taken"),
        ("unknown = 'rescue'", "a|_id|t", "1 _rescued=2 rescued"),
        ("unknown = 'rescue'", "a|x|x", "! header_ambiguous"),
        ("unknown = 'rescue'", "a", "1"),
        (
            "unknown = 'reject'",
            "a|x|y",
            "unknown_column Some(\"x\"), unknown_column Some(\"y\")",
        ),
        ("unknown = 'reject'", "a", "1"),
        ("unknown = 'hold'", "a|x", "? UnknownColumns([\"x\"])"),
        ("unknown = 'hold'", "a", "1"),
        ("unknown = 'fail'", "a|x", "! unknown_columns"),
        ("unknown = 'fail'", "a", "1"),
    ] {
        let mut plan = plan("a = { to = 't.u' }", columns);
        plan.also_takes(["lineage".into()]);
        if header.contains("lineage") {
            let refused = plan
                .for_columns(&titles(header), &Accepted::default())
                .unwrap_err();
            assert!(
                matches!(refused, BindRefusal::Fatal(fatal) if format!("! {}", fatal.code) == expected)
            );
        } else {
            check("a = { to = 't.u' }", columns, header, expected);
        }
    }
    check("", "unknown = 'keep'", "a|b", "a=1 b=2");
}

#[test]
fn accepted_columns_do_not_hold_again() {
    let plan = plan("a = {}", "unknown = 'hold'");
    let mut accepted = Accepted::default();
    accepted.accept(Cause::UnknownColumns(vec!["x".into()]));
    assert!(plan.for_columns(&titles("a|x"), &accepted).is_ok());
    let other = plan.for_columns(&titles("a|x|y"), &accepted).unwrap_err();
    assert!(matches!(other, BindRefusal::Hold(_)));
}

/// A header of a mebibyte has this many columns; comparing each with each would take minutes.
#[test]
fn a_header_of_very_many_columns() {
    let many: Vec<String> = (0..200_000).map(|number| format!("{number:x}")).collect();
    for unknown in ["drop", "keep", "rescue", "hold", "fail", "reject"] {
        let plan = plan("a = {}", &format!("unknown = '{unknown}'"));
        match plan.for_columns(&many, &Accepted::default()) {
            Ok(bind) => {
                let mut cells: Cells = many.iter().map(|_| "1").collect();
                let verdict = bind.bind(&mut cells, &mut Record::default());
                match verdict {
                    Verdict::Reject(problems) => assert!(problems.len() <= 101, "{unknown}"),
                    verdict => assert_eq!(verdict, Verdict::Keep, "{unknown}"),
                }
            }
            Err(BindRefusal::Fatal(fatal)) => assert!(fatal.message.len() < 1000, "{fatal}"),
            Err(BindRefusal::Hold(cause)) => assert_eq!(cause.code(), "unknown_columns"),
        }
    }
}

#[test]
fn a_strict_order() {
    let fields = "a = {}\nb = {}\nc = { from = 'a' }";
    for (header, expected) in [
        ("a|b", "1 2 1"),
        ("x|a|y|b", "2 4 2"),
        ("b", "- 1 -"),
        ("b|a", "! column_order"),
    ] {
        check(fields, "order = 'strict'", header, expected);
    }
}

#[test]
fn the_header_is_the_row_with_every_title_that_must_be_there() {
    let required = plan(
        "a = { required = true }\nb = { required = true }\nc = {}",
        "",
    );
    let rows = ["Report of 2026", "", "a", "c|b|a"];
    let found: Vec<bool> = rows
        .iter()
        .map(|row| required.is_header(&titles(row)))
        .collect();
    assert_eq!(found, [false, false, false, true]);
    assert!(plan("a = {}", "").is_header(&titles("anything")));
    assert!(!plan("a = {}", "missing = 'fail_any'").is_header(&titles("anything")));
}

#[test]
fn a_missing_title_is_told_with_what_is_there() {
    let plan = plan(
        "total = { from = ['Betrag', '/^Sum/'], required = true }",
        "",
    );
    let many: Vec<String> = (0..40)
        .map(|number| format!("c{number}"))
        .chain(["Betrg".into()])
        .collect();
    match plan.for_columns(&many, &Accepted::default()).unwrap_err() {
        BindRefusal::Fatal(fatal) => {
            let start =
                r#"the field `total` wants a column "Betrag" or /^Sum/; the file has "c0", "#;
            assert!(fatal.message.starts_with(start), "{fatal}");
            let end = "\"Betrg\", … 36 more";
            assert!(fatal.message.ends_with(end), "{fatal}");
            assert_eq!(fatal.hint.as_deref(), Some("did you mean \"Betrg\"?"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_header_of_one_cell_is_asked_for_its_delimiter() {
    let plan = plan("a = { required = true }", "");
    for (header, named) in [
        ("a,b,c", "holds `,`: is the delimiter `,`?"),
        ("a;b", "holds `;`: is the delimiter `;`?"),
        ("a\tb", "holds a tab: is the delimiter `\\t`?"),
    ] {
        match plan.for_columns(&[header.to_owned()], &Accepted::default()) {
            Err(BindRefusal::Fatal(fatal)) => {
                assert!(fatal.hint.as_deref().unwrap().ends_with(named), "{fatal}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(thousands(1995), "1,995");
    assert_eq!(thousands(999), "999");
}

#[test]
fn what_is_not_used_is_told() {
    let fields = "a = {}\nposted_at = { from = 'Postd' }\nfar = {}\nnth = { column = 9 }";
    for (columns, dropped) in [("", vec!["x", "Posted"]), ("unknown = 'rescue'", vec![])] {
        let left_out = plan(fields, columns).left_out(&titles("a|x| Posted "));
        assert_eq!(left_out.columns, dropped);
        assert_eq!(
            left_out.fields,
            [
                "posted_at (looked for \"Postd\"; did you mean \"Posted\"?)",
                "far (looked for \"far\")",
                "nth (column 9 of 3)"
            ]
        );
    }
    assert_eq!(
        plan("a = {}", "").left_out(&titles("A")),
        LeftOut::default()
    );
}

#[test]
fn a_file_with_none_of_the_titles_is_refused_where_nothing_says_what_fields_are_without() {
    let tab = "the header is one cell that holds a tab: is the delimiter `\\t`?";
    for (fields, columns, header, hint) in [
        (
            "a = {}\nb = {}",
            "",
            "x|y",
            Some("is it a file of this spec?"),
        ),
        ("a = {}\nb = {}", "", "a\tb", Some(tab)),
        (
            "a = {}\nb = { column = 3 }",
            "",
            "x|y",
            Some("is it a file"),
        ),
        (
            "a = {}\nb = { default = 'x' }",
            "",
            "x|y",
            Some("is it a file"),
        ),
        ("a = {}\nb = { default = 'x' }", "", "b|y", None),
        ("a = {}\nb = { column = 2 }", "", "x|y", None),
        ("a = {}\nb = {}", "", "x|B", None),
        ("a = {}\nb = {}", "missing = 'null'", "x|y", None),
        ("a = { default = 'x' }", "", "x|y", None),
        ("a = { column = 3 }", "", "x|y", None),
        ("", "unknown = 'keep'", "x|y", None),
    ] {
        let plan = plan(fields, columns);
        let found = plan.finds_any(&titles(header));
        let fatal = found.as_ref().err();
        let code = fatal.map(|fatal| fatal.code);
        assert_eq!(code, hint.map(|_| "column_missing"), "{fields} {header}");
        let told = fatal.and_then(|fatal| fatal.hint.as_deref());
        assert!(
            told.unwrap_or_default()
                .starts_with(hint.unwrap_or_default()),
            "{told:?}"
        );
    }
    let fatal = plan("a = {}", "").finds_any(&titles("x|Ada"));
    let message = "no field has a column: the file has \"x\", \"Ada\"";
    assert_eq!(fatal.unwrap_err().message, message);
}

#[test]
fn no_message_says_a_title_where_one_may_be_a_value() {
    for (fields, columns, header) in [
        ("a = {}\nb = {}", "", "Ada|Adb"),
        ("adx = { required = true }", "", "Ada|x"),
        ("a = { from = ['Ada', 'Adb'] }", "", "Ada|Adb"),
        ("x = {}\ny = {}", "order = 'strict'", "y|x|Ada"),
        ("x = {}", "unknown = 'fail'", "x|Ada"),
        ("x = {}", "unknown = 'keep'", "x|Ada|Ada"),
        ("x = {}\nadx = {}", "", "x|Ada|Adb"),
    ] {
        let mut plan = plan(fields, columns);
        plan.hide_titles();
        let titles = titles(header);
        let told = [
            plan.finds_any(&titles)
                .map_err(|fatal| format!("{fatal:?}")),
            plan.for_columns(&titles, &Accepted::default())
                .map(|_| ())
                .map_err(|refusal| format!("{refusal:?}")),
            Err(format!("{:?}", plan.left_out(&titles).columns)),
        ];
        let told: String = told.into_iter().filter_map(Result::err).collect();
        let said = fields.replace("'Ada', 'Adb'", "");
        assert!(!told.replace(&said, "").contains("Ad"), "{fields}: {told}");
    }
}
