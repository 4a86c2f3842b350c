//! Numbers at their borders, in every style.

use super::*;
use proptest::prelude::*;

const EURO: NumberStyle = NumberStyle {
    decimal_char: ',',
    group_char: Some('.'),
};

/// What was read, or the code of the fault.
fn shown<T>(result: Result<T, Fault>, show: impl Fn(T) -> String) -> String {
    result.map_or_else(|fault| fault.code.to_owned(), show)
}

fn check<T>(
    cases: &[(&str, &str)],
    read: impl Fn(&str) -> Result<T, Fault>,
    show: impl Fn(T) -> String,
) {
    for (text, expected) in cases {
        assert_eq!(shown(read(text), &show), *expected, "{text:?}");
    }
}

#[test]
fn integers() {
    let cases = [
        ("0", "0"),
        ("007", "7"),
        ("+5", "5"),
        ("-5", "-5"),
        ("-0", "0"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0000000000000000000000000001", "1"),
        ("9223372036854775808", "number_range"),
        ("-9223372036854775809", "number_range"),
        ("99999999999999999999999999", "number_range"),
        ("", "type"),
        ("-", "type"),
        ("1.0", "type"),
        ("1e3", "type"),
        (" 1", "type"),
        ("1_000", "type"),
        ("0x10", "type"),
        ("١", "type"),
        ("99999999999999999999999999x", "type"),
    ];
    check(
        &cases,
        |text| integer(text, NumberStyle::PLAIN),
        |value| value.to_string(),
    );
    let cases = [
        ("1.234", "1234"),
        ("-1.234.567", "-1234567"),
        ("1234", "1234"),
        ("1.50", "type"),
        ("1234.567", "type"),
        (".123", "type"),
        ("1.", "type"),
        ("1..234", "type"),
        ("1,5", "type"),
    ];
    check(
        &cases,
        |text| integer(text, EURO),
        |value| value.to_string(),
    );
}

#[test]
fn floats() {
    let cases = [
        ("0.1", "0.1"),
        ("-1e3", "-1000.0"),
        ("+2.5E-1", "0.25"),
        ("0e999", "0.0"),
        ("1.7976931348623157e308", "1.7976931348623157e308"),
        ("1e309", "number_range"),
        ("1e-400", "number_range"),
        ("inf", "type"),
        ("NaN", "type"),
        ("-infinity", "type"),
        ("", "type"),
        ("1,5", "type"),
        ("e5", "type"),
        ("1e", "type"),
    ];
    check(
        &cases,
        |text| float(text, NumberStyle::PLAIN),
        |value| format!("{value:?}"),
    );
    let cases = [
        ("1.234,5", "1234.5"),
        ("1,5e3", "1500.0"),
        ("1.5", "type"),
        ("1,5,", "type"),
    ];
    check(
        &cases,
        |text| float(text, EURO),
        |value| format!("{value:?}"),
    );
}

#[test]
fn decimals() {
    let cases = [
        ("1.50", "1.50"),
        ("-0.001", "-0.001"),
        ("7", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e2", "1E+2"),
        ("123456789012345678", "123456789012345678"),
        ("1234567890123456789", "1234567890123456789"),
        ("12345678901234567.8", "12345678901234567.8"),
        ("123456789012345678.9", "123456789012345678.9"),
        (
            "1234567890123456789012345678901234",
            "1234567890123456789012345678901234",
        ),
        ("12345678901234567890123456789012345", "number_range"),
        ("1e999999", "number_range"),
        (".", "type"),
        ("", "type"),
        ("-", "type"),
        ("1.2.3", "type"),
        ("NaN", "type"),
        ("1,5", "type"),
    ];
    check(
        &cases,
        |text| decimal(text, NumberStyle::PLAIN, None),
        |value| value.to_string(),
    );
    let cases = [
        ("1.234,50", "1234.50"),
        ("1234,50", "1234.50"),
        ("-12.345.678,9", "-12345678.9"),
        ("1.50", "type"),
        ("1.234.5", "type"),
        ("1,234.5", "type"),
        ("1,5e2", "15E+1"),
        ("12.34,5", "type"),
    ];
    check(
        &cases,
        |text| decimal(text, EURO, None),
        |value| value.to_string(),
    );
    let thin = NumberStyle {
        decimal_char: ',',
        group_char: Some('\u{a0}'),
    };
    check(
        &[("1\u{a0}234,5", "1234.5"), ("1 234,5", "type")],
        |text| decimal(text, thin, None),
        |value| value.to_string(),
    );
    assert_eq!(
        shown(decimal(&"1".repeat(200), EURO, None), |value| value
            .to_string()),
        "type"
    );
}

#[test]
fn an_implied_point_is_the_only_one() {
    let cases = [
        ("1234", "12.34"),
        ("-5", "-0.05"),
        ("12.34", "type"),
        ("1e2", "type"),
    ];
    check(
        &cases,
        |text| decimal(text, NumberStyle::PLAIN, Some(2)),
        |value| value.to_string(),
    );
}

#[test]
fn untyped_numbers_are_exact_or_refused() {
    let cases = [
        ("12", "Integer(12)"),
        ("-9223372036854775808", "Integer(-9223372036854775808)"),
        ("1.0", "Float(1.0)"),
        ("0.1", "Float(0.1)"),
        ("-0.0", "Float(-0.0)"),
        ("1e20", "Float(1e20)"),
        ("9223372036854775808", "number_range"),
        ("100000000000000000000", "Float(1e20)"),
        ("12345678901234567890", "number_range"),
        ("0.1000000000000000055", "number_range"),
        ("3.14159265358979312", "number_range"),
        ("3.141592653589793", "Float(3.141592653589793)"),
        ("1e400", "number_range"),
        ("1e-400", "number_range"),
    ];
    check(&cases, untyped, |value| format!("{value:?}"));
}

proptest! {
    #[test]
    fn short_numbers_are_read_as_long_ones_are(text in "[+-]?[0-9]{0,21}\\.?[0-9]{0,21}") {
        let nearest = text.parse::<f64>().ok().map(f64::to_bits);
        prop_assert_eq!(float(&text, NumberStyle::PLAIN).ok().map(f64::to_bits), nearest);
        let exact = Decimal::parse(&text);
        prop_assert_eq!(decimal(&text, NumberStyle::PLAIN, None).ok(), exact);
        let whole = text.parse::<i64>().ok();
        prop_assert_eq!(integer(&text, NumberStyle::PLAIN).ok(), whole);
    }
}

#[test]
fn spaces_and_apostrophes_between_groups_are_of_one_kind_in_a_number() {
    let space = NumberStyle {
        decimal_char: ',',
        group_char: Some(' '),
    };
    let cases = [
        ("1 234 567,5", "1234567.5"),
        ("1\u{a0}234\u{a0}567,5", "1234567.5"),
        ("1\u{202f}234\u{202f}567,5", "1234567.5"),
        ("-1\u{2009}234", "-1234"),
        ("1 234\u{a0}567", "type"),
        ("1 23", "type"),
        (" 1 234", "type"),
        ("1 234 ", "type"),
        ("1\t234", "type"),
    ];
    check(
        &cases,
        |text| decimal(text, space, None),
        |value| value.to_string(),
    );
    let swiss = NumberStyle {
        decimal_char: '.',
        group_char: Some('\''),
    };
    let cases = [
        ("1'234'567.50", "1234567.50"),
        ("1\u{2019}234\u{2019}567.50", "1234567.50"),
        ("1'234\u{2019}567.50", "type"),
    ];
    check(
        &cases,
        |text| decimal(text, swiss, None),
        |value| value.to_string(),
    );
}
