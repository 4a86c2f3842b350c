//! Dates, datetimes, times and durations as they are written: the ISO forms without a format, else the formats of
//! the field, in order. It promises that a text that is no moment of the calendar, or of the zone's clocks, is a
//! fault and never a moment nearby. Only digits beyond milliseconds are cut off: the targets hold no more.

mod civil;
mod digits;
mod iso;
mod pattern;
mod zone;

#[cfg(test)]
mod tests;

pub use civil::Civil;
pub use pattern::{Locale, POSIX_PIVOT, Pattern};
pub use zone::Zone;

use super::number;
use super::value::Fault;
use crate::record::Decimal;
use std::sync::Arc;

/// Milliseconds of 0000-01-01T00:00:00Z, the first moment that four digits of a year can say.
const FIRST_MS: i64 = -62_167_219_200_000;
/// Milliseconds of 9999-12-31T23:59:59.999Z.
const LAST_MS: i64 = 253_402_300_799_999;

/// The most formats that a message lists.
const MAX_SHOWN_FORMS: usize = 5;

/// One way to write a date, datetime or time.
#[derive(Clone, Debug)]
pub enum Form {
    /// Without a format: `YYYY-MM-DD`, RFC 3339, or `HH:MM[:SS[.f]]`.
    Iso,
    /// By directives.
    Pattern(Box<Pattern>),
    /// Seconds since 1970, also with a fraction.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
}

/// Reads `text` as a date, in days since 1970.
pub fn date(text: &str, forms: &[Form]) -> Result<i32, Fault> {
    let days = |form: &Form| match form {
        Form::Iso => iso::date(text),
        Form::Pattern(pattern) => Some(pattern.read(text)?.civil),
        Form::EpochSeconds | Form::EpochMillis => None,
    };
    forms
        .iter()
        .find_map(|form| days(form)?.days())
        .map(|days| days as i32)
        .ok_or_else(|| not_read("is no date", forms, "YYYY-MM-DD"))
}

/// Reads `text` as a time of day and calls it by its canonical text, `HH:MM:SS` with a fraction where there is
/// one.
pub fn time<T>(text: &str, forms: &[Form], call: impl FnOnce(&str) -> T) -> Result<T, Fault> {
    let read = |form: &Form| match form {
        Form::Iso => iso::time(text),
        Form::Pattern(pattern) => pattern.read(text).map(|read| read.civil),
        Form::EpochSeconds | Form::EpochMillis => None,
    };
    match forms
        .iter()
        .find_map(|form| read(form).filter(Civil::is_time))
    {
        Some(civil) => Ok(civil.with_time_text(call)),
        None => Err(not_read("is no time of day", forms, "HH:MM[:SS]")),
    }
}

/// Reads `text` as a moment, in milliseconds since 1970; local times are those of `zone`.
pub fn datetime(text: &str, forms: &[Form], zone: Option<&Arc<Zone>>) -> Result<i64, Fault> {
    for form in forms {
        let (civil, offset) = match form {
            Form::Iso => match iso::datetime(text) {
                Some(read) => read,
                None => continue,
            },
            Form::Pattern(pattern) => match pattern.read(text) {
                Some(read) => (read.civil, read.offset_seconds),
                None => continue,
            },
            Form::EpochSeconds | Form::EpochMillis => match epoch(text, form) {
                Ok(value) => return Ok(value),
                Err(fault) if fault.code == "type" => continue,
                Err(fault) => return Err(fault),
            },
        };
        if let (Some(days), true) = (civil.days(), civil.is_time()) {
            let local = days * 86_400 + civil.second_of_day();
            let seconds = match (offset, zone) {
                (Some(offset), _) => local - i64::from(offset),
                (None, Some(zone)) => zone.to_utc(local).ok_or_else(|| skipped(zone))?,
                (None, None) => {
                    return Err(Fault::wrong(
                        "carries no offset, and its field has no `timezone`",
                    ));
                }
            };
            return in_range(seconds * 1000 + i64::from(civil.nanosecond / 1_000_000));
        }
    }
    let iso = "YYYY-MM-DDTHH:MM:SS with an offset or `timezone`";
    Err(not_read("is no datetime", forms, iso))
}

/// The fault of a text that none of `forms` reads, with what they are; `iso` says what stands without a format.
#[cold]
fn not_read(reason: &str, forms: &[Form], iso: &str) -> Fault {
    let mut wanted: Vec<&str> = forms
        .iter()
        .take(MAX_SHOWN_FORMS)
        .map(|form| match form {
            Form::Iso => iso,
            Form::Pattern(pattern) => pattern.written(),
            Form::EpochSeconds => "epoch_s",
            Form::EpochMillis => "epoch_ms",
        })
        .collect();
    if forms.len() > MAX_SHOWN_FORMS {
        wanted.push("…");
    }
    Fault::wrong(format!("{reason}: expected {}", wanted.join(" or ")))
}

/// A number as a moment, by the first form that counts from 1970.
pub fn datetime_of_number(text: &str, forms: &[Form]) -> Result<i64, Fault> {
    let counts = |form: &&Form| matches!(form, Form::EpochSeconds | Form::EpochMillis);
    match forms.iter().find(counts) {
        Some(form) => epoch(text, form),
        None => Err(Fault::wrong(
            "is a number, and the field has no `epoch_s` or `epoch_ms` format",
        )),
    }
}

fn epoch(text: &str, form: &Form) -> Result<i64, Fault> {
    let places = if matches!(form, Form::EpochSeconds) {
        3
    } else {
        0
    };
    if let Ok(whole) = number::integer(text, number::NumberStyle::PLAIN) {
        return in_range(whole.saturating_mul(10_i64.pow(places)));
    }
    let exact = number::decimal(text, number::NumberStyle::PLAIN, None)?;
    in_range(floor(exact, places).ok_or_else(out_of_range)?)
}

/// The whole part of `value × 10^places`, towards the past.
fn floor(value: Decimal, places: u32) -> Option<i64> {
    if let Some(whole) = value.to_i64() {
        return whole.checked_mul(10_i64.pow(places));
    }
    let text = value.to_string();
    // Written with an exponent only where it is huge, or less than 10^-6.
    if let Some((_, exponent)) = text.split_once('E') {
        return exponent
            .starts_with('-')
            .then_some(-i64::from(text.starts_with('-')));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (kept, lost) = fraction
        .split_at_checked(places as usize)
        .unwrap_or((fraction, ""));
    let whole: i64 = format!("{whole}{kept:0<width$}", width = places as usize)
        .parse()
        .ok()?;
    let beyond = i64::from(negative && lost.bytes().any(|byte| byte != b'0'));
    Some(if negative { -whole - beyond } else { whole })
}

fn in_range(milliseconds: i64) -> Result<i64, Fault> {
    if (FIRST_MS..=LAST_MS).contains(&milliseconds) {
        Ok(milliseconds)
    } else {
        Err(out_of_range())
    }
}

fn out_of_range() -> Fault {
    Fault::range("is not within the years 0000 to 9999")
}

fn skipped(zone: &Zone) -> Fault {
    Fault::wrong(format!(
        "is a local time that the clocks of {} skipped",
        zone.name()
    ))
}

/// Reads a duration in whole seconds: `P[nW][nD][T[nH][nM][nS]]` (ISO 8601, without years and months, whose
/// length varies), `H…:MM:SS`, or digits; each may begin with `-`.
pub fn duration(text: &str) -> Result<i64, Fault> {
    iso::duration(text)
}
