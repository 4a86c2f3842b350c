//! The short way against CEL: random expressions over random records, and which ones never need CEL.

use crate::record::{Decimal, Field, Record, Schema, Type, Value};
use crate::step::expression::{Expression, Names};
use jiff::tz::TimeZone;
use proptest::prelude::*;

const FIELDS: [(&str, Type); 14] = [
    ("status", Type::String),
    ("city", Type::String),
    ("count", Type::Integer),
    ("left", Type::Integer),
    ("total", Type::Decimal),
    ("price", Type::Decimal),
    ("ratio", Type::Float),
    ("paid", Type::Boolean),
    ("sent", Type::Boolean),
    ("day", Type::Date),
    ("at", Type::Datetime),
    ("later", Type::Datetime),
    ("id", Type::Uuid),
    ("tags", Type::List),
];

fn schema() -> Schema {
    let field = |(name, kind): (&str, Type)| Field {
        name: name.into(),
        kind,
        target: None,
    };
    Schema::new(FIELDS.map(field).to_vec()).unwrap()
}

fn compiled(text: &str) -> Option<Expression> {
    let schema = schema();
    let zone = |name| TimeZone::get(name).unwrap();
    let names = Names {
        schema: &schema,
        visible: FIELDS.len(),
        zones: &[(10, zone("Europe/Berlin")), (11, zone("America/New_York"))],
        uncertain: &[],
    };
    Expression::compile(text, &names).ok()
}

/// The value number `choice` that a field of type `kind` may have; 0 is null.
fn value(kind: Type, choice: usize, record: &mut Record) -> Value {
    let Some(choice) = choice.checked_sub(1) else {
        return Value::Null;
    };
    match kind {
        Type::Integer => Value::Integer([0, 3, -2, i64::MAX, i64::MIN][choice]),
        Type::Decimal => {
            let text = [
                "0",
                "1.50",
                "1.5",
                "-2.00",
                "9999999999999999999999999999999999",
            ][choice];
            Value::Decimal(Decimal::parse(text).unwrap())
        }
        Type::Float => Value::Float([0.0, -0.0, 1.5, -2.0, 1e300][choice]),
        Type::Boolean => Value::Boolean(choice % 2 == 0),
        Type::Date => Value::Date([0, -1, 20_546, 20_547, i32::MAX][choice]),
        // Around a midnight of Berlin, in summer; the first and last moments that a field can hold.
        Type::Datetime => Value::Datetime(
            [
                1_775_253_599_999,
                1_775_253_600_000,
                -1,
                -62_167_219_200_000,
                253_402_300_799_999,
            ][choice],
        ),
        Type::Uuid => Value::Uuid([choice as u8; 16]),
        Type::List => Value::List(vec![Value::Integer(choice as i64)]),
        _ => Value::Text(record.store(["", "a", "b", "ab", "ä"][choice])),
    }
}

fn record(choices: &[usize]) -> Record {
    let mut record = Record::default();
    record.clear(0);
    for ((_, kind), choice) in FIELDS.iter().zip(choices) {
        let value = value(*kind, *choice, &mut record);
        record.push(value);
    }
    record.push(Value::Null);
    record
}

/// A value as it would be stored, its text instead of its place.
fn shown(record: &Record) -> String {
    match record.value(FIELDS.len()) {
        Value::Text(text) => format!("{:?}", record.text(*text)),
        other => format!("{other:?}"),
    }
}

fn choices() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..6_usize, FIELDS.len())
}

fn any_of(all: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(all).prop_map(str::to_owned).boxed()
}

