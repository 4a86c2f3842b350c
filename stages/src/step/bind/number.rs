//! Numbers as they are written: integers of 64 bits, finite doubles, exact decimals, and the untyped numbers of
//! JSON. It promises that nothing is guessed, rounded or cut off without a word: a text is exactly one number
//! or a fault. It never reads a decimal through a float.

mod negative;

#[cfg(test)]
mod tests;

pub use negative::Negative;

use super::value::Fault;
use crate::record::{Decimal, Value};
use std::cmp::Ordering;

/// The longest text that is read as a number where points and groups have characters of their own, in bytes.
pub const MAX_STYLED_NUMBER_BYTES: usize = 128;

/// Digits that always fit into 64 bits without a sign.
const U64_DIGITS: usize = 19;

/// Significant digits that a double always gives back (`DBL_DIG` of C).
const DOUBLE_DIGITS: usize = 15;

/// How the numbers of a field are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberStyle {
    /// Between whole digits and fraction.
    pub decimal_char: char,
    /// Between groups of exactly three digits; a number may also have no groups at all. A space stands for the
    /// no-break spaces too, an apostrophe for the curved one: which of them it is, the number says throughout.
    pub group_char: Option<char>,
}

impl NumberStyle {
    /// As programs write numbers.
    pub const PLAIN: Self = Self {
        decimal_char: '.',
        group_char: None,
    };

    /// Whether a character stands between groups.
    fn groups_by(self, char: char) -> bool {
        match self.group_char {
            Some(' ') => matches!(char, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}'),
            Some('\'') => matches!(char, '\'' | '\u{2019}'),
            group_char => Some(char) == group_char,
        }
    }
}

type StyledNumber = [u8; MAX_STYLED_NUMBER_BYTES];

/// Reads `[+-]digits`, leading zeros allowed.
pub fn integer(text: &str, style: NumberStyle) -> Result<i64, Fault> {
    if style.group_char.is_none() {
        return plain_integer(text.as_bytes());
    }
    let mut buffer = [0; MAX_STYLED_NUMBER_BYTES];
    let plain = plain(text, style, &mut buffer).ok_or_else(no_integer)?;
    plain_integer(plain.as_bytes())
}

fn plain_integer(bytes: &[u8]) -> Result<i64, Fault> {
    let (negative, digits) = signed(bytes);
    let mut value = 0_u64;
    if matches!(digits.len(), 1..=U64_DIGITS) {
        for byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return Err(no_integer());
            }
            value = value * 10 + u64::from(digit);
        }
    } else {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(no_integer());
        }
        for digit in digits {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit - b'0')))
                .ok_or_else(over_64_bit)?;
        }
    }
    let value = if negative {
        0_i64.checked_sub_unsigned(value)
    } else {
        i64::try_from(value).ok()
    };
    value.ok_or_else(over_64_bit)
}

/// Reads a number as the nearest double. Infinity, "not a number" and what would become one or lose all its
/// digits to zero is a fault.
pub fn float(text: &str, style: NumberStyle) -> Result<f64, Fault> {
    read_float(text, style).map_err(|fault| with_mark(fault, text, style))
}

fn read_float(text: &str, style: NumberStyle) -> Result<f64, Fault> {
    if style == NumberStyle::PLAIN {
        return plain_float(text);
    }
    let mut buffer = [0; MAX_STYLED_NUMBER_BYTES];
    plain_float(plain(text, style, &mut buffer).ok_or_else(no_number)?)
}

fn plain_float(text: &str) -> Result<f64, Fault> {
    let bytes = text.as_bytes();
    if let Some(value) = short_float(bytes) {
        return Ok(value);
    }
    // Rust also reads `inf` and `nan`, which have other letters.
    let known =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    if !bytes.iter().all(known) {
        return Err(no_number());
    }
    let value: f64 = text.parse().map_err(|_| no_number())?;
    let mantissa = bytes.split(|byte| matches!(byte, b'e' | b'E')).next();
    let lost = value == 0.0
        && mantissa
            .unwrap_or(bytes)
            .iter()
            .any(|byte| matches!(byte, b'1'..=b'9'));
    if value.is_finite() && !lost {
        Ok(value)
    } else {
        Err(Fault::range("is a number that no double holds"))
    }
}

/// Reads a number without an exponent whose digits and whose power of ten are exact as doubles, so that their
/// quotient is the nearest double. `None` for any other, and for what is no number.
#[inline]
fn short_float(bytes: &[u8]) -> Option<f64> {
    const POWERS: [f64; DOUBLE_DIGITS + 1] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (negative, digits) = signed(bytes);
    let (mut value, mut count, mut point) = (0_u64, 0, None);
    for byte in digits.iter().take(DOUBLE_DIGITS + 2) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
            count += 1;
        } else if *byte != b'.' || point.replace(count).is_some() {
            return None;
        }
    }
    if !(1..=DOUBLE_DIGITS).contains(&count) {
        return None;
    }
    let value = value as f64 / POWERS[point.map_or(0, |before| count - before)];
    Some(if negative { -value } else { value })
}

