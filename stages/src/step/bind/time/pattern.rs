//! Formats of dates and times in the directives of strptime
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/functions/strptime.html>), read once and then followed byte by
//! byte. Where POSIX lets much pass, this does not: a year of `%Y` has exactly four digits, white space stands
//! for itself, and a weekday must be the day's own. Names are English, or those of a [`Locale`] too, in any case.

mod fixed;
mod names;

use super::civil::Civil;
use super::iso;
use fixed::Fixed;
pub use names::Locale;
use names::Names;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// From Thursday: 1970-01-01 was one.
const WEEKDAYS: [&str; 7] = [
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
];
/// Bytes of an abbreviated name.
const SHORT_NAME_BYTES: usize = 3;

/// Years of two digits below this are 20.., the others 19.., as POSIX says.
pub const POSIX_PIVOT: u32 = 69;

/// A format, taken apart.
#[derive(Clone, Debug)]
pub struct Pattern {
    written: Box<str>,
    pieces: Vec<Piece>,
    /// For texts in which every number has all its digits.
    fixed: Option<Fixed>,
    /// It needs a second look: a weekday, a day of the year, or half a day.
    derives: bool,
    /// Names of another language than English.
    names: Option<&'static Names>,
    /// Years of two digits below this are 20.., the others 19...
    pivot: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    /// This byte itself.
    Byte(u8),
    /// `%Y`
    Year,
    /// `%y`: by the pivot.
    ShortYear,
    /// `%m`
    Month,
    /// `%b`, `%B`
    MonthName,
    /// `%d`, `%e`
    Day,
    /// `%j`
    DayOfYear,
    /// `%a`, `%A`
    Weekday,
    /// `%H`, `%k`
    Hour,
    /// `%I`, `%l`
    Hour12,
    /// `%p`, `%P`
    Half,
    /// `%M`
    Minute,
    /// `%S`
    Second,
    /// `%f`: one to nine digits.
    Fraction,
    /// `%.f`: nothing, or a point and one to nine digits.
    PointFraction,
    /// `%z`, `%:z`
    Offset,
    /// `%n`, `%t`: any run of white space, or none.
    Space,
}

/// What a text said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Read {
    /// Date and time, unchecked.
    pub civil: Civil,
    /// Seconds that it is ahead of universal time.
    pub offset_seconds: Option<i32>,
}

impl Pattern {
    /// The format as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Takes a format apart.
    ///
    /// # Errors
    /// One sentence about the directive that is unknown or stands twice.
    pub fn new(format: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = format.chars();
        while let Some(char) = rest.next() {
            if char != '%' {
                let mut bytes = [0; 4];
                pieces.extend(char.encode_utf8(&mut bytes).bytes().map(Piece::Byte));
                continue;
            }
            let mut name = String::new();
            loop {
                let Some(next) = rest.next() else {
                    return Err(format!("`%{name}` at the end is no directive"));
                };
                name.push(next);
                if !matches!(next, '.' | ':' | '-' | '_') {
                    break;
                }
            }
            pieces.extend_from_slice(directive(&name)?);
        }
        let derived = [Piece::Weekday, Piece::DayOfYear, Piece::Hour12];
        let derives = pieces.iter().any(|piece| derived.contains(piece));
        let written = format.into();
        let pattern = Self {
            written,
            fixed: Fixed::of(&pieces),
            pieces,
            derives,
            names: None,
            pivot: POSIX_PIVOT,
        };
        pattern.said_once()?;
        Ok(pattern)
    }

    /// Reads the names of a language beside the English ones.
    #[must_use]
    pub fn in_language(mut self, locale: Locale) -> Self {
        self.names = locale.names();
        self
    }

    /// Takes two digits of a year below `pivot` for 20.., others for 19...
    #[must_use]
    pub fn pivoted(mut self, pivot: u32) -> Self {
        self.pivot = pivot;
        self
    }

    /// Whether it says a month or a weekday by name.
    pub fn has_name(&self) -> bool {
        self.has(&[Piece::MonthName, Piece::Weekday])
    }

    /// Whether it says two digits of a year.
    pub fn has_short_year(&self) -> bool {
        self.has(&[Piece::ShortYear])
    }

