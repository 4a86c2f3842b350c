//! Numbers as digits: exact, so that a value just below a limit is below it. They know how a spec writes numbers
//! (points, groups, an implied point) and never pass through a float.

use super::chance::Chance;

/// The most digits that are kept: as many as fit.
const MAX_DIGITS: u32 = 38;

/// `coefficient` divided by ten `places` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub coefficient: i128,
    pub places: u32,
}

/// How a number is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub decimal_char: char,
    pub group_char: Option<char>,
    /// Digits behind an implied point.
    pub scale: Option<u32>,
}

impl Number {
    /// A whole number.
    pub fn whole(coefficient: i128) -> Self {
        Self {
            coefficient,
            places: 0,
        }
    }

    /// Reads what a spec says: digits, a point, an exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let coefficient: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        match u32::try_from(places) {
            Ok(places) => Some(Self {
                coefficient,
                places,
            }),
            Err(_) => {
                let factor = power(places.unsigned_abs())?;
                Some(Self::whole(coefficient.checked_mul(factor)?))
            }
        }
    }

    /// The least coefficient with so many places that is no smaller.
    pub fn ceil(self, places: u32) -> Option<i128> {
        let negative = Self {
            coefficient: self.coefficient.checked_neg()?,
            ..self
        };
        negative.floor(places)?.checked_neg()
    }

    /// The greatest coefficient with so many places that is no greater.
    pub fn floor(self, places: u32) -> Option<i128> {
        match places.checked_sub(self.places) {
            Some(more) => self.coefficient.checked_mul(power(more)?),
            None => Some(self.coefficient.div_euclid(power(self.places - places)?)),
        }
    }

    /// As programs write it.
    pub fn plain(self) -> String {
        let (digits, point) = self.digits();
        let mut out = String::with_capacity(digits.len() + 2);
        if self.coefficient < 0 {
            out.push('-');
        }
        out.push_str(&digits[..point]);
        if point < digits.len() {
            out.push('.');
            out.push_str(&digits[point..]);
        }
        out
    }

    /// Its digits, at least one of them before the point, and how many those are.
    fn digits(self) -> (String, usize) {
        let places = self.places as usize;
        let mut buffer = itoa::Buffer::new();
        let plain = buffer.format(self.coefficient.unsigned_abs());
        let zeros = (places + 1).saturating_sub(plain.len());
        let mut digits = String::with_capacity(zeros + plain.len());
        digits.extend(std::iter::repeat_n('0', zeros));
        digits.push_str(plain);
        let point = digits.len() - places;
        (digits, point)
    }

    /// As a person may write it in this style: with or without groups, with a sign, with zeros in front.
    pub fn written(self, style: Style, chance: &mut Chance) -> String {
        let (digits, point) = match style.scale {
            Some(_) => Self::whole(self.coefficient).digits(),
            None => self.digits(),
        };
        let (whole, fraction) = digits.split_at(point);
        let mut out = String::with_capacity(digits.len() + 4);
        match self.coefficient < 0 {
            true => out.push('-'),
            false if chance.one_in(40) => out.push('+'),
            false => {}
        }
        match style.group_char {
            Some(group) if whole.len() > 3 && chance.one_in(2) => {
                for (at, digit) in whole.char_indices() {
                    if at > 0 && (whole.len() - at).is_multiple_of(3) {
                        out.push(group);
                    }
                    out.push(digit);
                }
            }
            _ => {
                if chance.one_in(30) {
                    out.push_str("00");
                }
                out.push_str(whole);
            }
        }
        if !fraction.is_empty() {
            out.push(style.decimal_char);
            out.push_str(fraction);
        }
        out
    }
}

/// A number between two limits, both included, with at most `places` places; nearby ones, where there are no limits.
pub fn draw(
    least: Option<Number>,
    most: Option<Number>,
    places: u32,
    chance: &mut Chance,
) -> Option<Number> {
    let digits = chance.between(1, 6) as u32;
    let width = power(digits)?.checked_mul(power(places)?)?;
    let least_here = least.map(|least| least.ceil(places));
    let most_here = most.map(|most| most.floor(places));
    let (low, high) = match (least_here, most_here) {
        (None, None) => (-width / 8, width),
        (Some(low), None) => (low?, low?.checked_add(width)?),
        (None, Some(high)) => (high?.checked_sub(width)?, high?),
        (Some(low), Some(high)) => (low?, high?),
    };
    if low > high {
        return None;
    }
    let coefficient = match chance.below(12) {
        0 => low,
        1 => high,
        _ => chance.between(low, high),
    };
    Some(Number {
        coefficient,
        places,
    })
}

/// Ten so many times.
fn power(of: u32) -> Option<i128> {
    (of <= MAX_DIGITS)
        .then(|| 10_i128.checked_pow(of))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_exact() {
        let number = |text: &str| Number::parse(text).unwrap();
        assert_eq!(number("0.01").ceil(1), Some(1));
        assert_eq!(number("-0.01").floor(1), Some(-1));
        assert_eq!(number("-0.01").ceil(1), Some(0));
        assert_eq!(number("2e3"), Number::whole(2000));
        assert_eq!(number("-9_9".replace('_', "").as_str()).plain(), "-99");
        assert_eq!(number("-0.050").plain(), "-0.050");
        assert_eq!(Number::parse("soon"), None);
    }

    #[test]
    fn numbers_lie_between_their_limits() {
        for (least, most, places) in [("0", "1", 3), ("-5", "-5", 0), ("0.5", "0.75", 2)] {
            let (least, most) = (Number::parse(least), Number::parse(most));
            for number in 0..200 {
                let drawn = draw(least, most, places, &mut Chance::of(1, 2, number)).unwrap();
                assert!(least.unwrap().ceil(places) <= Some(drawn.coefficient));
                assert!(Some(drawn.coefficient) <= most.unwrap().floor(places));
            }
        }
        assert_eq!(
            draw(
                Number::parse("0.1"),
                Number::parse("0.2"),
                0,
                &mut Chance::of(1, 2, 3)
            ),
            None
        );
    }

    #[test]
    fn groups_stand_every_three_digits() {
        let style = Style {
            decimal_char: ',',
            group_char: Some('.'),
            scale: None,
        };
        let number = Number::parse("-1234567.50").unwrap();
        let all: Vec<String> = (0..50)
            .map(|at| number.written(style, &mut Chance::of(1, 2, at)))
            .collect();
        assert!(all.iter().any(|text| text == "-1.234.567,50"), "{all:?}");
        assert!(all.iter().any(|text| text == "-1234567,50"), "{all:?}");
    }
}