/// Reads a number exactly, with as many digits behind the point as were written; `scale` digits of a whole
/// number stand behind an implied point.
pub fn decimal(text: &str, style: NumberStyle, scale: Option<u32>) -> Result<Decimal, Fault> {
    if style == NumberStyle::PLAIN
        && scale.is_none()
        && let Some(value) = short_decimal(text.as_bytes())
    {
        return Ok(value);
    }
    read_decimal(text, style, scale).map_err(|fault| with_mark(fault, text, style))
}

/// Reads a number without an exponent that takes at most [`U64_DIGITS`] bytes behind its sign. `None` for any
/// other, and for what is no number.
#[inline]
fn short_decimal(bytes: &[u8]) -> Option<Decimal> {
    let (negative, digits) = signed(bytes);
    if digits.len() > U64_DIGITS {
        return None;
    }
    let (mut value, mut point) = (0_u64, None);
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
        } else if *byte != b'.' || point.replace(at).is_some() {
            return None;
        }
    }
    if digits.len() == usize::from(point.is_some()) {
        return None;
    }
    let scale = point.map_or(0, |at| digits.len() - 1 - at);
    Some(Decimal::short(negative, value, scale as u8))
}

fn read_decimal(text: &str, style: NumberStyle, scale: Option<u32>) -> Result<Decimal, Fault> {
    let mut buffer = [0; MAX_STYLED_NUMBER_BYTES];
    let plain = if style == NumberStyle::PLAIN {
        text
    } else {
        plain(text, style, &mut buffer).ok_or_else(no_number)?
    };
    let value = plain_decimal(plain)?;
    match scale {
        None => Ok(value),
        Some(_) if plain.contains(['.', 'e', 'E']) => Err(Fault::wrong(
            "has a decimal point, but its field has an implied one",
        )),
        Some(scale) => value.shifted(scale).ok_or_else(over_34_digits),
    }
}

fn plain_decimal(text: &str) -> Result<Decimal, Fault> {
    let (negative, digits) = signed(text.as_bytes());
    // Two numbers of 64 bits hold them, and no exponent is left.
    if digits.len() <= 2 * U64_DIGITS {
        let (mut halves, mut count, mut point) = ([0_u64; 2], 0, None);
        let read = digits.iter().all(|byte| match byte {
            b'0'..=b'9' => {
                let half = &mut halves[count / U64_DIGITS];
                *half = *half * 10 + u64::from(byte - b'0');
                count += 1;
                true
            }
            b'.' => point.replace(count).is_none(),
            _ => false,
        });
        if read && count > 0 {
            let [high, low] = halves.map(u128::from);
            let coefficient = match count.checked_sub(U64_DIGITS) {
                Some(below) => high * 10_u128.pow(below as u32) + low,
                None => high,
            };
            let scale = point.map_or(0, |before| count - before);
            let decimal = Decimal::new(negative, coefficient, scale as i32);
            return decimal.ok_or_else(over_34_digits);
        }
    }
    Decimal::parse(text).ok_or_else(|| {
        if is_number(text.as_bytes()) {
            over_34_digits()
        } else {
            no_number()
        }
    })
}

/// A number of JSON whose type nobody declared, where it is an integer of 64 bits.
pub fn untyped_integer(text: &str) -> Option<i64> {
    plain_integer(text.as_bytes()).ok()
}

/// A number of JSON whose type nobody declared: an integer of 64 bits, else a double, where that gives the same
/// number back.
pub fn untyped(text: &str) -> Result<Value, Fault> {
    if let Some(value) = untyped_integer(text) {
        return Ok(Value::Integer(value));
    }
    let (_, digits) = signed(text.as_bytes());
    if digits.len() <= DOUBLE_DIGITS && !digits.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return plain_float(text).map(Value::Float);
    }
    let value = plain_float(text)?;
    let shown = Decimal::parse(&format!("{value:e}"));
    match (shown, Decimal::parse(text)) {
        (Some(shown), Some(written)) if shown.compare(&written) == Ordering::Equal => {
            Ok(Value::Float(value))
        }
        _ => Err(Fault::range(
            "is a number that neither 64 bits nor a double hold exactly",
        )),
    }
}

