//! What expressions give over one order with a field of each type, and what is refused.

use super::*;
use crate::record::Decimal;

/// A record with one field of each type, and its schema.
fn order() -> (Schema, Record) {
    let fields = [
        ("status", Type::String),
        ("total", Type::Decimal),
        ("count", Type::Integer),
        ("ratio", Type::Float),
        ("paid", Type::Boolean),
        ("day", Type::Date),
        ("ordered_at", Type::Datetime),
        ("id", Type::Uuid),
        ("tags", Type::List),
        ("customer", Type::Object),
        ("nothing", Type::Decimal),
        ("prices", Type::List),
        ("later", Type::String),
    ];
    let fields = fields.map(|(name, kind)| Field {
        name: name.into(),
        kind,
        target: None,
    });
    let schema = Schema::new(fields.to_vec()).unwrap();
    let mut record = Record::default();
    record.clear(schema.fields.len());
    let status = record.store("new");
    record.set(0, Value::Text(status));
    record.set(1, Value::Decimal(Decimal::parse("10.50").unwrap()));
    record.set(2, Value::Integer(3));
    record.set(3, Value::Float(0.25));
    record.set(4, Value::Boolean(true));
    record.set(5, Value::Date(20_546)); // 2026-04-03
    record.set(6, Value::Datetime(1_775_257_200_500)); // 2026-04-03T23:00:00.500Z
    record.set(7, Value::Uuid([0x11; 16]));
    let (a, b) = (record.store("a"), record.store("b"));
    record.set(8, Value::List(vec![Value::Text(a), Value::Text(b)]));
    let (name, city, berlin) = (
        record.store("name"),
        record.store("Ada"),
        record.store("size"),
    );
    record.set(
        9,
        Value::Object(vec![(name, Value::Text(city)), (berlin, Value::Integer(7))]),
    );
    let price = |text: &str| Value::Decimal(Decimal::parse(text).unwrap());
    record.set(11, Value::List(vec![price("1.00"), price("2.5")]));
    (schema, record)
}

fn compiled(text: &str) -> Result<Expression, ExpressionError> {
    let (schema, _) = order();
    let zones = [(6, TimeZone::get("Europe/Berlin").unwrap())];
    let names = Names {
        schema: &schema,
        visible: 12,
        zones: &zones,
        uncertain: &[],
    };
    Expression::compile(text, &names)
}

