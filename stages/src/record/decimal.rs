//! Exact decimals: a coefficient of at most 34 digits and a scale, as MongoDB's Decimal128 holds them.
//!
//! Nothing here passes through a float. The limit of 34 digits is IEEE 754-2008's for decimal128.

mod arithmetic;

use std::cmp::Ordering;
use std::fmt;

/// The most digits of a coefficient.
pub const MAX_DIGITS: u32 = 34;
/// The largest scale: with it the exponent of a decimal128 is still in range.
const MAX_SCALE: i32 = 6176;
/// The smallest scale, for numbers such as `1E+6111`.
const MIN_SCALE: i32 = -6111;
/// The largest scale that is shown without an exponent.
const MAX_PLAIN_SCALE: usize = 40;

/// `±coefficient × 10^-scale`. The scale is kept as it was written: `1.50` has scale 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The coefficient in two halves: so a [`super::Value`] has 32 bytes, not 48.
    high: u64,
    low: u64,
    scale: i32,
    negative: bool,
}

impl Decimal {
    /// A decimal of its parts; `None` where 34 digits or the exponent do not suffice.
    #[inline]
    pub fn new(negative: bool, coefficient: u128, scale: i32) -> Option<Self> {
        let fits =
            coefficient < 10_u128.pow(MAX_DIGITS) && (MIN_SCALE..=MAX_SCALE).contains(&scale);
        fits.then_some(Self::of(negative, coefficient, scale))
    }

    /// A decimal of a coefficient of at most 20 digits, and at most 255 of them behind the point: it always fits.
    #[inline]
    pub fn short(negative: bool, coefficient: u64, scale: u8) -> Self {
        Self {
            high: 0,
            low: coefficient,
            scale: i32::from(scale),
            negative,
        }
    }

    /// A decimal of parts that fit.
    fn of(negative: bool, coefficient: u128, scale: i32) -> Self {
        Self {
            high: (coefficient >> 64) as u64,
            low: coefficient as u64,
            scale,
            negative,
        }
    }

    #[inline]
    fn coefficient(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// The number as whole units and a scale: `units × 10^-scale`.
    pub fn parts(&self) -> (i128, i32) {
        // 34 digits are far from the limit.
        let units = self.coefficient() as i128;
        (if self.negative { -units } else { units }, self.scale)
    }

    /// Reads `[+-]digits[.digits][(e|E)[+-]digits]`: at least one digit, no spaces, no grouping. `None` for
    /// anything else, and for more than 34 significant digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, mut rest) = match bytes.first()? {
            b'-' => (true, &bytes[1..]),
            b'+' => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        let mut exponent = 0_i32;
        if let Some(at) = rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            let digits = &rest[at + 1..];
            let unsigned = digits
                .strip_prefix(b"+")
                .or(digits.strip_prefix(b"-"))
                .unwrap_or(digits);
            if unsigned.is_empty() || unsigned.len() > 6 || !unsigned.iter().all(u8::is_ascii_digit)
            {
                return None;
            }
            let value = unsigned
                .iter()
                .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
            exponent = if digits[0] == b'-' { -value } else { value };
            rest = &rest[..at];
        }
        let (mut coefficient, mut scale, mut digits, mut point) = (0_u128, 0_i32, 0_usize, false);
        for &byte in rest {
            match byte {
                b'0'..=b'9' => {
                    coefficient = coefficient
                        .checked_mul(10)?
                        .checked_add(u128::from(byte - b'0'))?;
                    digits += 1;
                    scale += i32::from(point);
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        if digits == 0 {
            return None;
        }
        Self::new(negative, coefficient, scale - exponent)
    }

    /// The same number with `places` more digits behind the point: an implied decimal point.
    pub fn shifted(self, places: u32) -> Option<Self> {
        Self::new(
            self.negative,
            self.coefficient(),
            self.scale.checked_add(i32::try_from(places).ok()?)?,
        )
    }

    /// The same number written in one way only: no zeros behind the last digit, no negative zero. Two numbers
    /// of equal value are equal by `==` once they are normalized.
    #[must_use]
    pub fn normalized(self) -> Self {
        let (mut negative, mut coefficient, mut scale) =
            (self.negative, self.coefficient(), self.scale);
        if coefficient == 0 {
            (negative, scale) = (false, 0);
        }
        while coefficient != 0 && coefficient.is_multiple_of(10) && scale > MIN_SCALE {
            (coefficient, scale) = (coefficient / 10, scale - 1);
        }
        Self::of(negative, coefficient, scale)
    }

    /// Appends the digits that [`fmt::Display`] shows, without a text in between.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Ok(scale @ 0..=MAX_PLAIN_SCALE) = usize::try_from(self.scale) else {
            out.extend_from_slice(self.to_string().as_bytes());
            return;
        };
        if self.negative {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = match u64::try_from(self.coefficient()) {
            Ok(coefficient) => buffer.format(coefficient),
            Err(_) => buffer.format(self.coefficient()),
        };
        let digits = digits.as_bytes();
        if scale == 0 {
            return out.extend_from_slice(digits);
        }
        let whole = digits.len().saturating_sub(scale);
        if whole == 0 {
            out.push(b'0');
        }
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.resize(out.len() + scale.saturating_sub(digits.len()), b'0');
        out.extend_from_slice(&digits[whole..]);
    }

    /// The bytes of a BSON decimal128, in the binary integer decimal encoding, little endian
    /// (<https://github.com/mongodb/specifications/blob/master/source/bson-decimal128/decimal128.md>).
    pub fn to_bid(self) -> [u8; 16] {
        let biased = (6176 - self.scale) as u128;
        let sign = u128::from(self.negative) << 127;
        (sign | (biased << 113) | self.coefficient()).to_le_bytes()
    }

    /// The integer that this number is, if it is one and has 64 bits.
    pub fn to_i64(self) -> Option<i64> {
        let mut coefficient = self.coefficient();
        let mut scale = self.scale;
        while scale > 0 && coefficient.is_multiple_of(10) {
            (coefficient, scale) = (coefficient / 10, scale - 1);
        }
        if coefficient == 0 {
            return Some(0);
        }
        if scale > 0 {
            return None;
        }
        let all = coefficient.checked_mul(10_u128.checked_pow(scale.unsigned_abs())?)?;
        let signed = i128::try_from(all).ok()?;
        i64::try_from(if self.negative { -signed } else { signed }).ok()
    }
}

/// By value: `1.50` equals `1.5` here, though not by `==`.
impl Decimal {
    /// Compares two numbers exactly, whatever their scales.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.coefficient() == 0, other.coefficient() == 0) {
            (true, true) => return Ordering::Equal,
            (true, false) => {
                return if other.negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                };
            }
            (false, true) => {
                return if self.negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
            }
            (false, false) => {}
        }
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }

    /// Compares without signs; neither is zero.
    fn compare_magnitude(&self, other: &Self) -> Ordering {
        let at_scale_of = |one: &Self, other: &Self| {
            let places = 10_u128.checked_pow(one.scale.abs_diff(other.scale))?;
            one.coefficient().checked_mul(places)
        };
        // What does not fit into 128 bits is greater than every coefficient.
        match self.scale.cmp(&other.scale) {
            Ordering::Equal => self.coefficient().cmp(&other.coefficient()),
            Ordering::Less => at_scale_of(self, other)
                .map_or(Ordering::Greater, |raised| raised.cmp(&other.coefficient())),
            Ordering::Greater => at_scale_of(other, self)
                .map_or(Ordering::Less, |raised| self.coefficient().cmp(&raised)),
        }
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        Self::of(value < 0, u128::from(value.unsigned_abs()), 0)
    }
}

