//! The budget of errors: how many rejects a load may have, judged in the order of the file.
//!
//! The answer is a pure function of the input and the target's answers: where a load is held does not
//! depend on chunks or batches, except for rejects that only the target could tell.

use crate::{Checkpoint, Converted, Counters};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What happens when the budget is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBreach {
    /// The job stops behind the record that exceeded it, and waits for somebody's word.
    Hold,
    /// The job fails.
    Fail,
    /// Nothing: rejects are only counted.
    Continue,
}

/// How many rejects a load may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The most rejects.
    pub max_records: u64,
    /// The most rejects per record read, judged from `after_records` on and at the end.
    pub max_ratio: f64,
    /// How many records are read before the ratio is judged, unless the input ends.
    pub after_records: u64,
    /// The least records that an input must have.
    pub min_records: u64,
    /// What happens when one of these is exceeded.
    pub on_breach: OnBreach,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            max_records: 50_000,
            max_ratio: 0.01,
            after_records: 10_000,
            min_records: 1,
            on_breach: OnBreach::Hold,
        }
    }
}

/// Records read and rejected, up to some place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records read.
    pub read: u64,
    /// Records rejected.
    pub rejected: u64,
}

impl From<&Counters> for Tally {
    fn from(counters: &Counters) -> Self {
        Self {
            read: counters.read,
            rejected: counters.rejected,
        }
    }
}

/// Why a job is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Too many rejects.
    Errors,
    /// Too few records.
    MinRecords,
    /// Columns that the spec does not know, by name.
    UnknownColumns(Vec<String>),
    /// Two numbers that a control compares are not equal.
    Control {
        /// The control's name.
        name: String,
        /// What was counted or added up, or why it is not known.
        actual: String,
        /// What it must be, or why that is not known.
        expected: String,
    },
}

impl Cause {
    /// The stable word for this cause; with the name where there may be several.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Control { name, .. } => format!("control.{name}").into(),
            _ => self.kind().into(),
        }
    }

    /// The stable word for causes of this kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::MinRecords => "min_records",
            Self::UnknownColumns(_) => "unknown_columns",
            Self::Control { .. } => "control",
        }
    }
}

/// What somebody accepted when a held job was approved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Accepted(Vec<Cause>);

impl Accepted {
    /// Accepts a cause with its value; never `errors`, whose counts start anew instead ([`Self::approve`]).
    pub fn accept(&mut self, cause: Cause) {
        if cause != Cause::Errors && !self.0.contains(&cause) {
            self.0.push(cause);
        }
    }

    /// Accepts what a job is held for at `checkpoint`, where it goes on: the counts of `errors` start anew there
    /// ([`Checkpoint::counted_from`]), every other cause is accepted with its value.
    pub fn approve(&mut self, cause: Cause, checkpoint: &mut Checkpoint) {
        if cause == Cause::Errors {
            checkpoint.counted_from = Tally::from(&checkpoint.books.counters);
        }
        self.accept(cause);
    }

    /// The unknown columns that were accepted, each perhaps more than once.
    pub fn unknown_columns(&self) -> impl Iterator<Item = &str> {
        let lists = self.0.iter().filter_map(|cause| match cause {
            Cause::UnknownColumns(names) => Some(names),
            Cause::Errors | Cause::MinRecords | Cause::Control { .. } => None,
        });
        lists.flatten().map(String::as_str)
    }

    /// Everything that one or the other accepts.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut all = self.clone();
        other.0.iter().cloned().for_each(|cause| all.accept(cause));
        all
    }

    /// Whether this cause with this value was accepted.
    pub fn covers(&self, cause: &Cause) -> bool {
        self.0.contains(cause)
    }
}

/// A budget that was exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What was exceeded.
    pub cause: Cause,
    /// The sentence that says by how much.
    pub message: String,
}

/// Counts along the file.
#[derive(Debug)]
pub(crate) struct Judge {
    budget: Budget,
    from: Tally,
    /// Rejects known before the write, up to the last record judged.
    rejected: u64,
    /// Rejects that only the target could tell, as far as they are acknowledged.
    refused: u64,
}

impl Judge {
    /// Judges from `from` on; `now` is what the checkpoint has counted already.
    pub(crate) fn new(budget: Budget, from: Tally, now: Tally) -> Self {
        Self {
            budget,
            from,
            rejected: now.rejected,
            refused: 0,
        }
    }

    /// Judges what is acknowledged: `now`, the end of a batch of which the target has refused `refused`
    /// records. What lies ahead of it is not counted, whether it was judged already or not.
    pub(crate) fn acknowledged(&mut self, refused: u64, now: Tally) -> Option<Breach> {
        self.refused += refused;
        // Rejects that were known before the write were judged then, in a finer order.
        if self.refused == 0 {
            None
        } else {
            self.judge(now, false)
        }
    }