fn answer(text: &str) -> Result<bool, Problem> {
    let expression = compiled(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    expression.holds(&order().1)
}

fn holds(text: &str) {
    assert_eq!(answer(text), Ok(true), "{text}");
}

fn fails(text: &str, message: &str) {
    assert_eq!(
        answer(text),
        Err(Problem::of_record("expression", message)),
        "{text}"
    );
}

fn refused(text: &str, offset: usize, message: &str) {
    let error = compiled(text)
        .err()
        .unwrap_or_else(|| panic!("{text} is accepted"));
    assert_eq!(
        (error.message.as_str(), error.offset),
        (message, offset),
        "{text}"
    );
}

#[test]
fn every_type_has_its_value() {
    holds("status == 'new' && 'old' != status");
    holds("count == 3 && count + 1 > 3 && 3 * count == 9 && count % 2 == 1");
    holds("ratio == 0.25 && ratio < 1 && 1 > ratio && ratio * 2.0 == 0.5");
    holds("paid && !false && (paid ? true : false)");
    holds("id == '11111111-1111-1111-1111-111111111111'");
    holds("'a' in tags && !('c' in tags) && tags.size() == 2 && tags[1] == 'b' && size(tags) == 2");
    holds(
        "customer.name == 'Ada' && customer['size'] == 7 && has(customer.name) && !has(customer.age)",
    );
    holds(
        "tags.exists(t, t == 'b') && tags.all(t, t != 'c') && tags.map(t, upper(t)) == ['A', 'B']",
    );
    holds("tags.filter(count, count == 'a').size() == 1 && count == 3");
    holds("nothing == null && null == nothing && total != null && null != total");
    holds("type(count) == int && type(status) == string");
}

#[test]
fn decimals_are_exact() {
    holds("total == decimal('10.50') && total == decimal('10.5') && total != decimal('10.51')");
    holds("total > 10 && total >= 10 && !(total < 10) && total < 11 && total <= 11");
    holds("10 < total && 11 > total && !(10 > total) && 11 >= total");
    holds("total * 2 == 21 && 21 == total * 2 && 2 * total == 21 && 21 != total");
    holds(
        "total - 10 == decimal('0.5') && 11 - total == decimal('0.50') && -total == decimal('-10.5')",
    );
    holds("total + decimal('0.1') + decimal('0.2') == decimal('10.8')");
    holds("total in [1, 2, decimal('10.5')] && !(total in [1, 2]) && total * 2 in [20, 21]");
    holds(
        "prices[0] == 1 && 1 == prices[0] && prices[1] != 2 && 2 != prices[1] && prices[1] > 2 && 2 < prices[1]",
    );
    holds("1 in prices && decimal('2.5') in prices && !(2 in prices)");
    holds("prices.exists(p, p == 1) && prices.exists(p, 1 == p) && prices.all(p, p > 0 && 0 < p)");
    holds("(paid ? total : 0) == total && (paid ? 0 : total) == 0 && (paid ? 0 : total) < total");
    holds(
        "int(total * 2) == 21 && string(total) == '10.50' && decimal(string(total)) == total && decimal(count) == 3",
    );
    refused(
        "total == 10.5",
        6,
        "a decimal is never equal to a float; write decimal(\"10.50\") for an exact number",
    );
    refused(
        "10.5 < total",
        5,
        "a float cannot be compared with a decimal; write decimal(\"10.50\") for an exact number",
    );
    refused(
        "total > '10.5'",
        6,
        "a decimal cannot be compared with a string; write decimal(\"10.50\") for an exact number",
    );
    refused(
        "total in [1, 2.5]",
        13,
        "a decimal is never equal to a float; write decimal(\"10.50\") for an exact number",
    );
    refused(
        "total * 0.5 > 1",
        6,
        "there is no `*` for a decimal and a float; write decimal(\"10.50\") for an exact number",
    );
    refused(
        "total / 2 > 1",
        6,
        "decimals have no `/`, which could not be exact",
    );
    refused(
        "decimal('1,5') > total",
        7,
        "\"1,5\" is no decimal of at most 34 digits",
    );
    fails(
        "prices[0] == 1.0",
        "found no matching overload for '_==_' applied to '(decimal, double)'",
    );
    fails(
        "prices.exists(p, p > 1.0)",
        "found no matching overload for '>' applied to '(decimal, double)'",
    );
    fails(
        "int(total) == 10",
        "Error executing function 'int': 10.50 is no integer of 64 bits",
    );
    fails(
        "total * decimal('1e6000') * decimal('1e6000') > 0",
        "Error executing function '*': the result has more than 34 digits",
    );
}

#[test]
fn days_and_moments_are_compared_as_such() {
    holds("day == date('2026-04-03') && day < date('2026-04-04') && day != date('2026-04-04')");
    // 23:00 in UTC is the next day in Berlin, the zone of the field.
    holds("date(ordered_at) == date('2026-04-04') && date(ordered_at) > day && date(day) == day");
    holds(
        "ordered_at > timestamp('2026-04-03T23:00:00Z') && ordered_at < timestamp('2026-04-04T01:00:01+02:00')",
    );
    holds("date(timestamp('2026-04-03T23:30:00Z')) == day");
    holds(
        "day.getFullYear() == 2026 && day.getMonth() == 3 && day.getDate() == 3 && day.getDayOfWeek() == 5",
    );
    holds(
        "ordered_at.getDate() == 4 && string(day) == '2026-04-03' && string(ordered_at) == '2026-04-03T23:00:00.5Z'",
    );
    refused(
        "day == '2026-04-03'",
        4,
        "a date is never equal to a string; write date(\"2026-04-03\")",
    );
    refused(
        "ordered_at < '2026'",
        11,
        "a datetime cannot be compared with a string; write timestamp(\"2026-04-03T07:00:00Z\")",
    );
    refused(
        "day < ordered_at",
        4,
        "a date cannot be compared with a datetime; write date(…) around the datetime",
    );
    refused(
        "day + 1 == day",
        4,
        "there is no `+` for a date and an integer",
    );
    fails(
        "date('20260403') == day",
        "Error executing function 'date': \"20260403\" is no date such as 2026-04-03",
    );
}

#[test]
fn texts_have_their_functions() {
    holds("upper(status) == 'NEW' && lower('ÄB') == 'äb' && trim(' a ') == 'a'");
    holds(
        "status.contains('e') && status.startsWith('n') && status.endsWith('w') && size('äö') == 2",
    );
    holds("status.matches('^n.w$') && matches(status, 'e') && !status.matches('^e')");
    holds("string(count) + status == '3new' && int('12') == 12 && double(count) == 3.0");
    refused(
        "status.matches('(')",
        14,
        "\"(\" is no pattern: regex parse error:\n    (\n    ^\nerror: unclosed group",
    );
}

#[test]
fn names_are_checked_before_any_record() {
    refused(
        "statsu == 'new'",
        0,
        "there is no field `statsu`, did you mean `status`?",
    );
    refused("count > 1 && x", 13, "there is no field `x`");
    refused("later == 'x'", 0, "there is no field `later`");
    refused(
        "lowercase(status) == 'x'",
        9,
        "there is no function `lowercase`, did you mean `lower`?",
    );
    refused(
        "status.lower() == 'x'",
        12,
        "`lower` is written before its subject: `lower(x)`",
    );
    refused(
        "contains(status, 'x')",
        8,
        "`contains` is written behind its subject: `x.contains(…)`",
    );
    refused("now() > ordered_at", 3, "there is no function `now`");
    refused("status.size == 3", 6, "a string has no `.size`");
    refused("tags.exists(t, x == t)", 15, "there is no field `x`");
    refused("Order{} == 1", 5, "there is no type `Order`");
    let used = compiled("total > 1 && tags.exists(day, day == status) && total < 2").unwrap();
    assert_eq!(
        used.references().collect::<Vec<_>>(),
        ["total", "tags", "status"]
    );
}

#[test]
fn types_are_checked_where_they_are_known() {
    refused("status == 3", 7, "a string is never equal to an integer");
    refused("status in [1]", 11, "a string is never equal to an integer");
    refused(
        "status < 3",
        7,
        "a string cannot be compared with an integer",
    );
    refused("status && paid", 0, "a string is neither true nor false");
    refused("!count", 1, "an integer is neither true nor false");
    refused("count ? 1 : 2", 0, "an integer is neither true nor false");
    refused(
        "count + 1.0 > 2.0",
        6,
        "there is no `+` for an integer and a float; write double(…) around the integer",
    );
    refused("-status == ''", 0, "a string has no sign");
    refused("count[0] == 1", 5, "an integer has no items");
    refused("1 in count", 2, "an integer has no items");
    refused("count.exists(c, c == 1)", 12, "an integer has no items");
    refused("tags < tags", 5, "a list is neither less nor greater");
    assert!(compiled("count").unwrap().must_be_condition().is_err());
    assert!(
        compiled("customer.name")
            .unwrap()
            .must_be_condition()
            .is_ok()
    );
    let gives = |text: &str, kind| compiled(text).unwrap().must_give(kind);
    assert!(gives("status", Type::Email).is_ok() && gives("count", Type::Decimal).is_ok());
    assert!(gives("null", Type::Date).is_ok() && gives("tags[0]", Type::Date).is_ok());
    let message = "the expression gives a decimal, the field's type is integer";
    assert_eq!(gives("total * 2", Type::Integer), Err(message.into()));
}

#[test]
fn what_is_no_expression_says_where() {
    let (schema, _) = order();
    let names = Names {
        schema: &schema,
        visible: 12,
        zones: &[],
        uncertain: &[],
    };
    for (text, offset) in [
        ("", 0),
        ("status ==", 9),
        ("status == 'new", 10),
        ("ä == 1", 0),
        ("'ä' == status ==  ]  ", 19),
        ("'äö😀' == @ ]  ", 14),
        ("1 +\n  * 2", 6),
        ("a.?b", 1),
    ] {
        let error = Expression::compile(text, &names).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(!error.message.is_empty());
    }
    refused(
        "'ä' == status && sttus == 'x'",
        18,
        "there is no field `sttus`, did you mean `status`?",
    );
}

#[test]
fn an_expression_has_limits() {
    let long = format!("'{}' == status", "x".repeat(MAX_EXPRESSION_BYTES));
    refused(&long, 0, "an expression has at most 8192 bytes");
    let signs = "an expression has at most 512 operators, dots and brackets";
    refused(
        &format!("{}1{}", "(".repeat(3000), ")".repeat(3000)),
        0,
        signs,
    );
    refused(&format!("1{}", "+1".repeat(513)), 0, signs);
    let deep = "an expression has at most 48 parts inside each other";
    refused(&format!("{}1{}", "(".repeat(500), ")".repeat(500)), 0, deep);
    refused(&format!("{}1{}", "[".repeat(48), "]".repeat(48)), 48, deep);
    refused(&format!("1{}", "+1".repeat(500)), 903, deep);
    refused(
        "tags.map(a, tags.map(b, tags.map(c, c)))",
        32,
        "macros stand at most 2 inside each other",
    );
    // What is just within the limits is evaluated on the small stack of a test.
    holds(&format!("1{} == 47", "+1".repeat(46)));
    holds(&format!("{}count{} == 3", "(".repeat(40), ")".repeat(40)));
    holds(&format!("{}count == 3", "!paid ? false : ".repeat(40)));
    holds("tags.map(a, tags.map(b, a + b)) == [['aa', 'ab'], ['ba', 'bb']]");
    let many = (0..500)
        .map(|n| format!("count == {n}"))
        .collect::<Vec<_>>();
    holds(&many.join(" || "));
}

#[test]
fn an_error_is_a_problem_of_the_record() {
    fails(
        "nothing > 10",
        "found no matching overload for '>' applied to '(null_type, int)'; where a value may be null, ask `… != null && …` first",
    );
    fails(
        "nothing + 1 == 2",
        "`add` cannot be done with null and an integer; where a value may be null, ask `… != null && …` first",
    );
    fails("count / 0 == 1", "a division by zero");
    fails("tags[5] == 'x'", "Index out of bounds: Int(5)");
    fails("customer.age == 1", "No such key: age");
    fails(
        "customer.name",
        "the condition is neither true nor false, but of type string",
    );
    fails(
        "customer.name && paid",
        "found no matching overload for '_&&_' applied to '(string, bool)'",
    );
    holds("nothing == null || nothing > 10");
    assert_eq!(answer("nothing != null && nothing > 10"), Ok(false));
}

fn made(text: &str, kind: Type) -> Result<(Value, Record), String> {
    let (_, mut record) = order();
    let expression = compiled(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    expression
        .fill(&mut record, 12, kind)
        .map_err(|problem| problem.message)?;
    Ok((record.value(12).clone(), record))
}

#[test]
fn a_value_is_stored_by_its_declared_type() {
    let value = |text, kind| made(text, kind).unwrap().0;
    assert_eq!(value("count * 2", Type::Integer), Value::Integer(6));
    assert_eq!(
        value("count", Type::Decimal),
        Value::Decimal(Decimal::from(3))
    );
    assert_eq!(value("ratio", Type::Float), Value::Float(0.25));
    assert_eq!(value("count > 2", Type::Boolean), Value::Boolean(true));
    assert_eq!(value("date(ordered_at)", Type::Date), Value::Date(20_547));
    assert_eq!(
        value("ordered_at", Type::Datetime),
        Value::Datetime(1_775_257_200_500)
    );
    assert_eq!(value("id", Type::Uuid), Value::Uuid([0x11; 16]));
    assert_eq!(value("nothing", Type::Decimal), Value::Null);
    let (text, record) = made("upper(status) + '!'", Type::String).unwrap();
    let Value::Text(text) = text else {
        panic!("{text:?} is a text")
    };
    assert_eq!(record.text(text), "NEW!");
    let (object, record) = made("{'b': total, 'a': [1, null, status]}", Type::Object).unwrap();
    let Value::Object(entries) = object else {
        panic!("{object:?} is an object")
    };
    let names: Vec<_> = entries.iter().map(|(name, _)| record.text(*name)).collect();
    assert_eq!(names, ["a", "b"]);
    let (Value::List(items), Value::Decimal(total)) = (&entries[0].1, &entries[1].1) else {
        panic!("{entries:?}")
    };
    assert_eq!((items.len(), total.to_string().as_str()), (3, "10.50"));
    for (text, kind, message) in [
        (
            "tags[0]",
            Type::Integer,
            "the expression gives a value of type string that is no integer",
        ),
        (
            "prices[0]",
            Type::Float,
            "the expression gives a value of type decimal that is no float",
        ),
        ("{1: 2}", Type::Object, "an object's names are strings"),
        (
            "status",
            Type::Uuid,
            "the expression gives a value of type string that is no uuid",
        ),
    ] {
        assert_eq!(made(text, kind).unwrap_err(), message, "{text}");
    }
}

#[test]
fn syntax_is_told_in_plain_words() {
    for (text, expected) in [
        ("1 +", "the expression ends where a value should stand"),
        ("", "the expression ends where a value should stand"),
        ("(1", "the expression ends where a value should stand"),
        ("1 + * 2", "unexpected `*`"),
        ("1 2", "unexpected `2`"),
        ("a = 1", "unexpected `= `"),
        ("'abc", "unexpected `'abc`"),
    ] {
        let names = Names {
            schema: &Schema::default(),
            visible: 0,
            zones: &[],
            uncertain: &[],
        };
        let error = Expression::compile(text, &names).unwrap_err();
        assert_eq!(error.message, expected, "{text}");
    }
}
