//! The functions that an expression may call: those of CEL and a few of our own. None of them sees a clock.

use super::values::{self, Day, Moment, Number, Pattern, number};
use crate::record::Decimal;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelString, DYN_TYPE, INT_TYPE, STRING_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::cmp::Ordering;

type Answer<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// What the checker calls for `==` where one side may be a decimal and the other an integer. No expression can
/// write these names.
pub const EQUALS: &str = "@equals";
/// What the checker calls for `in`, likewise.
pub const CONTAINS: &str = "@contains";
/// What the checker calls for `matches` with a pattern that was compiled before.
pub const MATCHES: &str = "@matches";
/// What the checker calls for `<`, `<=`, `>` and `>=`, in this order.
pub const ORDERS: [&str; 4] = ["@less", "@less_equals", "@greater", "@greater_equals"];

/// CEL's own environment, and these functions.
///
/// # Errors
/// When CEL declares a function of these names itself.
pub fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib().with_optional_support(false);
    let (number, day, moment) = (
        || values::NUMBER.to_owned(),
        || values::DAY.to_owned(),
        || values::MOMENT.to_owned(),
    );
    env.add_overload(
        "decimal",
        "decimal_of_string",
        vec![STRING_TYPE],
        decimal_of_text,
    )?;
    env.add_overload(
        "decimal",
        "decimal_of_int",
        vec![INT_TYPE],
        decimal_of_number,
    )?;
    env.add_overload(
        "decimal",
        "decimal_of_decimal",
        vec![number()],
        decimal_of_number,
    )?;
    env.add_overload("date", "date_of_string", vec![STRING_TYPE], date_of_text)?;
    env.add_overload("date", "date_of_datetime", vec![moment()], date_of_moment)?;
    env.add_overload("date", "date_of_date", vec![day()], first)?;
    env.add_overload(
        "timestamp",
        "timestamp_of_string",
        vec![STRING_TYPE],
        moment_of_text,
    )?;
    env.add_overload("timestamp", "timestamp_of_datetime", vec![moment()], first)?;
    env.add_overload("string", "string_of_decimal", vec![number()], text_of)?;
    env.add_overload("string", "string_of_date", vec![day()], text_of)?;
    env.add_overload("string", "string_of_datetime", vec![moment()], text_of)?;
    env.add_overload("int", "int_of_decimal", vec![number()], int_of_decimal)?;
    env.add_overload("lower", "lower_string", vec![STRING_TYPE], |args| {
        changed(&args, str::to_lowercase)
    })?;
    env.add_overload("upper", "upper_string", vec![STRING_TYPE], |args| {
        changed(&args, str::to_uppercase)
    })?;
    env.add_overload("trim", "trim_string", vec![STRING_TYPE], |args| {
        changed(&args, |text| text.trim().to_owned())
    })?;
    for (name, part) in PARTS {
        env.add_member_overload(name, &format!("{name}_date"), day(), vec![], part)?;
        env.add_member_overload(name, &format!("{name}_datetime"), moment(), vec![], part)?;
    }
    let two = || -> Vec<Type> { vec![DYN_TYPE, DYN_TYPE] };
    env.add_overload(EQUALS, EQUALS, two(), |args| {
        Ok(truth(equal(&*args[0], &*args[1])?))
    })?;
    env.add_overload(CONTAINS, CONTAINS, two(), contains)?;
    env.add_overload(
        MATCHES,
        MATCHES,
        vec![STRING_TYPE, values::PATTERN.to_owned()],
        matches,
    )?;
    let [less, less_equals, greater, greater_equals] = ORDERS;
    env.add_overload(less, less, two(), |args| {
        Ok(truth(order("<", &args)?.is_lt()))
    })?;
    env.add_overload(less_equals, less_equals, two(), |args| {
        Ok(truth(order("<=", &args)?.is_le()))
    })?;
    env.add_overload(greater, greater, two(), |args| {
        Ok(truth(order(">", &args)?.is_gt()))
    })?;
    env.add_overload(greater_equals, greater_equals, two(), |args| {
        Ok(truth(order(">=", &args)?.is_ge()))
    })?;
    Ok(env)
}

/// Parts of a day or moment by CEL's names; a moment's are those of its field's zone.
const PARTS: [(&str, cel::common::functions::Function); 4] = [
    ("getFullYear", |args| {
        part(&args, |day| i64::from(day.year()))
    }),
    // CEL counts months and weekdays from 0, Sunday first.
    ("getMonth", |args| {
        part(&args, |day| i64::from(day.month()) - 1)
    }),
    ("getDate", |args| part(&args, |day| i64::from(day.day()))),
    ("getDayOfWeek", |args| {
        part(&args, |day| {
            i64::from(day.weekday().to_sunday_zero_offset())
        })
    }),
];

fn truth<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

fn no_overload(function: &str, args: &[&dyn Val]) -> ExecutionError {
    let names = args.iter().map(|arg| arg.get_type().name().to_owned());
    ExecutionError::no_such_overload(function, names.collect())
}

fn text<'a>(args: &'a [CowVal<'_, '_>]) -> Result<&'a str, ExecutionError> {
    let text = args.first().and_then(|arg| arg.downcast_ref::<CelString>());
    text.map(CelString::inner)
        .ok_or_else(ExecutionError::missing_argument_or_target)
}

fn first<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    args.into_iter()
        .next()
        .ok_or_else(ExecutionError::missing_argument_or_target)
}

fn changed<'b, 'v>(args: &[CowVal<'b, 'v>], change: fn(&str) -> String) -> Answer<'b, 'v> {
    Ok(CowVal::owned(CelString::from(change(text(args)?))))
}