/// Values of one kind, as an expression says them.
fn terms() -> Vec<BoxedStrategy<String>> {
    let number = any_of(&[
        "count",
        "left",
        "total",
        "price",
        "0",
        "3",
        "-2",
        "decimal(count)",
        "decimal('1.50')",
        "decimal(total)",
    ]);
    let reckoned = (
        number.clone(),
        any_of(&["+", "-", "*", "/", "%"]),
        number.clone(),
    );
    let reckoned = reckoned.prop_map(|(a, sign, b)| format!("({a} {sign} {b})"));
    vec![
        prop_oneof![3 => number, 1 => reckoned].boxed(),
        any_of(&["status", "city", "'a'", "'ä'", "''", "id", "lower(city)"]),
        any_of(&["ratio", "1.5", "0.0", "ratio * 2.0", "count", "-1.0"]),
        any_of(&[
            "day",
            "date(at)",
            "date(later)",
            "date('2026-04-03')",
            "date(day)",
        ]),
        any_of(&["at", "later", "timestamp('2026-04-03T22:00:00Z')"]),
        any_of(&["paid", "sent", "true", "false"]),
        any_of(&[
            "null", "status", "total", "count", "tags", "id", "day", "ratio", "paid",
        ]),
        any_of(&["tags[0]", "tags", "tags[1]", "count", "total", "null"]),
    ]
}

fn conditions() -> impl Strategy<Value = String> {
    let kinds = terms().into_iter().map(|term| {
        let sign = any_of(&["==", "!=", "<", "<=", ">", ">="]);
        (term.clone(), sign, term).prop_map(|(a, sign, b)| format!("{a} {sign} {b}"))
    });
    let compared = kinds.map(Strategy::boxed).collect::<Vec<_>>();
    let compared = (0..compared.len()).prop_flat_map(move |kind| compared[kind].clone());
    let atom = prop_oneof![
        6 => compared,
        1 => any_of(&["paid", "sent", "true", "tags[0]", "count in [0, 3]", "total in [0, 3]"]),
        1 => any_of(&["status in ['a', 'ab']", "status in []", "id in ['x']", "status in ['a', city]"]),
    ];
    atom.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
        ]
    })
}

fn values() -> impl Strategy<Value = String> {
    let all = terms();
    let term = (0..all.len()).prop_flat_map(move |kind| all[kind].clone());
    let chosen = (conditions(), term.clone(), term.clone());
    let chosen = chosen.prop_map(|(condition, a, b)| format!("{condition} ? {a} : {b}"));
    prop_oneof![4 => term, 1 => chosen, 1 => conditions()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_condition_holds_as_cel_says(
        text in conditions(),
        records in prop::collection::vec(choices(), 30),
    ) {
        let compiled = compiled(&text);
        prop_assume!(compiled.is_some());
        let expression = compiled.unwrap();
        for choices in &records {
            let record = record(choices);
            let (short, full) = (expression.holds(&record), expression.holds_in_full(&record));
            prop_assert_eq!(short, full, "{} of {:?}", text, record);
        }
    }

    #[test]
    fn a_value_is_the_one_that_cel_gives(
        text in values(),
        kind in 0..FIELDS.len() - 1,
        records in prop::collection::vec(choices(), 30),
    ) {
        let compiled = compiled(&text);
        prop_assume!(compiled.is_some());
        let expression = compiled.unwrap();
        for choices in &records {
            for kind in [FIELDS[kind].1, Type::Decimal, Type::Duration, Type::Time] {
                let (mut short, mut full) = (record(choices), record(choices));
                prop_assert_eq!(
                    expression.fill(&mut short, FIELDS.len(), kind),
                    expression.fill_in_full(&mut full, FIELDS.len(), kind),
                    "{} of {:?}", text, full
                );
                prop_assert_eq!(shown(&short), shown(&full), "{} of {:?}", text, full);
            }
        }
    }
}

#[test]
fn what_is_frequent_needs_no_cel() {
    let record = record(&[2; FIELDS.len()]);
    for text in [
        "status == 'a' && total == null",
        "count > -1 && total >= 0 && ratio < 2.0",
        "paid || !sent || status in ['a', 'b']",
        "tags != null && id != null",
        "total * 2 + count > price",
        "date(at) == day || at < later",
        "(paid ? total : price) != decimal('3')",
    ] {
        let expression = compiled(text).unwrap();
        assert!(expression.short.truth(&record).is_some(), "{text}");
        assert!(expression.holds(&record).is_ok(), "{text}");
    }
    for text in ["size(tags) == 1", "tags[0] == 1", "count / 2 == 1"] {
        assert!(
            compiled(text).unwrap().short.truth(&record).is_none(),
            "{text}"
        );
    }
}
