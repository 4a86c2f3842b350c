//! Which records of a file are bad: a share of them, evenly spread, so that no beginning of the file has more.

/// The whole of a share, in millionths.
const WHOLE: u32 = 1_000_000;

/// How many records are bad, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// Reads `1%`, `0.25%`, or a number below 1 such as `0.01`.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (digits, whole) = match text.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let share: f64 = digits
            .parse()
            .map_err(|_| format!("{text:?} is no share: write 1% or 0.01"))?;
        if whole == 1.0 && share == 1.0 {
            return Err("1 of what? write 1% or 100%".to_owned());
        }
        match (0.0..=whole).contains(&share) {
            true => Ok(Self((share / whole * f64::from(WHOLE)).round() as u32)),
            false => Err(format!("{text} is not between 0 and 100%")),
        }
    }

    /// Whether a record is bad: of the first n records exactly n times the share, rounded down.
    pub(super) fn takes(self, ordinal: u64) -> bool {
        let before = |count: u128| count * u128::from(self.0) / u128::from(WHOLE);
        before(u128::from(ordinal) + 1) > before(u128::from(ordinal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_first_records_no_more_are_bad_than_the_share() {
        for (share, of, expected) in [
            ("1%", 10_000, 100),
            ("0", 5000, 0),
            ("100%", 77, 77),
            ("0.25%", 1000, 2),
            ("0.5", 9, 4),
        ] {
            let share = Share::parse(share).unwrap();
            assert_eq!(
                (0..of).filter(|ordinal| share.takes(*ordinal)).count(),
                expected
            );
        }
        for wrong in ["", "x", "1", "101%", "-1%", "1.5", "NaN", "inf%", "%"] {
            assert!(Share::parse(wrong).is_err(), "{wrong}");
        }
    }
}
