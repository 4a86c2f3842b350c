//! Cells of CSV records: every type, format and constraint, one line each.

use super::*;

/// One field `f` in a column `f`.
fn check(field: &str, cell: &str, expected: &str) {
    check_with(field, "", cell, expected);
}

fn check_with(field: &str, values: &str, cell: &str, expected: &str) {
    let plan = plan(RowKind::Columns, &format!("f = {{ {field} }}"), "", values);
    let (verdict, record) = bind_cells(&plan, "f", cell);
    assert_eq!(
        shown(verdict, &record, 1),
        expected,
        "{{ {field} }} of {cell:?}"
    );
}

#[test]
fn every_type() {
    for (field, cell, expected) in [
        ("", "007", "\"007\""),
        ("type = 'string'", "", "\"\""),
        ("type = 'string'", "a\0b", "\"a\\0b\""),
        ("type = 'integer'", "007", "7"),
        ("type = 'integer'", "", "! type f"),
        ("type = 'integer'", "1.0", "! type f"),
        (
            "type = 'integer'",
            "9223372036854775808",
            "! number_range f",
        ),
        ("type = 'integer', group_char = '.'", "1.234", "1234"),
        ("type = 'float'", "1e3", "1000.0f"),
        ("type = 'float'", "nan", "! type f"),
        ("type = 'float'", "1e999", "! number_range f"),
        ("type = 'float', decimal_char = ','", "0,5", "0.5f"),
        ("type = 'decimal'", "1.50", "1.50"),
        (
            "type = 'decimal', decimal_char = ',', group_char = '.'",
            "1.234,50",
            "1234.50",
        ),
        (
            "type = 'decimal', decimal_char = ',', group_char = '.'",
            "1.50",
            "! type f",
        ),
        ("type = 'decimal', scale = 2", "1234", "12.34"),
        ("type = 'decimal', scale = 2", "12.34", "! type f"),
        ("type = 'decimal', strip = ['€', ' ']", "€ 12.50", "12.50"),
        ("type = 'integer', strip = ['%']", "50%", "50"),
        ("type = 'integer'", "(5)", "! type f"),
        ("type = 'integer', negative = 'parentheses'", "(5)", "-5"),
        ("type = 'integer', negative = 'parentheses'", "-5", "-5"),
        (
            "type = 'integer', negative = 'parentheses'",
            "(-5)",
            "! type f",
        ),
        (
            "type = 'integer', negative = 'parentheses'",
            "()",
            "! type f",
        ),
        ("type = 'float', negative = 'trailing'", "1.5-", "-1.5f"),
        (
            "type = 'decimal', decimal_char = ',', group_char = '.', negative = 'trailing'",
            "1.234,56-",
            "-1234.56",
        ),
        (
            "type = 'decimal', negative = 'parentheses', strip = ['€', '%']",
            "(€12.50)",
            "-12.50",
        ),
        (
            "type = 'decimal', negative = 'parentheses', scale = 2, maximum = 0",
            "(1250)",
            "-12.50",
        ),
        (
            "type = 'list', items = 'integer', separator = ';', negative = 'trailing'",
            "1;2-",
            "[1, -2]",
        ),
        (
            "type = 'date', format = '%d. %B %y', locale = 'de', year_pivot = 30",
            "3. März 29",
            "2029-03-03",
        ),
        (
            "lookup = { values = { DE = 'Germany' } }",
            "DE",
            "\"Germany\"",
        ),
        (
            "lookup = { values = { DE = 'Germany' } }",
            "FR",
            "! lookup f",
        ),
        (
            "type = 'integer', lookup = { values = { one = '1' } }",
            "one",
            "1",
        ),
        (
            "type = 'integer', lookup = { values = { one = 'x' } }",
            "one",
            "! type f",
        ),
        (
            "type = 'integer', lookup = { values = { one = '1' }, missing = 'keep' }",
            "2",
            "2",
        ),
        ("lookup = { values = {}, missing = 'null' }", "2", "null"),
        (
            "lookup = { values = {}, missing = 'null' }, required = true",
            "2",
            "! required f",
        ),
        (
            "lookup = { values = {}, missing = 'null' }, default = 'none', enum = ['none']",
            "2",
            "\"none\"",
        ),
        (
            "lookup = { values = { a = '1' } }, missing_values = ['-'], transform = ['trim']",
            " - ",
            "null",
        ),
        (
            "type = 'list', items = 'integer', separator = ';', lookup = { values = { a = '1', b = '2' } }",
            "b;a",
            "[2, 1]",
        ),
        (
            "type = 'list', separator = ';', lookup = { values = { a = '1' } }",
            "b;a",
            "! lookup f",
        ),
        ("type = 'boolean'", "true", "true"),
        ("type = 'boolean'", "0", "false"),
        ("type = 'boolean'", "TRUE", "! type f"),
        (
            "type = 'boolean', true_values = ['ja'], false_values = ['nein', '']",
            "ja",
            "true",
        ),
        (
            "type = 'boolean', true_values = ['ja'], false_values = ['nein', '']",
            "",
            "false",
        ),
        ("type = 'boolean', true_values = ['ja']", "true", "! type f"),
        ("type = 'date'", "2026-04-03", "2026-04-03"),
        ("type = 'date'", "2026-4-3", "! type f"),
        (
            "type = 'date', format = '%d/%m/%Y'",
            "31/02/2026",
            "! type f",
        ),
        (
            "type = 'date', format = ['%d.%m.%Y', '%Y%m%d']",
            "20260403",
            "2026-04-03",
        ),
        (
            "type = 'datetime'",
            "2026-04-03T09:00:00Z",
            "2026-04-03T09:00:00Z",
        ),
        ("type = 'datetime'", "2026-04-03T09:00:00", "! type f"),
        (
            "type = 'datetime', timezone = 'Europe/Berlin'",
            "2026-04-03T09:00:00",
            "2026-04-03T07:00:00Z",
        ),
        (
            "type = 'datetime', timezone = 'Europe/Berlin'",
            "2026-04-03T09:00:00+00:00",
            "2026-04-03T09:00:00Z",
        ),
        (
            "type = 'datetime', format = 'epoch_s'",
            "1712131200",
            "2024-04-03T08:00:00Z",
        ),
        (
            "type = 'datetime', format = ['%d/%m/%Y %H:%M', 'epoch_ms'], timezone = 'UTC'",
            "1712131200123",
            "2024-04-03T08:00:00.123Z",
        ),
        ("type = 'time'", "09:05", "\"09:05:00\""),
        ("type = 'time'", "09:05:07.250", "\"09:05:07.25\""),
        ("type = 'time'", "24:00", "! type f"),
        (
            "type = 'time', format = '%I:%M %p'",
            "12:05 am",
            "\"00:05:00\"",
        ),
        ("type = 'duration'", "PT1H30M", "5400"),
        ("type = 'duration'", "1:02:03", "3723"),
        (
            "type = 'uuid'",
            "01234567-89ab-cdef-fedc-ba9876543210",
            "0123456789abcdeffedcba9876543210",
        ),
        ("type = 'uuid'", "x", "! type f"),
        ("type = 'email'", "a@example.org", "\"a@example.org\""),
        ("type = 'email'", "a@", "! type f"),
        (
            "type = 'url'",
            "https://example.org/",
            "\"https://example.org/\"",
        ),
        ("type = 'url'", "example.org", "! type f"),
        (
            "type = 'list', separator = ';'",
            "a;b;;c",
            "[\"a\", \"b\", \"\", \"c\"]",
        ),
        ("type = 'list', separator = ';'", "", "[]"),
        (
            "type = 'list'",
            r#" [1, "a\u00e4", null, {"x": [1.5]}] "#,
            r#"[1, "aä", null, {x: [1.5f]}]"#,
        ),
        ("type = 'list'", "[]", "[]"),
        ("type = 'list'", "", "! type f"),
        ("type = 'list', missing_values = ['']", "", "null"),
        ("type = 'list'", "a;b", "! type f"),
        ("type = 'list'", "{}", "! type f"),
        ("type = 'list'", "null", "! type f"),
        ("type = 'list'", "[1] 2", "! type f"),
        ("type = 'list', min_length = 2", "[1]", "! min_length f"),
        ("type = 'list', items = 'integer'", "[1,2]", "[1, 2]"),
        ("type = 'list', items = 'integer'", "[1,\"2\"]", "! type f"),
        (
            "type = 'list', items = 'decimal', default = '[\"1.50\"]', missing_values = ['']",
            "",
            "[1.50]",
        ),
        (
            "type = 'list', items = 'date', format = '%d.%m.%Y'",
            r#"["03.04.2026"]"#,
            "[2026-04-03]",
        ),
        (
            "type = 'list', items = 'object'",
            r#"[{"a": 1}, {}]"#,
            "[{a: 1}, {}]",
        ),
        ("type = 'object'", r#"{"a":{"b":"c"}}"#, r#"{a: {b: "c"}}"#),
        (
            "type = 'object'",
            r#"{"$oid": "x", "": 1}"#,
            r#"{$oid: "x", : 1}"#,
        ),
        ("type = 'object'", "[1]", "! type f"),
        ("type = 'object'", r#"{"a":1,"a":2}"#, "! duplicate_key f"),
        ("type = 'object'", "{\"a\":1e999}", "! number_range f"),
        (
            "type = 'object', transform = ['trim'], default = '{}', missing_values = ['-']",
            "-",
            "{}",
        ),
        (
            "type = 'list', items = 'integer', separator = ', '",
            "1, 2",
            "[1, 2]",
        ),
        (
            "type = 'list', items = 'integer', separator = ';'",
            "1;x",
            "! type f",
        ),
        (
            "type = 'list', items = 'date', format = '%d.%m.%y', separator = ';'",
            "03.04.26",
            "[2026-04-03]",
        ),
    ] {
        check(field, cell, expected);
    }
}

#[test]
fn the_order_of_work() {
    for (field, cell, expected) in [
        (
            "transform = ['trim', 'lowercase'], enum = ['sent']",
            " SENT ",
            "\"sent\"",
        ),
        (
            "transform = ['trim'], missing_values = ['-'], default = 'new'",
            " - ",
            "\"new\"",
        ),
        ("missing_values = ['']", "", "null"),
        ("missing_values = [''], required = true", "", "! required f"),
        (
            "missing_values = [''], required = true, default = 'x'",
            "",
            "\"x\"",
        ),
        (
            "type = 'integer', missing_values = ['n/a'], default = 0, minimum = 0",
            "n/a",
            "0",
        ),
        (
            "type = 'date', format = '%d/%m/%Y', missing_values = [''], default = '01/02/1970'",
            "",
            "1970-02-01",
        ),
        (
            "type = 'list', separator = ';', missing_values = [''], default = 'a;b'",
            "",
            "[\"a\", \"b\"]",
        ),
        ("extract = 'ID:(\\d+)', type = 'integer'", "x ID:42", "42"),
        (
            "extract = 'ID:(\\d+)', type = 'integer'",
            "x",
            "! pattern f",
        ),
        (
            "extract = 'ID:(\\d+)', missing_values = ['n/a']",
            "n/a",
            "null",
        ),
        ("transform = [{ replace = ['^0+', ''] }]", "007", "\"7\""),
    ] {
        let field = field.replace("'ID:", "'''ID:").replace("+)'", "+)'''");
        check(&field, cell, expected);
    }
}

#[test]
fn every_constraint() {
    for (field, cell, expected) in [
        ("type = 'integer', minimum = 1", "0", "! minimum f"),
        ("type = 'integer', minimum = 1", "1", "1"),
        ("type = 'integer', maximum = '10'", "11", "! maximum f"),
        ("type = 'decimal', minimum = '0'", "-0.00", "-0.00"),
        ("type = 'decimal', minimum = 0.1", "0.1", "0.1"),
        (
            "type = 'decimal', minimum = 0.1, decimal_char = ','",
            "0,09",
            "! minimum f",
        ),
        ("type = 'float', maximum = 1", "1.5", "! maximum f"),
        (
            "type = 'date', minimum = '2026-01-01', format = '%d.%m.%Y'",
            "31.12.2025",
            "! minimum f",
        ),
        (
            "type = 'datetime', maximum = '2026-01-01T00:00:00Z'",
            "2026-01-01T00:00:01Z",
            "! maximum f",
        ),
        (
            "type = 'time', minimum = '09:00'",
            "08:59:59.9",
            "! minimum f",
        ),
        (
            "type = 'time', minimum = '09:00'",
            "09:00:00.1",
            "\"09:00:00.1\"",
        ),
        ("type = 'duration', maximum = 'PT1H'", "3601", "! maximum f"),
        ("min_length = 2, max_length = 3", "ä", "! min_length f"),
        ("min_length = 2, max_length = 3", "äöü", "\"äöü\""),
        ("min_length = 2, max_length = 3", "äöüß", "! max_length f"),
        (
            "type = 'list', separator = ';', min_length = 2",
            "a",
            "! min_length f",
        ),
        ("pattern = '[A-Z]{2}-[0-9]+'", "DE-1", "\"DE-1\""),
        ("pattern = '[A-Z]{2}-[0-9]+'", "xDE-1", "! pattern f"),
        ("pattern = 'a|bc'", "bcd", "! pattern f"),
        ("pattern = 'a'", "a\n", "! pattern f"),
        ("enum = ['a', 'b']", "c", "! enum f"),
        ("type = 'integer', enum = [1, 2]", "2", "2"),
        ("type = 'decimal', enum = ['1.5']", "1.50", "1.50"),
        ("type = 'boolean', enum = [true]", "false", "! enum f"),
        (
            "pattern = 'b+', max_length = 2, enum = ['bb']",
            "aaa",
            "! max_length f, pattern f, enum f",
        ),
    ] {
        check(field, cell, expected);
    }
}

#[test]
fn what_all_fields_start_from() {
    let euro = "missing_values = ['', 'NULL']\ndecimal_char = ','\ngroup_char = '.'\ntimezone = 'Europe/Berlin'";
    for (field, cell, expected) in [
        ("type = 'decimal'", "1.234,50", "1234.50"),
        ("type = 'decimal'", "NULL", "null"),
        ("type = 'decimal', missing_values = []", "NULL", "! type f"),
        (
            "type = 'decimal', decimal_char = '.', group_char = ','",
            "1,234.50",
            "1234.50",
        ),
        (
            "type = 'datetime', format = '%d/%m/%Y %H:%M'",
            "03/04/2026 09:00",
            "2026-04-03T07:00:00Z",
        ),
        (
            "type = 'datetime', format = '%d/%m/%Y %H:%M', timezone = 'UTC'",
            "03/04/2026 09:00",
            "2026-04-03T09:00:00Z",
        ),
    ] {
        check_with(field, euro, cell, expected);
    }
    check_with(
        "type = 'boolean'",
        "true_values = ['Y']\nfalse_values = ['N']",
        "N",
        "false",
    );
}

#[test]
fn the_order_file_of_the_language() {
    let plan = plan(
        RowKind::Columns,
        "order_id = { from = ['Order No', 'Bestellnr'], required = true, pattern = '[A-Z]{2}-\\d{8}' }
         ordered_at = { from = 'Datum', type = 'datetime', format = '%d/%m/%Y %H:%M' }
         total = { from = 'Betrag', to = 'amount.total', type = 'decimal', minimum = '0' }
         status = { transform = ['trim', 'lowercase'], enum = ['new', 'sent', 'done'], default = 'new' }",
        "",
        "missing_values = ['']\ndecimal_char = ','\ngroup_char = '.'\ntimezone = 'Europe/Berlin'",
    );
    for (row, expected) in [
        (
            "DE-00000001|03/04/2026 09:00|1.234,50|SENT",
            "\"DE-00000001\" 2026-04-03T07:00:00Z 1234.50 \"sent\"",
        ),
        ("DE-00000001|||", "\"DE-00000001\" null null \"new\""),
        ("DE-1|03/04/2026 09:00|1,00|sent", "! pattern order_id"),
        (
            "|29/03/2026 02:30|-1|lost",
            "! required order_id, type ordered_at, minimum total, enum status",
        ),
    ] {
        let (verdict, record) = bind_cells(&plan, "ORDER NO|Datum|Betrag|Status", row);
        assert_eq!(shown(verdict, &record, 4), expected, "{row}");
    }
    let (berlin, fields) = (
        plan.timezone_of("ordered_at").unwrap(),
        plan.schema_fields(),
    );
    assert_eq!(berlin.name(), "Europe/Berlin");
    assert_eq!(
        fields[2].target.as_deref().unwrap().join("."),
        "amount.total"
    );
}

#[test]
fn derived_fields_have_room_behind_the_others() {
    let mut cells = plan(RowKind::Columns, "f = {}", "", "");
    let mut json = plan(RowKind::Tree, "f = {}", "", "");
    for plan in [&mut cells, &mut json] {
        plan.make_room(3);
    }
    for (verdict, mut record) in [
        bind_cells(&cells, "f", "a"),
        bind_tree(&json, r#"{"f": "a"}"#),
    ] {
        assert_eq!(shown(verdict, &record, 3), "\"a\" null null");
        record.set(2, Value::Integer(7));
        assert_eq!(shown(Verdict::Keep, &record, 3), "\"a\" null 7");
    }
}

#[test]
fn messages_show_what_was_found() {
    let message = |field: &str, cell: &str| {
        let plan = plan(RowKind::Columns, &format!("f = {{ {field} }}"), "", "");
        match bind_cells(&plan, "f", cell).0 {
            Verdict::Reject(problems) => problems[0].message.clone(),
            other => panic!("{other:?}"),
        }
    };
    for (field, cell, expected) in [
        ("type = 'integer'", "1\t2", r#""1\t2" is no integer"#),
        (
            "type = 'integer'",
            "",
            r#""" is no integer; where empty means null, say so with `missing_values`"#,
        ),
        (
            "type = 'boolean'",
            "x",
            r#""x" is none of "true", "1", "false", "0""#,
        ),
        (
            "type = 'decimal', minimum = '0.01'",
            "0.001",
            r#""0.001" is less than 0.01"#,
        ),
        (
            "type = 'decimal'",
            "1,5",
            r#""1,5" is no number: `decimal_char` is `.`"#,
        ),
        (
            "type = 'float', decimal_char = ','",
            "1.5",
            r#""1.5" is no number: `decimal_char` is `,`"#,
        ),
        ("type = 'float'", "a,b", r#""a,b" is no number"#),
        (
            "type = 'decimal', decimal_char = ','",
            "(12,00)",
            r#""(12,00)" is no number: `negative = "parentheses"` reads such a one"#,
        ),
        (
            "type = 'decimal'",
            "12.00-",
            r#""12.00-" is no number: `negative = "trailing"` reads such a one"#,
        ),
        (
            "type = 'decimal', decimal_char = ','",
            "-5,00 €",
            r#""-5,00 €" is no number: `strip` takes away what stands beside it"#,
        ),
        ("type = 'float'", "12 boxes", r#""12 boxes" is no number"#),
        (
            "type = 'date', format = '%Y-%m-%d'",
            "03.04.2026",
            r#""03.04.2026" is no date: expected %Y-%m-%d"#,
        ),
        (
            "type = 'date'",
            "03.04.2026",
            r#""03.04.2026" is no date: expected YYYY-MM-DD"#,
        ),
        (
            "type = 'datetime', timezone = 'UTC', format = ['%d.%m.%Y %H:%M', 'epoch_s']",
            "x",
            r#""x" is no datetime: expected %d.%m.%Y %H:%M or epoch_s"#,
        ),
        (
            "type = 'time'",
            "x",
            r#""x" is no time of day: expected HH:MM[:SS]"#,
        ),
        ("enum = ['a', 'b']", "c", r#""c" is none of "a", "b""#),
        ("pattern = '[0-9]+'", "c", r#""c" does not match [0-9]+"#),
        ("max_length = 2", "abc", r#""abc" is longer than 2"#),
        (
            "required = true, missing_values = ['']",
            "",
            r#""f" is required, and missing or null"#,
        ),
        (
            "type = 'datetime', timezone = 'Europe/Berlin'",
            "2026-03-29T02:30:00",
            r#""2026-03-29T02:30:00" is a local time that the clocks of Europe/Berlin skipped"#,
        ),
        (
            "type = 'list', items = 'integer', separator = ';'",
            "1;x",
            r#""1;x" has an item 2, "x", that is no integer"#,
        ),
    ] {
        assert_eq!(message(field, cell), expected);
    }
    let long = message("type = 'integer'", &"ä".repeat(200));
    assert_eq!(long, format!("\"{}\"… is no integer", "ä".repeat(100)));
}