/// The number as programs write it, in `buffer`: groups checked and taken away, the decimal point a dot.
/// `None` where it is no number in this style.
fn plain<'a>(text: &str, style: NumberStyle, buffer: &'a mut StyledNumber) -> Option<&'a str> {
    // A decimal point may become shorter here, nothing becomes longer.
    if text.len() > MAX_STYLED_NUMBER_BYTES {
        return None;
    }
    let (mut length, mut point, mut grouped, mut run) = (0, false, false, 0);
    let mut between = None;
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        let byte = match char {
            '0'..='9' => {
                run += 1;
                char as u8
            }
            '+' | '-' if length == 0 => char as u8,
            _ if style.groups_by(char) => {
                if point
                    || between.is_some_and(|between| between != char)
                    || !(if grouped {
                        run == 3
                    } else {
                        (1..=3).contains(&run)
                    })
                {
                    return None;
                }
                (grouped, run, between) = (true, 0, Some(char));
                continue;
            }
            _ if char == style.decimal_char => {
                if point || (grouped && run != 3) {
                    return None;
                }
                point = true;
                b'.'
            }
            'e' | 'E' if run > 0 => {
                if grouped && !point && run != 3 {
                    return None;
                }
                grouped = false;
                buffer[length] = b'e';
                length += 1;
                for byte in rest.by_ref().map(u8::try_from) {
                    buffer[length] = byte.ok()?;
                    length += 1;
                }
                break;
            }
            _ => return None,
        };
        buffer[length] = byte;
        length += 1;
    }
    if grouped && !point && run != 3 {
        return None;
    }
    std::str::from_utf8(&buffer[..length]).ok()
}

fn signed(bytes: &[u8]) -> (bool, &[u8]) {
    match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, bytes),
    }
}

/// Whether this is a number of any size: `[+-]digits[.digits][e[+-]digits]`.
fn is_number(bytes: &[u8]) -> bool {
    let (_, rest) = signed(bytes);
    let mut halves = rest.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let mantissa = halves.next().unwrap_or_default();
    let exponent = halves.next().map(|exponent| signed(exponent).1);
    let points = mantissa.iter().filter(|byte| **byte == b'.').count();
    let digits = mantissa.iter().filter(|byte| byte.is_ascii_digit()).count();
    points <= 1
        && digits > 0
        && digits + points == mantissa.len()
        && exponent.is_none_or(|all| !all.is_empty() && all.iter().all(u8::is_ascii_digit))
}

fn no_integer() -> Fault {
    Fault::wrong("is no integer")
}

fn no_number() -> Fault {
    Fault::wrong("is no number")
}

/// The fault of a text that is no number, with the field's decimal mark where the text holds the other one.
#[cold]
fn with_mark(fault: Fault, text: &str, style: NumberStyle) -> Fault {
    if fault == no_number()
        && let Some(help) = beside(text)
    {
        return Fault::wrong(format!("is no number: {help}"));
    }
    let other = match style.decimal_char {
        ',' => '.',
        '.' => ',',
        _ => return fault,
    };
    let is_number = |byte: u8| byte.is_ascii_digit() || b"+-.,eE".contains(&byte);
    if fault != no_number() || !text.contains(other) || !text.bytes().all(is_number) {
        return fault;
    }
    Fault::wrong(format!(
        "is no number: `decimal_char` is `{}`",
        style.decimal_char
    ))
}

/// The most characters of a currency or unit that a message takes for one.
const MAX_SIGNS: usize = 3;

/// What reads a text that is a number and what people write around one.
fn beside(text: &str) -> Option<&'static str> {
    let is_number = |text: &str| {
        let byte = |byte: u8| byte.is_ascii_digit() || b".,' ".contains(&byte);
        text.bytes().all(byte) && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    if let Some(inner) = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
    {
        return is_number(inner).then_some("`negative = \"parentheses\"` reads such a one");
    }
    if let Some(inner) = text.strip_suffix('-') {
        return is_number(inner).then_some("`negative = \"trailing\"` reads such a one");
    }
    let is_sign = |char: char| char.is_alphabetic() || char == '%' || is_currency(char);
    let bare = text.trim_matches(|char: char| is_sign(char) || char.is_whitespace());
    let signed = bare.strip_prefix(['-', '+']).unwrap_or(bare);
    let signs = text.chars().filter(|char| is_sign(*char)).count();
    (is_number(signed) && (1..=MAX_SIGNS).contains(&signs))
        .then_some("`strip` takes away what stands beside it")
}

/// Whether it is a sign of a currency.
fn is_currency(char: char) -> bool {
    matches!(char, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}')
}

fn over_64_bit() -> Fault {
    Fault::range("does not fit into an integer of 64 bits")
}

fn over_34_digits() -> Fault {
    Fault::range("has more digits than a decimal holds, 34")
}
