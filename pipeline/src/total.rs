//! Totals along the file, and the controls that compare them at its end.
//!
//! A total adds up what records say, or counts them. It is exact: numbers are whole units and a scale, and never pass
//! through a float. Totals are folded with the acknowledgements, so they hold for the same gap-free prefix as all
//! other books, and the checkpoint keeps them as absolute values.

use crate::OnBreach;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The total that each job with controls has first: its records that the target acknowledged. The books compare it with
/// the acknowledgements themselves, so that totals which are lost on the way do not go unnoticed.
pub const LOADED: &str = "count()";

/// An exact number: `units × 10^-scale`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Exact {
    units: i128,
    scale: i32,
}

impl Exact {
    /// A number of its parts.
    pub fn new(units: i128, scale: i32) -> Self {
        Self { units, scale }
    }

    /// The sum; `None` where it has more digits than are kept, 38.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if other.units == 0 {
            return Some(self);
        }
        if self.units == 0 {
            return Some(other);
        }
        let scale = self.scale.max(other.scale);
        let units = self.at(scale)?.checked_add(other.at(scale)?)?;
        Some(Self { units, scale })
    }

    /// The units that it has at a scale that is not smaller than its own.
    fn at(self, scale: i32) -> Option<i128> {
        let places = u32::try_from(scale.checked_sub(self.scale)?).ok()?;
        self.units.checked_mul(10_i128.checked_pow(places)?)
    }

    /// The same number written in one way only.
    fn normalized(self) -> (i128, i32) {
        let (mut units, mut scale) = (self.units, self.scale);
        while units != 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        if units == 0 { (0, 0) } else { (units, scale) }
    }
}

/// By value: 1.50 is 1.5.
impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.normalized() == other.normalized()
    }
}

impl Eq for Exact {}

impl fmt::Display for Exact {
    /// Plain digits, with an exponent only where there would be more than 40 zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_ZEROS: u32 = 40;
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = self.units.unsigned_abs();
        let places = self.scale.unsigned_abs();
        if places > MAX_ZEROS {
            return write!(f, "{sign}{digits}E{}", -i64::from(self.scale));
        }
        let places = places as usize;
        if self.scale <= 0 {
            let zeros = if digits == 0 { 0 } else { places };
            return write!(f, "{sign}{digits}{}", "0".repeat(zeros));
        }
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

impl From<Exact> for String {
    fn from(exact: Exact) -> Self {
        format!("{}e{}", exact.units, -i64::from(exact.scale))
    }
}

impl TryFrom<String> for Exact {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is no number of the books");
        let (units, exponent) = text.split_once('e').ok_or_else(bad)?;
        let exponent: i32 = exponent.parse().map_err(|_| bad())?;
        Ok(Self {
            units: units.parse().map_err(|_| bad())?,
            scale: exponent.checked_neg().ok_or_else(bad)?,
        })
    }
}

/// What one record adds to one total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// The record's number, from 0.
    pub ordinal: u64,
    /// Which of the totals, by its place in [`crate::Measure::terms`].
    pub total: u8,
    /// What it adds; `None`: the record has no value there.
    pub value: Option<Exact>,
}

/// What was added up so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// What is added up, as the spec says it: `sum(gross)`.
    pub term: String,
    /// Records that were asked.
    pub records: u64,
    /// Those that had a value.
    pub values: u64,
    /// Their sum; `None` where it has more digits than are kept.
    pub sum: Option<Exact>,
}

impl Total {
    /// Nothing so far.
    pub fn of(term: &str) -> Self {
        Self {
            term: term.to_owned(),
            records: 0,
            values: 0,
            sum: Some(Exact::default()),
        }
    }

    /// Adds what one record says.
    pub(crate) fn take(&mut self, value: Option<Exact>) {
        self.records += 1;
        if let Some(value) = value {
            self.values += 1;
            self.sum = self.sum.and_then(|sum| sum.checked_add(value));
        }
    }

    /// Adds what the records behind these add up to.
    pub(crate) fn add(&mut self, more: &Self) {
        self.records += more.records;
        self.values += more.values;
        let sums = self.sum.zip(more.sum);
        self.sum = sums.and_then(|(sum, more)| sum.checked_add(more));
    }
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A total, by its term.
    Total(Arc<str>),
    /// The value of the only record of a kind, by its term and the kind's name.
    Only(Arc<str>, Arc<str>),
    /// A number that the spec says.
    Number(Exact),
}

/// Two numbers that must be equal at the end of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name in the spec.
    pub name: Arc<str>,
    /// What was counted or added up.
    pub actual: Term,
    /// What it must be.
    pub expected: Term,
    /// What happens where it is not.
    pub on_mismatch: OnBreach,
}

/// A side that was looked up.
struct Side {
    /// What it is, if it is known.
    value: Option<Exact>,
    /// The value, or what is the matter, for the cause.
    shown: String,
    /// The term and its value as a sentence.
    said: String,
}

