//! Sums and products of decimals: exact, or not at all. Nothing is ever rounded.

use super::{Decimal, MAX_DIGITS};

impl Decimal {
    /// The number with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self {
            negative: !self.negative && self.coefficient() != 0,
            ..self
        }
    }

    /// The sum, with as many digits behind the point as the longer of the two; `None` where 34 digits do not
    /// hold it.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let (a, b) = match (self.coefficient(), other.coefficient()) {
            (0, _) => (0, other.signed(scale)?),
            (_, 0) => (self.signed(scale)?, 0),
            _ => (self.signed(scale)?, other.signed(scale)?),
        };
        let sum = a.checked_add(b)?;
        Self::fitted(sum < 0, sum.unsigned_abs(), scale)
    }

    /// The difference, by the rules of [`Self::checked_add`].
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(other.negated())
    }

    /// The product, with as many digits behind the point as both have together; `None` where 34 digits do not
    /// hold it.
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        let negative = self.negative != other.negative;
        let product = |a: Self, b: Self| {
            let coefficient = a.coefficient().checked_mul(b.coefficient())?;
            Self::fitted(
                negative && coefficient != 0,
                coefficient,
                a.scale.checked_add(b.scale)?,
            )
        };
        product(self, other).or_else(|| product(self.stripped(), other.stripped()))
    }

    /// The signed coefficient that this number has at a scale that is not smaller than its own.
    fn signed(self, scale: i32) -> Option<i128> {
        let places = u32::try_from(scale.checked_sub(self.scale)?).ok()?;
        let coefficient = self
            .coefficient()
            .checked_mul(10_u128.checked_pow(places)?)?;
        let coefficient = i128::try_from(coefficient).ok()?;
        Some(if self.negative {
            -coefficient
        } else {
            coefficient
        })
    }

    /// A number whose coefficient may have more digits than fit, when the last of them are zeros.
    fn fitted(negative: bool, mut coefficient: u128, mut scale: i32) -> Option<Self> {
        while coefficient >= 10_u128.pow(MAX_DIGITS) && coefficient.is_multiple_of(10) {
            (coefficient, scale) = (coefficient / 10, scale - 1);
        }
        Self::new(negative, coefficient, scale)
    }

    /// The same number without zeros at its end.
    fn stripped(mut self) -> Self {
        while self.coefficient() != 0 && self.coefficient().is_multiple_of(10) {
            self = Self::of(self.negative, self.coefficient() / 10, self.scale - 1);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, operator: char, b: &str, expected: Option<&str>) {
        let parsed = |text: &str| Decimal::parse(text).unwrap_or_else(|| panic!("{text}"));
        let (x, y) = (parsed(a), parsed(b));
        let found = match operator {
            '+' => x.checked_add(y),
            '-' => x.checked_sub(y),
            _ => x.checked_mul(y),
        };
        let found = found.map(|number| number.to_string());
        assert_eq!(found.as_deref(), expected, "{a} {operator} {b}");
    }

    #[test]
    fn results_are_exact_or_nothing() {
        let nines = "9".repeat(34);
        check("0.1", '+', "0.2", Some("0.3"));
        check("1.50", '+', "2", Some("3.50"));
        check("1.5", '-', "1.50", Some("0.00"));
        check("1", '-', "3", Some("-2"));
        check("-0", '+', "0", Some("0"));
        check("0", '-', "0", Some("0"));
        check("1e3", '+', "1", Some("1001"));
        check("0.00", '+', "5", Some("5.00"));
        check(
            &nines,
            '+',
            "1",
            Some("1000000000000000000000000000000000E+1"),
        );
        check(&nines, '+', "2", None);
        check("1e40", '+', "1", None);
        check("1e6000", '-', "1e-6000", None);
        check("1.10", '*', "3", Some("3.30"));
        check("-0.5", '*', "-0.5", Some("0.25"));
        check("-3", '*', "0", Some("0"));
        check(
            "1000000000000000000000",
            '*',
            "1000000000000000000000",
            Some("1E+42"),
        );
        check(&nines, '*', "1.0", Some(&nines));
        check(&nines, '*', &nines, None);
    }
}