    /// A part of the date or time that two directives say: most often a slip, `%m` for `%M`.
    fn said_once(&self) -> Result<(), String> {
        for (index, piece) in self.pieces.iter().enumerate() {
            let said = piece.says();
            let before = |other: &Piece| said.is_some() && other.says() == said;
            if let (Some(said), true) = (said, self.pieces[..index].iter().any(before)) {
                return Err(format!("it says the {said} twice"));
            }
        }
        Ok(())
    }

    fn has(&self, wanted: &[Piece]) -> bool {
        self.pieces.iter().any(|piece| wanted.contains(piece))
    }

    /// Whether it says a whole date.
    pub fn has_date(&self) -> bool {
        let year = self.has(&[Piece::Year, Piece::ShortYear]);
        let month = self.has(&[Piece::Month, Piece::MonthName]) && self.has(&[Piece::Day]);
        year && (month || self.has(&[Piece::DayOfYear]))
    }

    /// Whether it says the hour.
    pub fn has_time(&self) -> bool {
        self.has(&[Piece::Hour]) || self.has(&[Piece::Hour12]) && self.has(&[Piece::Half])
    }

    /// Whether it says any part of a date.
    pub fn has_some_date(&self) -> bool {
        let date =
            |piece: &Piece| matches!(piece.says(), Some("year" | "month" | "day" | "weekday"));
        self.pieces.iter().any(date)
    }

    /// Whether it says half of an hour: `%I` without `%p`, or `%p` without `%I`.
    pub fn has_half_an_hour(&self) -> bool {
        self.has(&[Piece::Hour12]) != self.has(&[Piece::Half])
    }

    /// Whether it says the offset.
    pub fn has_offset(&self) -> bool {
        self.has(&[Piece::Offset])
    }

    /// Reads a text from end to end. What it says may still be no day of the calendar.
    pub fn read(&self, text: &str) -> Option<Read> {
        let fixed = self.fixed.as_ref();
        if let Some(civil) = fixed.and_then(|fixed| fixed.read(text.as_bytes())) {
            return Some(Read {
                civil,
                offset_seconds: None,
            });
        }
        self.read_by_pieces(text)
    }

    fn read_by_pieces(&self, text: &str) -> Option<Read> {
        let mut cursor = Cursor {
            bytes: text.as_bytes(),
            at: 0,
        };
        let mut read = Read::default();
        let civil = &mut read.civil;
        let (mut afternoon, mut weekday, mut of_year) = (None, None, None);
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Byte(byte) => cursor.byte(*byte)?,
                Piece::Year => {
                    let start = cursor.at;
                    civil.year = cursor.number(4)?;
                    if cursor.at - start != 4 {
                        return None;
                    }
                }
                Piece::ShortYear => {
                    let year = cursor.number(2)?;
                    civil.year = year + if year < self.pivot { 2000 } else { 1900 };
                }
                Piece::Month => civil.month = cursor.number(2)?,
                Piece::MonthName => civil.month = self.name(&mut cursor, text, index)? + 1,
                Piece::Day => civil.day = cursor.number(2)?,
                Piece::DayOfYear => of_year = Some(cursor.number(3)?),
                Piece::Weekday => weekday = Some(self.name(&mut cursor, text, index)?),
                Piece::Hour | Piece::Hour12 => civil.hour = cursor.number(2)?,
                Piece::Half => afternoon = Some(cursor.name(&["am", "pm"])? == 1),
                Piece::Minute => civil.minute = cursor.number(2)?,
                Piece::Second => civil.second = cursor.number(2)?,
                Piece::Fraction => civil.nanosecond = iso::fraction(cursor.digits(9))?,
                Piece::PointFraction => {
                    if cursor.byte(b'.').is_some() {
                        civil.nanosecond = iso::fraction(cursor.digits(9))?;
                    }
                }
                Piece::Offset => read.offset_seconds = Some(cursor.offset(text)?),
                Piece::Space => cursor.spaces(),
            }
        }
        if cursor.at != text.len() {
            return None;
        }
        if self.derives {
            if let Some(of_year) = of_year {
                civil.set_day_of_year(of_year)?;
            }
            if let Some(afternoon) = afternoon {
                if !(1..=12).contains(&civil.hour) {
                    return None;
                }
                civil.hour = civil.hour % 12 + 12 * u32::from(afternoon);
            }
            if let Some(weekday) = weekday {
                civil
                    .days()
                    .filter(|days| days.rem_euclid(7) == i64::from(weekday))?;
            }
        }
        Some(read)
    }

    /// The month or weekday that a name here says, counted as in [`MONTHS`] and [`WEEKDAYS`]; `index` is the piece.
    fn name(&self, cursor: &mut Cursor<'_>, text: &str, index: usize) -> Option<u32> {
        let is_month = self.pieces[index] == Piece::MonthName;
        let Some(names) = self.names else {
            return cursor.name(if is_month { &MONTHS } else { &WEEKDAYS });
        };
        let (found, bytes) = names.find(text.get(cursor.at..)?, is_month)?;
        cursor.at += bytes;
        // A point behind an abbreviation belongs to it, unless the format says one itself.
        if self.pieces.get(index + 1) != Some(&Piece::Byte(b'.')) {
            let _ = cursor.byte(b'.');
        }
        Some(found)
    }
}