fn decimal_of_text<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let text = text(&args)?;
    let value = Decimal::parse(text).ok_or_else(|| {
        ExecutionError::function_error(
            "decimal",
            format!("{text:?} is no decimal of at most 34 digits"),
        )
    })?;
    Ok(CowVal::owned(Number(value)))
}

fn decimal_of_number<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let value = args.first().and_then(|arg| number(&**arg));
    let value = value.ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(CowVal::owned(Number(value)))
}

fn int_of_decimal<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let value = args.first().and_then(|arg| number(&**arg));
    let value = value.ok_or_else(ExecutionError::missing_argument_or_target)?;
    let whole = value.to_i64().ok_or_else(|| {
        ExecutionError::function_error("int", format!("{value} is no integer of 64 bits"))
    })?;
    Ok(CowVal::owned(CelInt::from(whole)))
}

fn date_of_text<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let text = text(&args)?;
    let date = parse_date(text).ok_or_else(|| {
        let message = format!("{text:?} is no date such as 2026-04-03");
        ExecutionError::function_error("date", message)
    })?;
    Ok(CowVal::owned(Day::of(date)))
}

/// Exactly `YYYY-MM-DD`: jiff would take more.
fn parse_date(text: &str) -> Option<Date> {
    let shaped = text.len() == 10 && text.is_ascii() && text.as_bytes()[4] == b'-';
    text.parse().ok().filter(|_| shaped)
}

fn moment_of_text<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let text = text(&args)?;
    let parsed = text.parse::<Timestamp>().map_err(|_| {
        let message = format!("{text:?} is no moment such as 2026-04-03T07:00:00Z");
        ExecutionError::function_error("timestamp", message)
    })?;
    Ok(CowVal::owned(Moment {
        ms: parsed.as_millisecond(),
        zone: TimeZone::UTC,
    }))
}

/// The day of a day or of a moment in its zone.
fn day(value: &dyn Val) -> Result<Date, ExecutionError> {
    if let Some(day) = value.downcast_ref::<Day>() {
        return day.date();
    }
    let moment = value
        .downcast_ref::<Moment>()
        .ok_or_else(|| no_overload("date", &[value]))?;
    let at = Timestamp::from_millisecond(moment.ms)
        .map_err(|error| ExecutionError::function_error("date", error))?;
    Ok(moment.zone.to_datetime(at).date())
}

fn date_of_moment<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let moment = args
        .first()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(CowVal::owned(Day::of(day(&**moment)?)))
}

fn part<'b, 'v>(args: &[CowVal<'b, 'v>], part: fn(Date) -> i64) -> Answer<'b, 'v> {
    let of = args
        .first()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(CowVal::owned(CelInt::from(part(day(&**of)?))))
}

fn text_of<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let value = args
        .first()
        .ok_or_else(ExecutionError::missing_argument_or_target)?;
    let text = if let Some(Number(value)) = value.downcast_ref::<Number>() {
        value.to_string()
    } else if let Some(day) = value.downcast_ref::<Day>() {
        day.date()?.to_string()
    } else if let Some(moment) = value.downcast_ref::<Moment>() {
        let at = Timestamp::from_millisecond(moment.ms);
        let at = at.map_err(|error| ExecutionError::function_error("string", error))?;
        at.to_string()
    } else {
        return Err(no_overload("string", &[&**value]));
    };
    Ok(CowVal::owned(CelString::from(text)))
}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let pattern = args.get(1).and_then(|arg| arg.downcast_ref::<Pattern>());
    let Pattern(pattern) = pattern.ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(truth(pattern.is_match(text(&args)?)))
}

/// Whether two values are equal; a decimal and a float are neither equal nor different.
fn equal(a: &dyn Val, b: &dyn Val) -> Result<bool, ExecutionError> {
    let is_decimal = |value: &dyn Val| value.downcast_ref::<Number>().is_some();
    let is_float = |value: &dyn Val| value.downcast_ref::<CelDouble>().is_some();
    if is_decimal(a) && is_float(b) || is_float(a) && is_decimal(b) {
        return Err(no_overload("_==_", &[a, b]));
    }
    Ok(if is_decimal(b) {
        b.equals(a)
    } else {
        a.equals(b)
    })
}

/// How two values are ordered; an integer before a decimal is one.
fn order(operator: &str, args: &[CowVal<'_, '_>]) -> Result<Ordering, ExecutionError> {
    let [a, b] = args else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let (a, b): (&dyn Val, &dyn Val) = (&**a, &**b);
    let ordering = match (b.downcast_ref::<Number>(), number(a)) {
        (Some(Number(b)), Some(a)) => Some(a.compare(b)),
        (Some(_), None) => None,
        (None, _) => a.as_comparer().and_then(|a| a.compare(b).ok()),
    };
    ordering.ok_or_else(|| no_overload(operator, &[a, b]))
}

fn contains<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Answer<'b, 'v> {
    let [value, container] = &args[..] else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let (value, container): (&dyn Val, &dyn Val) = (&**value, &**container);
    if let Some(list) = container.downcast_ref::<cel::common::types::CelList>() {
        for item in list.inner() {
            if equal(value, &**item)? {
                return Ok(truth(true));
            }
        }
        return Ok(truth(false));
    }
    let inside = container
        .as_container()
        .map(|container| container.contains(value));
    match inside {
        Some(answer) => Ok(truth(answer?)),
        None => Err(no_overload("@in", &[value, container])),
    }
}
