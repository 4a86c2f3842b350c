//! Constraints as a derived field uses them: planned from a few keys, checked against values.

use super::*;
use crate::record::Type;
use crate::step::bind::Literal;

#[test]
fn a_derived_value_is_judged_like_a_bound_one() {
    let minimum = Literal::Integer(1);
    let wanted = Wanted {
        minimum: Some(&minimum),
        ..Wanted::default()
    };
    let mut problems = Vec::new();
    let constraints = Constraints::plan(
        Type::Integer,
        wanted,
        None,
        "steps[0].derive",
        &mut problems,
    );
    assert_eq!(problems, []);
    let (record, mut found) = (Record::default(), Vec::new());
    constraints.check("days", &Value::Integer(1), &record, &mut found);
    constraints.check("days", &Value::Null, &record, &mut found);
    assert_eq!(found, []);
    constraints.check("days", &Value::Integer(0), &record, &mut found);
    assert_eq!(
        found,
        [Problem::of_field("minimum", "days", "\"0\" is less than 1")]
    );
    Constraints::plan(
        Type::Boolean,
        wanted,
        None,
        "steps[0].derive",
        &mut problems,
    );
    assert_eq!(problems[0].path, "steps[0].derive.minimum");
}

#[test]
fn constants_are_compared_by_value() {
    let text = |text: &str| Literal::Text(text.into());
    let record = Record::default();
    for (kind, literal, value, expected) in [
        (Type::Decimal, text("1.50"), "1.5", Ordering::Equal),
        (Type::Decimal, Literal::Float(0.1), "0.1", Ordering::Equal),
        (Type::Decimal, Literal::Integer(-2), "-1", Ordering::Less),
    ] {
        let constant = Constant::new(kind, &literal, None).unwrap();
        let value = Value::Decimal(crate::record::Decimal::parse(value).unwrap());
        assert_eq!(
            constant.compare(&value, &record),
            Some(expected),
            "{literal}"
        );
    }
    let constant = Constant::new(Type::Integer, &Literal::Integer(1), None).unwrap();
    assert_eq!(constant.compare(&Value::Boolean(true), &record), None);
}
