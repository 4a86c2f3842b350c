//! Formats of dates and times in the directives of strptime: how they are written, and what may be read by them.

use super::{DAY_MS, ms_of};
use crate::generate::chance::Chance;
use jiff::civil::DateTime;
use regex::Regex;
use std::fmt::Write as _;

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
pub enum Piece<'f> {
    /// Itself.
    Text(&'f str),
    /// By its name, without the percent sign.
    Directive(&'f str),
}

/// A format, taken apart; it is known to be good.
pub fn pieces(format: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), format);
    while let Some(at) = rest.find('%') {
        pieces.push(Piece::Text(&rest[..at]));
        let name = &rest[at + 1..];
        let len = 1 + usize::from(name.starts_with(['.', ':', '-', '_']));
        pieces.push(Piece::Directive(name.get(..len).unwrap_or(name)));
        rest = name.get(len..).unwrap_or_default();
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The texts that may be read by a format: more than are, never fewer.
pub fn readable(format: &str) -> Option<Regex> {
    let mut pattern = String::from(r"(?is)\A");
    for piece in pieces(format) {
        match piece {
            Piece::Text(text) => pattern.push_str(&regex::escape(text)),
            Piece::Directive(name) => pattern.push_str(match name {
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
) -> std::fmt::Result {
    let (year, month, hour) = (local.year(), local.month(), local.hour());
    let named = |name: &str, chance: &mut Chance| match chance.one_in(4) {
        true => name.to_uppercase(),
        false => name.to_owned(),
    };
    match name {
        "%" => out.write_char('%'),
        "Y" => write!(out, "{year:04}"),
        "y" => write!(out, "{:02}", year % 100),
        "m" => write!(out, "{month:02}"),
        "b" | "h" => out.write_str(&named(&MONTHS[month as usize - 1][..3], chance)),
        "B" => out.write_str(&named(MONTHS[month as usize - 1], chance)),
        "d" => write!(out, "{day:02}"),
        "e" => write!(out, "{day}"),
        "j" => write!(out, "{:03}", local.day_of_year()),
        "a" | "A" => {
            let days = ms_of(local).unwrap_or_default().div_euclid(DAY_MS);
            let whole = WEEKDAYS[days.rem_euclid(7) as usize];
            let name = if name == "a" { &whole[..3] } else { whole };
            out.write_str(&named(name, chance))
        }
        "H" => write!(out, "{hour:02}"),
        "k" => write!(out, "{hour}"),
        "I" => write!(out, "{:02}", (hour + 11) % 12 + 1),
        "l" => write!(out, "{}", (hour + 11) % 12 + 1),
        "p" | "P" => out.write_str(if hour < 12 { "AM" } else { "PM" }),
        "M" => write!(out, "{:02}", local.minute()),
        "S" => write!(out, "{:02}", local.second()),
        "f" => write!(out, "{:03}", local.millisecond()),
        ".f" if local.millisecond() == 0 => Ok(()),
        ".f" => write!(out, ".{:03}", local.millisecond()),
        "z" | ":z" if offset_minutes == 0 && chance.one_in(2) => out.write_char('Z'),
        "z" | ":z" => {
            let sign = if offset_minutes < 0 { '-' } else { '+' };
            let minutes = offset_minutes.abs();
            let colon = if chance.one_in(2) { ":" } else { "" };
            write!(out, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60)
        }
        "n" | "t" => out.write_char(' '),
        "F" => write!(out, "{year:04}-{month:02}-{day:02}"),
        "D" => write!(out, "{month:02}/{day:02}/{:02}", year % 100),
        "T" => write!(out, "{hour:02}:{:02}:{:02}", local.minute(), local.second()),
        "R" => write!(out, "{hour:02}:{:02}", local.minute()),
        _ => Ok(()),
    }
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
            let readable = readable(format).unwrap();
            for number in 0..50_i16 {
                let local =
                    jiff::civil::date(1970 + number, 2, 3).at(number as i8 % 24, 5, 6, 7_000_000);
                let mut chance = Chance::of(1, 2, number as u64);
                let mut out = String::new();
                for piece in pieces(format) {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Directive(name) => {
                            directive(&mut out, name, local, 3, -330, &mut chance).unwrap()
                        }
                    }
                }
                assert!(readable.is_match(&out), "{format} and {out}");
            }
        }
    }
}
