//! Dates and times as texts: chosen between limits, written in a field's own format. What a format does not
//! say (seconds, say) is cut off before the limits are looked at, so that what is written is what was meant; local
//! times that clocks skip are never chosen for a good value.

mod format;

use super::chance::Chance;
use super::number::Number;
use crate::record::Type;
use format::{Format, Piece, date, directive, offset, padded, time};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;
/// Milliseconds of 2000-01-01 and 2030-12-31: where moments lie that have no limits.
const USUAL_MS: [i64; 2] = [946_684_800_000, 1_924_905_600_000];
/// Years that every format can say, `%y` too.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2068;
/// The widest of the offsets that are written, in minutes.
const OFFSETS_MINUTES: [i64; 5] = [0, 60, 120, -300, 330];

/// One way to write a moment.
#[derive(Clone, Debug)]
pub enum Form {
    /// Without a format.
    Iso,
    /// By directives.
    Directives(Format),
    /// A number of seconds since 1970.
    EpochSeconds,
    /// A number of milliseconds since 1970.
    EpochMillis,
}

/// The moments of a field.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Date, datetime or time.
    pub kind: Type,
    pub forms: Vec<Form>,
    pub zone: Option<TimeZone>,
}

/// A moment that was written.
pub struct Written {
    pub text: String,
    /// Milliseconds since 1970, or since midnight.
    pub ms: i64,
    /// It is a number in JSON.
    pub is_count: bool,
}

impl Form {
    /// What a spec says; without a format `None` was said.
    pub fn of(said: Option<&str>) -> Option<Self> {
        Some(match said {
            None => Self::Iso,
            Some("epoch_s") => Self::EpochSeconds,
            Some("epoch_ms") => Self::EpochMillis,
            Some(format) => Self::Directives(Format::of(format)?),
        })
    }

    /// Whether a load may read this text by this form.
    fn may_read(&self, text: &str) -> bool {
        match self {
            Self::Iso => true,
            Self::Directives(format) => format.may_read(text),
            Self::EpochSeconds | Self::EpochMillis => Number::parse(text).is_some(),
        }
    }

    fn is_count(&self) -> bool {
        matches!(self, Self::EpochSeconds | Self::EpochMillis)
    }

    fn says(&self, any_of: &[&str]) -> bool {
        match self {
            Self::Directives(format) => format.says(any_of),
            _ => true,
        }
    }
}

impl Moments {
    /// A moment between two limits, both included, in milliseconds. `None` where none was met.
    pub fn draw(
        &self,
        limits: [Option<i64>; 2],
        counts: Counts,
        chance: &mut Chance,
    ) -> Option<Written> {
        let [low, high] = self.window(limits);
        let at = match chance.below(16) {
            0 => low,
            1 => high,
            _ => chance.between(low.into(), high.into()) as i64,
        };
        let written = self.write(at, counts, chance)?;
        let [least, most] = limits;
        let fits = least.is_none_or(|least| written.ms >= least)
            && most.is_none_or(|most| written.ms <= most);
        fits.then_some(written)
    }

    /// A moment just before a limit.
    pub fn before(&self, least: i64, counts: Counts, chance: &mut Chance) -> Option<Written> {
        let step = if self.kind == Type::Date { DAY_MS } else { 1 };
        let written = self.write(least.checked_sub(step)?, counts, chance)?;
        (written.ms < least).then_some(written)
    }

    /// A moment just behind a limit.
    pub fn behind(&self, most: i64, counts: Counts, chance: &mut Chance) -> Option<Written> {
        [1, 1_000, 60_000, 3_600_000, DAY_MS]
            .into_iter()
            .find_map(|step| {
                let written = self.write(most.checked_add(step)?, counts, chance)?;
                (written.ms > most).then_some(written)
            })
    }

    /// A day that no month has.
    pub fn no_day(&self, chance: &mut Chance) -> Option<String> {
        let form = self.forms.first()?;
        if self.kind == Type::Time || form.is_count() || self.forms.len() > 1 {
            return None;
        }
        if !form.says(&["d", "e", "F", "D"]) || form.says(&["a", "A"]) && !matches!(form, Form::Iso)
        {
            return None;
        }
        let february = DateTime::from_parts(Date::new(2026, 2, 28).ok()?, Time::midnight());
        let text = self.written(form, february, 0, Some(30), chance);
        Some(text)
    }

