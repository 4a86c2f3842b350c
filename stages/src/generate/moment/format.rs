//! Formats of dates and times in the directives of strptime: how they are written, and what may be read by them.

use super::{DAY_MS, ms_of};
use crate::generate::chance::Chance;
use jiff::civil::DateTime;
use regex::Regex;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

/// A part of a format.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Itself.
    Text(String),
    /// By its name, without the percent sign.
    Directive(String),
}

/// A format, taken apart, and the texts that may be read by it.
#[derive(Clone, Debug)]
pub struct Format {
    pub pieces: Vec<Piece>,
    readable: Regex,
}

impl Format {
    /// A format that is known to be good. `None` where it is too large.
    pub fn of(format: &str) -> Option<Self> {
        let pieces = pieces(format);
        let readable = readable(&pieces)?;
        Some(Self { pieces, readable })
    }

    /// Whether a text may be read by it: more are than can be, never fewer.
    pub fn may_read(&self, text: &str) -> bool {
        self.readable.is_match(text)
    }

    /// Whether it says any of these.
    pub fn says(&self, any_of: &[&str]) -> bool {
        let mut pieces = self.pieces.iter();
        pieces.any(|piece| matches!(piece, Piece::Directive(name) if any_of.contains(&&**name)))
    }
}

fn pieces(format: &str) -> Vec<Piece> {
    let (mut pieces, mut rest) = (Vec::new(), format);
    while let Some(at) = rest.find('%') {
        pieces.push(Piece::Text(rest[..at].to_owned()));
        let name = &rest[at + 1..];
        let len = 1 + usize::from(name.starts_with(['.', ':', '-', '_']));
        pieces.push(Piece::Directive(name.get(..len).unwrap_or(name).to_owned()));
        rest = name.get(len..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

fn readable(pieces: &[Piece]) -> Option<Regex> {
    let mut pattern = String::from(r"(?is)\A");
    for piece in pieces {
        match piece {
            Piece::Text(text) => pattern.push_str(&regex::escape(text)),
            Piece::Directive(name) => pattern.push_str(match &**name {
                "%" => "%",
                "Y" => r"[0-9]{4}",
                "j" => r"[0-9]{1,3}",
                "b" | "B" | "h" | "a" | "A" | "p" | "P" => r"[a-z]+",
                "f" => r"[0-9]{1,9}",
                ".f" => r"(?:\.[0-9]{1,9})?",
                "z" | ":z" => r"(?:z|[+-][0-9:]+)",
                "n" | "t" => r"\s*",
                "F" => r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
                "D" => r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{1,2}",
                "T" => r"[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}",
                "R" => r"[0-9]{1,2}:[0-9]{1,2}",
                _ => r"[0-9]{1,2}",
            }),
        }
    }
    pattern.push_str(r"\z");
    Regex::new(&pattern).ok()
}

/// Writes one directive; `day` stands for the day of the month.
pub fn directive(
    out: &mut String,
    name: &str,
    local: DateTime,
    day: i8,
    offset_minutes: i64,
    chance: &mut Chance,
) {
    let (year, month, hour) = (local.year(), local.month(), local.hour());
    let mut named = |out: &mut String, name: &str| match chance.one_in(4) {
        true => out.extend(name.chars().map(|letter| letter.to_ascii_uppercase())),
        false => out.push_str(name),
    };
    let half_of_day = (hour + 11) % 12 + 1;
    match name {
        "%" => out.push('%'),
        "Y" => padded(out, year, 4),
        "y" => padded(out, year % 100, 2),
        "m" => padded(out, month.into(), 2),
        "b" | "h" => named(out, &MONTHS[month as usize - 1][..3]),
        "B" => named(out, MONTHS[month as usize - 1]),
        "d" => padded(out, day.into(), 2),
        "e" => bare(out, day),
        "j" => padded(out, local.day_of_year(), 3),
        "a" | "A" => {
            let days = ms_of(local).unwrap_or_default().div_euclid(DAY_MS);
            let whole = WEEKDAYS[days.rem_euclid(7) as usize];
            named(out, if name == "a" { &whole[..3] } else { whole });
        }
        "H" => padded(out, hour.into(), 2),
        "k" => bare(out, hour),
        "I" => padded(out, half_of_day.into(), 2),
        "l" => bare(out, half_of_day),
        "p" | "P" => out.push_str(if hour < 12 { "AM" } else { "PM" }),
        "M" => padded(out, local.minute().into(), 2),
        "S" => padded(out, local.second().into(), 2),
        "f" => padded(out, local.millisecond(), 3),
        ".f" if local.millisecond() == 0 => {}
        ".f" => {
            out.push('.');
            padded(out, local.millisecond(), 3);
        }
        "z" | ":z" if offset_minutes == 0 && chance.one_in(2) => out.push('Z'),
        "z" | ":z" => offset(out, offset_minutes, chance.one_in(2)),
        "n" | "t" => out.push(' '),
        "F" => date(out, local, day),
        "D" => {
            padded(out, month.into(), 2);
            out.push('/');
            padded(out, day.into(), 2);
            out.push('/');
            padded(out, year % 100, 2);
        }
        "T" => time(out, local),
        "R" => {
            padded(out, hour.into(), 2);
            out.push(':');
            padded(out, local.minute().into(), 2);
        }
        _ => {}
    }
}

/// A date as ISO 8601 writes it; `day` stands for the day of the month.
pub fn date(out: &mut String, local: DateTime, day: i8) {
    padded(out, local.year(), 4);
    out.push('-');
    padded(out, local.month().into(), 2);
    out.push('-');
    padded(out, day.into(), 2);
}

/// A time as ISO 8601 writes it, to the second.
pub fn time(out: &mut String, local: DateTime) {
    padded(out, local.hour().into(), 2);
    out.push(':');
    padded(out, local.minute().into(), 2);
    out.push(':');
    padded(out, local.second().into(), 2);
}

/// An offset from UTC.
pub fn offset(out: &mut String, minutes: i64, has_colon: bool) {
    out.push(if minutes < 0 { '-' } else { '+' });
    padded(out, (minutes.abs() / 60) as i16, 2);
    if has_colon {
        out.push(':');
    }
    padded(out, (minutes.abs() % 60) as i16, 2);
}

/// The last `width` digits of a number.
pub fn padded(out: &mut String, number: i16, width: u32) {
    for place in (0..width).rev() {
        let digit = number.unsigned_abs() / 10_u16.pow(place) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

/// A number of one or two digits.
fn bare(out: &mut String, number: i8) {
    padded(out, number.into(), if number < 10 { 1 } else { 2 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_may_be_read() {
        for format in [
            "%d.%m.%Y %H:%M:%S%.f%z",
            "%a, %e %B %y %I:%M %p",
            "%j/%Y %T %:z",
            "%F%%%t%R",
            "%D %k.%M.%S,%f",
        ] {
            let format = Format::of(format).unwrap();
            for number in 0..50_i16 {
                let local =
                    jiff::civil::date(1970 + number, 2, 3).at(number as i8 % 24, 5, 6, 7_000_000);
                let mut chance = Chance::of(1, 2, number as u64);
                let mut out = String::new();
                for piece in &format.pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Directive(name) => {
                            directive(&mut out, name, local, 3, -330, &mut chance);
                        }
                    }
                }
                assert!(format.may_read(&out), "{format:?} and {out}");
            }
        }
    }
}
