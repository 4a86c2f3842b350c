//! `mask`: the characters of a text but a few become `*`, before any step sees them. Null stays null.

use crate::record::{Record, Value};
use pipeline::{Step, Verdict};

/// Masks one field.
pub struct Mask {
    /// The number of the field in the record.
    pub index: usize,
    /// How many characters at the beginning stay.
    pub keep_first: usize,
    /// How many at the end. A text that is no longer than what stays is masked whole.
    pub keep_last: usize,
}

impl Step<Record> for Mask {
    fn apply(&self, record: &mut Record) -> Verdict {
        if let Value::Text(text) = record.value(self.index) {
            let masked = masked(record.text(*text), self.keep_first, self.keep_last);
            let masked = record.store(&masked);
            record.set(self.index, Value::Text(masked));
        }
        Verdict::Keep
    }
}

fn masked(text: &str, first: usize, last: usize) -> String {
    let count = text.chars().count();
    let (first, last) = match first.saturating_add(last) < count {
        true => (first, count - last),
        false => (0, count),
    };
    let stays = |index: &usize| (..first).contains(index) || (last..).contains(index);
    let each = text.chars().enumerate();
    each.map(|(index, char)| if stays(&index) { char } else { '*' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(keep_first: usize, keep_last: usize) -> Mask {
        Mask {
            index: 0,
            keep_first,
            keep_last,
        }
    }

    fn check(mask: &Mask, text: &str, expected: &str) {
        let mut record = Record::default();
        record.clear(1);
        let place = record.store(text);
        record.set(0, Value::Text(place));
        assert_eq!(mask.apply(&mut record), Verdict::Keep);
        let Value::Text(found) = record.value(0) else {
            panic!("{text}: {:?}", record.value(0));
        };
        assert_eq!(record.text(*found), expected, "{text}");
    }

    #[test]
    fn characters_are_masked() {
        check(&mask(0, 0), "secret", "******");
        check(
            &mask(0, 4),
            "DE89370400440532013000",
            "******************3000",
        );
        check(&mask(0, 4), "3000", "****");
        check(&mask(0, 4), "", "");
        check(&mask(1, 1), "Zoë", "Z*ë");
        check(&mask(1, 1), "ab", "**");
        check(&mask(usize::MAX, usize::MAX), "ab", "**");
    }

    #[test]
    fn null_stays_null() {
        let mut record = Record::default();
        record.clear(1);
        record.set(0, Value::Null);
        assert_eq!(mask(0, 0).apply(&mut record), Verdict::Keep);
        assert_eq!(record.value(0), &Value::Null);
    }
}
