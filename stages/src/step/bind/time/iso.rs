//! The forms of ISO 8601 that stand without a format. Exactly these: another number of digits is no date.

use super::civil::Civil;
use super::digits::Places;
use crate::step::bind::value::Fault;

static DAY: Places = Places::of(b"0000-00-00");
static CLOCK: Places = Places::of(b"00:00:00");

/// `YYYY-MM-DD`.
pub fn date(text: &str) -> Option<Civil> {
    day(text.as_bytes())
}

#[inline]
fn day(bytes: &[u8]) -> Option<Civil> {
    let numbers = DAY.read(bytes)?;
    Some(Civil {
        year: numbers.four(0),
        month: numbers.two(5),
        day: numbers.two(8),
        ..Civil::default()
    })
}

/// `HH:MM[:SS[.f]]`, with at most nine digits behind the point.
pub fn time(text: &str) -> Option<Civil> {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let mut civil = Civil {
        hour: two(bytes, 0)?,
        minute: two(bytes, 3)?,
        ..Civil::default()
    };
    if bytes.len() == 5 {
        return Some(civil);
    }
    if bytes.len() < 8 || bytes[5] != b':' {
        return None;
    }
    civil.second = two(bytes, 6)?;
    match &bytes[8..] {
        [] => {}
        [b'.', digits @ ..] => civil.nanosecond = fraction(digits)?,
        _ => return None,
    }
    Some(civil)
}

/// RFC 3339 (5.6): a date, `T` or a space, `HH:MM:SS[.f]`, and an offset, which may be missing here: whether it
/// may is the field's to say. The offset is in seconds.
pub fn datetime(text: &str) -> Option<(Civil, Option<i32>)> {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    // The clock ends behind its seconds, or their fraction.
    let end = match &bytes[19..] {
        [b'.', digits @ ..] => {
            let digit = |byte: &&u8| byte.is_ascii_digit();
            20 + digits.iter().take_while(digit).count()
        }
        _ => 19,
    };
    let (day, clock) = (day(&bytes[..10])?, CLOCK.read(&bytes[11..19])?);
    let offset_seconds = match text.get(end..)? {
        "" => None,
        zone => Some(offset(zone).filter(|_| matches!(zone.len(), 1 | 6))?),
    };
    let civil = Civil {
        hour: clock.two(0),
        minute: clock.two(3),
        second: clock.two(6),
        nanosecond: match end {
            19 => 0,
            end => fraction(&bytes[20..end])?,
        },
        ..day
    };
    Some((civil, offset_seconds))
}

/// `Z`, `+HH`, `+HHMM` or `+HH:MM`, with either sign, in seconds.
pub fn offset(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let (sign, rest) = match bytes.split_first()? {
        (b'Z' | b'z', []) => return Some(0),
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let minute = match rest {
        [_, _] => 0,
        [_, _, _, _] => two(rest, 2)?,
        [_, _, b':', _, _] => two(rest, 3)?,
        _ => return None,
    };
    let hour = two(rest, 0)?;
    (hour < 24 && minute < 60).then_some(sign * (hour * 3600 + minute * 60) as i32)
}

/// Digits of a fraction of a second, at most nine, in nanoseconds.
pub fn fraction(digits: &[u8]) -> Option<u32> {
    if !matches!(digits.len(), 1..=9) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some(value * 10_u32.pow(9 - digits.len() as u32))
}

/// A duration in whole seconds.
pub fn duration(text: &str) -> Result<i64, Fault> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let seconds = match rest.strip_prefix('P') {
        Some(parts) => by_letters(parts)?,
        None if rest.contains(':') => by_colons(rest)?,
        None => whole(rest)?,
    };
    Ok(if negative { -seconds } else { seconds })
}

fn by_letters(parts: &str) -> Result<i64, Fault> {
    let units = [
        ('W', 604_800),
        ('D', 86_400),
        ('T', 0),
        ('H', 3600),
        ('M', 60),
        ('S', 1),
    ];
    let (mut rest, mut next, mut sum, mut clock, mut any) = (parts, 0, 0_i64, false, false);
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('T').filter(|_| !clock) {
            (rest, clock, next, any) = (behind, true, 3, false);
            continue;
        }
        let end = rest
            .find(|char: char| !char.is_ascii_digit())
            .ok_or_else(no_duration)?;
        let letter = rest[end..].chars().next().unwrap_or_default();
        let known = if clock { 3..6 } else { 0..2 };
        let unit = known
            .filter(|unit| *unit >= next)
            .find(|unit| units[*unit].0 == letter)
            .ok_or_else(no_duration)?;
        let part = whole(&rest[..end])?.checked_mul(units[unit].1);
        sum = part
            .and_then(|part| sum.checked_add(part))
            .ok_or_else(too_long)?;
        (rest, next, any) = (&rest[end + 1..], unit + 1, true);
    }
    if any { Ok(sum) } else { Err(no_duration()) }
}

fn by_colons(text: &str) -> Result<i64, Fault> {
    let mut parts = text.split(':');
    let (Some(hours), Some(minutes), Some(seconds), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(no_duration());
    };
    if minutes.len() != 2 || seconds.len() != 2 {
        return Err(no_duration());
    }
    let (minutes, seconds) = (whole(minutes)?, whole(seconds)?);
    if minutes > 59 || seconds > 59 {
        return Err(no_duration());
    }
    let hours = whole(hours)?.checked_mul(3600);
    hours
        .and_then(|hours| hours.checked_add(minutes * 60 + seconds))
        .ok_or_else(too_long)
}

fn whole(digits: &str) -> Result<i64, Fault> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(no_duration());
    }
    digits.parse().map_err(|_| too_long())
}

fn no_duration() -> Fault {
    Fault::wrong("is no duration in whole seconds")
}

fn too_long() -> Fault {
    Fault::range("has more seconds than 64 bits hold")
}

pub fn two(bytes: &[u8], at: usize) -> Option<u32> {
    let (tens, ones) = (
        bytes[at].wrapping_sub(b'0'),
        bytes[at + 1].wrapping_sub(b'0'),
    );
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}
