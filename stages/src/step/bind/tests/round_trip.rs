//! What a sink would print binds back to the value that was printed, for every type.

use super::*;
use proptest::prelude::*;

/// Binds `cell` as CSV, and the same text as JSON, and expects `expected` from both.
fn comes_back(
    kind: &str,
    printed: &str,
    json: &str,
    expected: &Value,
) -> Result<(), TestCaseError> {
    let field = format!("f = {{ type = '{kind}' }}");
    let (verdict, record) = bind_cells(&plan(RowKind::Columns, &field, "", ""), "f", printed);
    prop_assert_eq!(verdict, Verdict::Keep, "{}", printed);
    prop_assert_eq!(record.value(0), expected, "{}", printed);
    let json = format!("{{\"f\": {json}}}");
    let (verdict, record) = bind_tree(&plan(RowKind::Tree, &field, "", ""), &json);
    prop_assert_eq!(verdict, Verdict::Keep, "{}", &json);
    prop_assert_eq!(record.value(0), expected, "{}", json);
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn integers_and_durations(value: i64) {
        let text = value.to_string();
        comes_back("integer", &text, &text, &Value::Integer(value))?;
        // A duration of i64::MIN cannot be negated, and none is that long.
        if value != i64::MIN {
            comes_back("duration", &text, &text, &Value::Integer(value))?;
        }
    }

    #[test]
    fn floats(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
        comes_back("float", &value.to_string(), &format!("{value:e}"), &Value::Float(value))?;
    }

    #[test]
    fn decimals(negative: bool, coefficient in 0..10_u128.pow(34), scale in -50..100_i32) {
        let decimal = crate::record::Decimal::new(negative, coefficient, scale).unwrap();
        let text = decimal.to_string();
        comes_back("decimal", &text, &quoted(&text), &Value::Decimal(decimal))?;
    }

    #[test]
    fn booleans(value: bool) {
        comes_back("boolean", &value.to_string(), &value.to_string(), &Value::Boolean(value))?;
    }

    #[test]
    fn dates_and_datetimes(days in -719_528..2_932_897_i32, milliseconds in -62_167_219_200_000..253_402_300_800_000_i64) {
        let record = Record::default();
        let text = canonical(&Value::Date(days), &record);
        comes_back("date", &text, &quoted(&text), &Value::Date(days))?;
        let text = canonical(&Value::Datetime(milliseconds), &record);
        comes_back("datetime", &text, &quoted(&text), &Value::Datetime(milliseconds))?;
    }

    #[test]
    fn uuids(bytes: [u8; 16]) {
        let text = hex::encode(bytes);
        let dashed = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-");
        comes_back("uuid", &dashed, &quoted(&dashed), &Value::Uuid(bytes))?;
    }

    #[test]
    fn texts_and_times(text in "[^|]*", seconds in 0..86_400_u32, nanosecond in 0..1_000_000_000_u32) {
        let plan = plan(RowKind::Columns, "s = {}\nt = { type = 'time' }", "", "");
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let time = format!("{hour:02}:{minute:02}:{second:02}.{nanosecond:09}");
        let time = time.trim_end_matches('0').trim_end_matches('.');
        let time = if time.len() < 8 { format!("{hour:02}:{minute:02}:{second:02}") } else { time.to_owned() };
        let (verdict, record) = bind_cells(&plan, "s|t", &format!("{text}|{time}"));
        prop_assert_eq!(verdict, Verdict::Keep);
        prop_assert_eq!(canonical(record.value(0), &record), text);
        prop_assert_eq!(canonical(record.value(1), &record), time);
    }

    /// Nothing that anybody could send makes a reader panic.
    #[test]
    fn any_text_is_a_value_or_a_problem(text in "[^|]{0,40}|[-+0-9.,eETZ:/ PHMSDW]{0,24}") {
        for field in [
            "type = 'integer'",
            "type = 'integer', group_char = '.'",
            "type = 'float'",
            "type = 'float', group_char = '.', decimal_char = ','",
            "type = 'decimal', scale = 3",
            "type = 'decimal', group_char = '_', decimal_char = '…'",
            "type = 'boolean'",
            "type = 'date'",
            "type = 'date', format = ['%d/%m/%y', '%A %b %d %Y', '%j %Y', '%Y%m%d']",
            "type = 'datetime', timezone = 'Europe/Berlin'",
            "type = 'datetime', format = ['%d%m%Y %I:%M%p %z', '%z%F', 'epoch_s']",
            "type = 'time'",
            "type = 'time', format = '%n%H%M%S%.f%t'",
            "type = 'duration'",
            "type = 'uuid'",
            "type = 'email'",
            "type = 'url'",
            "type = 'list', items = 'decimal', separator = ','",
            "transform = ['unescape', 'collapse', 'uppercase'], strip = ['E'], extract = '.*'",
        ] {
            let plan = plan(RowKind::Columns, &format!("f = {{ {field} }}"), "", "");
            let (verdict, _) = bind_cells(&plan, "f", &text);
            prop_assert!(!matches!(verdict, Verdict::Drop(_)));
        }
    }
}