/// Digits without an exponent where that takes at most 40 characters, otherwise scientific notation.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = self.coefficient().to_string();
        let scale = self.scale;
        match usize::try_from(scale) {
            Ok(0) => write!(f, "{sign}{digits}"),
            Ok(scale) if scale <= MAX_PLAIN_SCALE => {
                let digits = format!("{digits:0>width$}", width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                write!(f, "{sign}{whole}.{fraction}")
            }
            _ => write!(f, "{sign}{digits}E{:+}", -scale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a decimal"))
    }

    #[test]
    fn what_is_written_comes_back() {
        for text in [
            "0",
            "1.50",
            "-0.001",
            "1234567890123456789012345678901234",
            "0.10",
            "-7",
        ] {
            assert_eq!(parsed(text).to_string(), text);
        }
        for (text, shown) in [
            ("+1", "1"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e2", "1E+2"),
            ("1.5E-1", "0.15"),
        ] {
            assert_eq!(parsed(text).to_string(), shown, "{text}");
        }
        for coefficient in [0, 7, 1234, 10_u128.pow(20), 10_u128.pow(34) - 1] {
            for scale in [-2, -1, 0, 1, 2, 3, 4, 5, 20, 33, 34, 35, 39, 40, 41, 100] {
                for negative in [false, true] {
                    let decimal = Decimal::new(negative, coefficient, scale).unwrap();
                    let mut out = Vec::new();
                    decimal.write(&mut out);
                    assert_eq!(String::from_utf8_lossy(&out), decimal.to_string());
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_of_34_digits_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "1.2.3",
            "1,5",
            " 1",
            "1e",
            "1e+",
            "NaN",
            "Infinity",
            "0x1",
            "1e9999999",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(35)), None);
        assert_eq!(Decimal::parse(&"9".repeat(60)), None);
    }

    #[test]
    fn equal_numbers_normalize_to_the_same() {
        for (text, expected) in [
            ("1.50", "1.5"),
            ("1000", "1E+3"),
            ("-0.00", "0"),
            ("0e7", "0"),
            ("-12", "-12"),
        ] {
            assert_eq!(parsed(text).normalized().to_string(), expected, "{text}");
        }
        let (a, b) = (parsed("10e6110"), parsed("1e6111"));
        assert_eq!(a.normalized(), b.normalized());
    }

    #[test]
    fn comparison_is_by_value() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            ("1.50", "1.5", Equal),
            ("-0", "0.00", Equal),
            ("0.1", "0.09", Greater),
            ("-2", "-1", Less),
            ("9", "10", Less),
            ("1e3", "1000.0", Equal),
            ("-1", "0", Less),
            ("0", "-0.5", Greater),
            ("1e6111", "1e-6176", Greater),
            ("1e-6176", "1e6111", Less),
            ("-1e40", "-9999999999999999999999999999999999", Less),
            ("1.5", "1.50000000000000000000000000000001", Less),
            ("0.1", "0.10", Equal),
        ] {
            assert_eq!(parsed(a).compare(&parsed(b)), expected, "{a} and {b}");
        }
    }

    #[test]
    fn integers_are_found_behind_any_scale() {
        for (text, expected) in [
            ("1.00", Some(1)),
            ("1e3", Some(1000)),
            ("1.5", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("0e-100", Some(0)),
        ] {
            assert_eq!(parsed(text).to_i64(), expected, "{text}");
        }
    }
}