    /// A local time that the clocks of the zone skip.
    pub fn skipped(&self, chance: &mut Chance) -> Option<String> {
        let zone = self.zone.as_ref().filter(|_| self.kind == Type::Datetime)?;
        let form = self.forms.first().filter(|form| !form.is_count())?;
        if self.forms.len() > 1
            || !form.says(&["M", "R", "T"])
            || form.says(&["z", ":z"]) && !matches!(form, Form::Iso)
        {
            return None;
        }
        let start = Timestamp::from_millisecond(USUAL_MS[0]).ok()?;
        let mut gaps = Vec::new();
        for change in zone.following(start).take(40) {
            let before = change.timestamp().checked_sub(1.second()).ok()?;
            let (old, new) = (zone.to_offset(before), change.offset());
            if new.seconds() - old.seconds() >= 1800 {
                gaps.push(
                    old.to_datetime(change.timestamp())
                        .checked_add(10.minutes())
                        .ok()?,
                );
            }
        }
        let local = cut(form, *chance.pick(&gaps)?)?;
        if moment_of(zone, local).is_some() {
            return None;
        }
        Some(match form {
            Form::Iso => iso(local, 'T', None),
            form => self.written(form, local, 0, None, chance),
        })
    }

    fn window(&self, [least, most]: [Option<i64>; 2]) -> [i64; 2] {
        if self.kind == Type::Time {
            return [least.unwrap_or(0), most.unwrap_or(DAY_MS - 1)];
        }
        let ten_years = DAY_MS * 3650;
        match (least, most) {
            (None, None) => USUAL_MS,
            (Some(least), None) => [least, least.max(USUAL_MS[1])],
            (None, Some(most)) => [most.min(USUAL_MS[0]), most],
            (Some(least), Some(most)) => {
                let usual = [least.max(USUAL_MS[0]), most.min(USUAL_MS[1])];
                match usual[0] <= usual[1] {
                    true => usual,
                    false => [least, most.min(least.saturating_add(ten_years))],
                }
            }
        }
    }

    /// Writes a moment by one of the forms, as exactly as that says it.
    pub fn write(&self, at_ms: i64, counts: Counts, chance: &mut Chance) -> Option<Written> {
        let index = chance.below(self.forms.len());
        let form = &self.forms[index];
        let is_count = form.is_count() && counts == Counts::Numbers;
        let written = match form {
            Form::EpochMillis => Written {
                text: at_ms.to_string(),
                ms: at_ms,
                is_count,
            },
            Form::EpochSeconds => Written {
                text: at_ms.div_euclid(1000).to_string(),
                ms: at_ms.div_euclid(1000) * 1000,
                is_count,
            },
            _ => self.write_local(form, at_ms, chance)?,
        };
        // Another form may read it first, and otherwise: a number is read by the first one that counts.
        let is_plain = !self.forms[..index].iter().any(|other| match is_count {
            true => other.is_count(),
            false => other.may_read(&written.text),
        });
        is_plain.then_some(written)
    }

    fn write_local(&self, form: &Form, at_ms: i64, chance: &mut Chance) -> Option<Written> {
        if self.kind == Type::Time {
            let local = cut(form, local_of(at_ms.rem_euclid(DAY_MS))?)?;
            let ms = ms_of(local)?;
            let text = self.written(form, local, 0, None, chance);
            return Some(Written {
                text,
                ms,
                is_count: false,
            });
        }
        let has_offset = match form {
            Form::Iso => self.zone.is_none() || chance.one_in(3),
            form => form.says(&["z", ":z"]),
        };
        if self.kind == Type::Date || has_offset {
            let minutes = match self.kind {
                Type::Date => 0,
                _ => chance.pick(&OFFSETS_MINUTES).copied().unwrap_or_default(),
            };
            let local = cut(form, local_of(at_ms + minutes * 60_000)?)?;
            let text = match (form, self.kind) {
                (Form::Iso, Type::Datetime) => iso(local, between(chance), Some(minutes)),
                (form, _) => self.written(form, local, minutes, None, chance),
            };
            let ms = ms_of(local)? - minutes * 60_000;
            let ms = if self.kind == Type::Date {
                ms.div_euclid(DAY_MS) * DAY_MS
            } else {
                ms
            };
            return in_years(local).then_some(Written {
                text,
                ms,
                is_count: false,
            });
        }
        let zone = self.zone.as_ref()?;
        let moment = Timestamp::from_millisecond(at_ms).ok()?;
        let local = cut(form, zone.to_datetime(moment))?;
        let ms = moment_of(zone, local)?;
        let text = match form {
            Form::Iso => iso(local, between(chance), None),
            form => self.written(form, local, 0, None, chance),
        };
        in_years(local).then_some(Written {
            text,
            ms,
            is_count: false,
        })
    }