impl Piece {
    /// The part of a date or time that it says.
    fn says(self) -> Option<&'static str> {
        Some(match self {
            Self::Year | Self::ShortYear => "year",
            Self::Month | Self::MonthName => "month",
            Self::Day | Self::DayOfYear => "day",
            Self::Weekday => "weekday",
            Self::Hour | Self::Hour12 => "hour",
            Self::Half => "half of the day",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Fraction | Self::PointFraction => "fraction",
            Self::Offset => "offset",
            Self::Byte(_) | Self::Space => return None,
        })
    }
}

fn directive(name: &str) -> Result<&'static [Piece], String> {
    use Piece::*;
    Ok(match name {
        "%" => &[Byte(b'%')],
        "Y" => &[Year],
        "y" => &[ShortYear],
        "m" => &[Month],
        "b" | "B" | "h" => &[MonthName],
        "d" | "e" => &[Day],
        "j" => &[DayOfYear],
        "a" | "A" => &[Weekday],
        "H" | "k" => &[Hour],
        "I" | "l" => &[Hour12],
        "p" | "P" => &[Half],
        "M" => &[Minute],
        "S" => &[Second],
        "f" => &[Fraction],
        ".f" => &[PointFraction],
        "z" | ":z" => &[Offset],
        "n" | "t" => &[Space],
        "F" => &[Year, Byte(b'-'), Month, Byte(b'-'), Day],
        "D" => &[Month, Byte(b'/'), Day, Byte(b'/'), ShortYear],
        "T" => &[Hour, Byte(b':'), Minute, Byte(b':'), Second],
        "R" => &[Hour, Byte(b':'), Minute],
        "Z" => {
            return Err(
                "`%Z` names a zone by letters that several zones share: use `%z`, or `timezone`"
                    .into(),
            );
        }
        "s" => {
            return Err("`%s` is no directive: the whole format is `epoch_s` or `epoch_ms`".into());
        }
        _ => return Err(format!("`%{name}` is no directive that is known")),
    })
}

struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Cursor<'t> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.bytes.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    /// The digits here, at most `most`.
    fn digits(&mut self, most: usize) -> &'t [u8] {
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(most)];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        &rest[..count]
    }

    /// A number of one to `most` digits.
    fn number(&mut self, most: usize) -> Option<u32> {
        let (mut sum, start) = (0, self.at);
        for byte in self.bytes.iter().skip(start).take(most) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            sum = sum * 10 + u32::from(digit);
            self.at += 1;
        }
        (self.at > start).then_some(sum)
    }

    /// The index of the name here, whole or abbreviated.
    fn name(&mut self, names: &[&str]) -> Option<u32> {
        let rest = &self.bytes[self.at..];
        let begins = |name: &[u8]| {
            rest.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        names.iter().zip(0..).find_map(|(name, index)| {
            let name = name.as_bytes();
            let short = &name[..name.len().min(SHORT_NAME_BYTES)];
            let found = if begins(name) { name } else { short };
            begins(found).then(|| self.at += found.len())?;
            Some(index)
        })
    }

    /// The offset here: everything that can belong to one.
    fn offset(&mut self, text: &str) -> Option<i32> {
        let rest = text.get(self.at..)?;
        let belongs = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
        let behind = rest.bytes().skip(1).take_while(belongs).count();
        let end = if rest.starts_with(['Z', 'z']) {
            1
        } else {
            1 + behind
        };
        let found = rest.get(..end)?;
        self.at += end;
        iso::offset(found)
    }

    fn spaces(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
    }
}