    /// Judges the records of `converted` in order. On a breach, what lies behind the record that caused it
    /// is forgotten.
    pub(crate) fn judge_block(&mut self, converted: &mut Converted) -> Option<Breach> {
        // The counts change at each reject; the ratio begins to be judged at `after`, between two of them.
        let after = self.from.read + self.budget.after_records;
        let inside = |read| converted.start.ordinal < read && read <= converted.end.ordinal;
        let mut places: Vec<(u64, u64)> = vec![];
        places.extend(
            converted
                .rejects
                .iter()
                .map(|reject| (reject.at.ordinal + 1, 1)),
        );
        places.extend(inside(after).then_some((after, 0)));
        places.sort_unstable();
        for (read, rejected) in places {
            self.rejected += rejected;
            let rejected = self.rejected + self.refused;
            let breach = self.judge(Tally { read, rejected }, false);
            if breach.is_some() {
                converted.truncate_after(read - 1);
                return breach;
            }
        }
        None
    }

    /// Judges what the checkpoint holds that a run goes on from.
    pub(crate) fn judge_start(&self, now: Tally) -> Option<Breach> {
        self.judge(now, false)
    }

    /// Judges at the end of the input.
    pub(crate) fn judge_end(&self, now: Tally) -> Option<Breach> {
        self.judge(now, true)
    }

    fn judge(&self, now: Tally, at_end: bool) -> Option<Breach> {
        let Budget {
            max_records,
            max_ratio,
            after_records,
            min_records,
            on_breach,
        } = self.budget;
        if on_breach == OnBreach::Continue {
            return None;
        }
        let rejected = now.rejected - self.from.rejected;
        let counted = now.read - self.from.read;
        // A second hold would say the words of the first one.
        let since = match self.from.read {
            0 => String::new(),
            read => format!("since record {read}, "),
        };
        if rejected > max_records {
            let message = format!(
                "{since}{rejected} of {counted} records are bad, max_records is {max_records}"
            );
            return Some(Breach {
                cause: Cause::Errors,
                message,
            });
        }
        if (at_end || counted >= after_records) && rejected as f64 > max_ratio * counted as f64 {
            let message = format!(
                "{since}{rejected} of {counted} records are bad ({:.2} %), max_ratio is {max_ratio}",
                100.0 * rejected as f64 / counted as f64
            );
            return Some(Breach {
                cause: Cause::Errors,
                message,
            });
        }
        if at_end && now.read < min_records {
            let read = now.read;
            let message = format!("the input has {read} records, min_records is {min_records}");
            return Some(Breach {
                cause: Cause::MinRecords,
                message,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Books, Position};

    #[test]
    fn an_approval_accepts_the_cause_or_counts_anew() {
        let mut books = Books::open(Position::START, 0);
        (books.counters.read, books.counters.rejected) = (10, 4);
        let held = Checkpoint {
            books,
            counted_from: Tally::default(),
            mark: None,
            head: String::new(),
            bytes_read: 0,
            carried: Vec::new(),
            secrets: std::collections::BTreeMap::new(),
            busy: None,
        };
        let columns = |name: &str| Cause::UnknownColumns(vec![name.into()]);
        let now = Tally {
            read: 10,
            rejected: 4,
        };
        for (cause, counted_from, covered) in [
            (Cause::Errors, now, false),
            (Cause::MinRecords, Tally::default(), true),
            (columns("a"), Tally::default(), true),
        ] {
            let (mut accepted, mut checkpoint) = (Accepted::default(), held.clone());
            for _ in 0..2 {
                accepted.approve(cause.clone(), &mut checkpoint);
            }
            assert_eq!(checkpoint.counted_from, counted_from, "{cause:?}");
            assert_eq!(accepted.covers(&cause), covered, "{cause:?}");
            assert!(
                !accepted.covers(&columns("b")),
                "another value is another cause"
            );
        }
    }

    #[test]
    fn a_message_says_since_where_it_counts_when_counting_began_anew() {
        let tally = |read, rejected| Tally { read, rejected };
        let by_ratio = Budget::default();
        let by_number = Budget {
            max_records: 400,
            ..by_ratio
        };
        for (budget, from, now, message) in [
            (
                by_ratio,
                Tally::default(),
                tally(10_000, 500),
                "500 of 10000 records are bad (5.00 %), max_ratio is 0.01",
            ),
            (
                by_ratio,
                tally(10_000, 500),
                tally(20_000, 1_000),
                "since record 10000, 500 of 10000 records are bad (5.00 %), max_ratio is 0.01",
            ),
            (
                by_number,
                tally(10_000, 500),
                tally(19_000, 901),
                "since record 10000, 401 of 9000 records are bad, max_records is 400",
            ),
        ] {
            let breach = Judge::new(budget, from, now).judge_end(now).unwrap();
            assert_eq!((breach.cause, &*breach.message), (Cause::Errors, message));
        }
    }
}