    /// By a format; `day` stands instead of the day of the month.
    fn written(
        &self,
        form: &Form,
        local: DateTime,
        offset_minutes: i64,
        day: Option<i8>,
        chance: &mut Chance,
    ) -> String {
        let day = day.unwrap_or(local.day());
        let mut out = String::with_capacity(24);
        match (form, self.kind) {
            (Form::Directives(format), _) => {
                for piece in &format.pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Directive(name) => {
                            directive(&mut out, name, local, day, offset_minutes, chance);
                        }
                    }
                }
            }
            (_, Type::Date) => date(&mut out, local, day),
            (_, Type::Time) if local.second() == 0 && local.subsec_nanosecond() == 0 => {
                directive(&mut out, "R", local, day, offset_minutes, chance);
            }
            (_, Type::Time) => {
                time(&mut out, local);
                directive(&mut out, ".f", local, day, offset_minutes, chance);
            }
            _ => {
                date(&mut out, local, day);
                out.push('T');
                time(&mut out, local);
                out.push('Z');
            }
        }
        out
    }
}

/// Whether a number or a text says how many seconds it is since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// A number: JSON.
    Numbers,
    /// A text: CSV.
    Texts,
}

/// What stands between a date and a time.
fn between(chance: &mut Chance) -> char {
    if chance.one_in(6) { ' ' } else { 'T' }
}

fn iso(local: DateTime, between: char, offset_minutes: Option<i64>) -> String {
    let mut out = String::with_capacity(30);
    date(&mut out, local, local.day());
    out.push(between);
    time(&mut out, local);
    if local.millisecond() != 0 {
        out.push('.');
        padded(&mut out, local.millisecond(), 3);
    }
    match offset_minutes {
        None => {}
        Some(0) => out.push('Z'),
        Some(minutes) => offset(&mut out, minutes, true),
    }
    out
}

/// The local time without what the form does not say.
fn cut(form: &Form, local: DateTime) -> Option<DateTime> {
    let said = |any_of: &[&str]| form.says(any_of);
    let hour = if said(&["H", "k", "I", "l", "T", "R"]) {
        local.hour()
    } else {
        0
    };
    let minute = if said(&["M", "T", "R"]) {
        local.minute()
    } else {
        0
    };
    let second = if said(&["S", "T"]) { local.second() } else { 0 };
    let millis = if said(&["f", ".f"]) {
        local.millisecond()
    } else {
        0
    };
    let time = Time::new(hour, minute, second, i32::from(millis) * 1_000_000).ok()?;
    Some(DateTime::from_parts(local.date(), time))
}

fn in_years(local: DateTime) -> bool {
    YEARS.contains(&local.year())
}

fn local_of(ms: i64) -> Option<DateTime> {
    let moment = Timestamp::from_millisecond(ms).ok()?;
    Some(TimeZone::UTC.to_datetime(moment))
}

fn ms_of(local: DateTime) -> Option<i64> {
    let moment = TimeZone::UTC.to_timestamp(local).ok()?;
    Some(moment.as_millisecond())
}

/// The moment of a local time, the earlier one where it comes twice; `None` where the clocks skip it.
fn moment_of(zone: &TimeZone, local: DateTime) -> Option<i64> {
    let offset = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return None,
    };
    Some(ms_of(local)? - i64::from(offset.seconds()) * 1000)
}

/// A limit of a spec in milliseconds since 1970, or since midnight; a local time is one of `zone`.
pub fn limit_ms(kind: Type, text: &str, zone: Option<&TimeZone>) -> Option<i64> {
    match kind {
        Type::Date => ms_of(text.parse::<Date>().ok()?.to_datetime(Time::midnight())),
        Type::Time => {
            let day = Date::new(1970, 1, 1).ok()?;
            ms_of(day.to_datetime(text.parse::<Time>().ok()?))
        }
        _ => match (text.parse::<Timestamp>(), zone) {
            (Ok(moment), _) => Some(moment.as_millisecond()),
            (Err(_), Some(zone)) => moment_of(zone, text.parse::<DateTime>().ok()?),
            (Err(_), None) => None,
        },
    }
}