impl Term {
    fn look_up(&self, totals: &[Total]) -> Side {
        let (term, only) = match self {
            Self::Number(number) => {
                let shown = number.to_string();
                return Side {
                    value: Some(*number),
                    said: shown.clone(),
                    shown,
                };
            }
            Self::Total(term) => (term, None),
            Self::Only(term, kind) => (term, Some(kind)),
        };
        let total = totals.iter().find(|total| *total.term == **term);
        let unknown = |shown: &str, why: String| Side {
            value: None,
            shown: shown.to_owned(),
            said: format!("{term} is not known: {why}"),
        };
        let Some(total) = total else {
            return unknown("missing", "the books have no such total".to_owned());
        };
        match (only, total.records, total.values) {
            (Some(kind), 0, _) => {
                let why = format!("the input has no good record of the kind `{kind}`");
                return unknown("missing", why);
            }
            (Some(kind), 2.., _) => {
                let records = total.records;
                let why = format!("the input has {records} records of the kind `{kind}`");
                return unknown(&format!("{records} records"), why);
            }
            (Some(kind), _, 0) => {
                let why = format!("the record of the kind `{kind}` says nothing there");
                return unknown("null", why);
            }
            _ => {}
        }
        match total.sum {
            Some(sum) => Side {
                value: Some(sum),
                shown: sum.to_string(),
                said: format!("{term} is {sum}"),
            },
            None => unknown("too long", "the sum has more than 38 digits".to_owned()),
        }
    }
}

impl Control {
    /// The two sides as texts and the sentence about them, where they are not equal.
    pub(crate) fn mismatch(&self, totals: &[Total]) -> Option<(String, String, String)> {
        let (actual, expected) = (self.actual.look_up(totals), self.expected.look_up(totals));
        if actual.value.is_some() && actual.value == expected.value {
            return None;
        }
        let message = match &self.expected {
            Term::Number(_) => format!(
                "{}: {}, it must be {}",
                self.name, actual.said, expected.said
            ),
            _ => format!("{}: {}, {}", self.name, actual.said, expected.said),
        };
        Some((actual.shown, expected.shown, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Exact {
        Exact::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn numbers_are_exact_and_written_plainly() {
        let check = |a: &str, b: &str, expected: Option<&str>| {
            let sum = exact(a).checked_add(exact(b));
            assert_eq!(
                sum.map(|sum| sum.to_string()).as_deref(),
                expected,
                "{a} + {b}"
            );
        };
        check("1e-1", "2e-1", Some("0.3"));
        check("-150e-2", "5e-1", Some("-1.00"));
        check("1e3", "1e0", Some("1001"));
        check("0e-2", "5e2", Some("500"));
        check("1e30", "1e-30", None);
        check("170141183460469231731687303715884105727e0", "1e0", None);
        check("0e0", "0e0", Some("0"));
        check("1e99", "0e0", Some("1E99"));
        assert_eq!(exact("150e-2"), exact("15e-1"));
        assert_ne!(exact("150e-2"), exact("15e0"));
        assert_eq!(exact("0e-9"), exact("0e3"));
        assert_eq!(String::from(exact("-7e-2")), "-7e-2");
        for bad in ["", "1", "1e", "e1", "1.5e1", "1e99999999999"] {
            assert!(Exact::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    fn total(term: &str, values: &[Option<&str>]) -> Total {
        let mut total = Total::of(term);
        values.iter().for_each(|value| total.take(value.map(exact)));
        total
    }

    #[test]
    fn what_does_not_match_is_said_with_both_sides() {
        let check = |trailers: &[Option<&str>], expected: Option<(&str, &str, &str)>| {
            let totals = [
                total("sum(gross)", &[Some("150e-2"), None, Some("2e0")]),
                total("trailer.sum", trailers),
            ];
            let control = Control {
                name: "gross".into(),
                actual: Term::Total("sum(gross)".into()),
                expected: Term::Only("trailer.sum".into(), "trailer".into()),
                on_mismatch: OnBreach::Hold,
            };
            let found = control.mismatch(&totals);
            let found = found.as_ref().map(|(a, b, c)| (&**a, &**b, &**c));
            assert_eq!(found, expected);
        };
        check(&[Some("35e-1")], None);
        check(
            &[Some("36e-1")],
            Some((
                "3.50",
                "3.6",
                "gross: sum(gross) is 3.50, trailer.sum is 3.6",
            )),
        );
        let said =
            |why: &str| format!("gross: sum(gross) is 3.50, trailer.sum is not known: {why}");
        let why = "the input has no good record of the kind `trailer`";
        check(&[], Some(("3.50", "missing", &said(why))));
        let why = "the input has 2 records of the kind `trailer`";
        let twice = [Some("35e-1"), Some("35e-1")];
        check(&twice, Some(("3.50", "2 records", &said(why))));
        let why = "the record of the kind `trailer` says nothing there";
        check(&[None], Some(("3.50", "null", &said(why))));
    }
}
