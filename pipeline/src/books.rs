//! The books: what was read, and what became of it.
//!
//! Each side is counted where it happens. `read` is the framer's: the ordinal at which the last block ends.
//! The outcomes are the sink's answers, the rejects and the drops. The books refuse an acknowledgement that
//! does not begin where the last one ended, so what they hold is always a gap-free prefix of the input.

use crate::{Carried, Digest, Fatal, Holdings, LOADED, Position, Reject, Summary, Total, Written};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many records had which outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Records that were read.
    pub read: u64,
    /// Records that the target acknowledged in this run.
    pub loaded: u64,
    /// Records that the target had acknowledged before.
    pub already_loaded: u64,
    /// Records that were refused.
    pub rejected: u64,
    /// Records that were left out, by name.
    pub dropped: BTreeMap<String, u64>,
    /// Loaded records that a step warned of, by the step's name; one that several warned of counts under each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub warned: BTreeMap<String, u64>,
    /// Lines that are no records: blank ones, comments, headers and preambles.
    pub skipped: u64,
}

impl Counters {
    /// Records that were left out, whatever their name.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// The acknowledged outcome of one batch.
#[derive(Debug)]
pub struct Ack {
    /// Where the batch began.
    pub start: Position,
    /// Where the next one begins.
    pub end: Position,
    /// What the sink answered; its rejects are in `rejects`.
    pub written: Written,
    /// Every reject of the batch, in order.
    pub rejects: Vec<Reject>,
    /// Drops of the batch, by name.
    pub dropped: BTreeMap<String, u64>,
    /// Warnings of the batch's loaded records, by name.
    pub warned: BTreeMap<String, u64>,
    /// Lines that are no records.
    pub skipped: u64,
    /// What is carried to the records behind the batch.
    pub carried: Vec<Carried>,
    /// What its records add to the totals, in their order; empty where the job has no controls.
    pub totals: Vec<Total>,
}

/// The way out where a target holds more than was acknowledged: trying again counts the same documents again.
const MORE_HELD: &str = "where an index or a validator was added between two tries, what the first one wrote is still there; \
    load the content anew beside what is there with force=again (`--force again`)";

/// The books of one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Up to here every record has its outcome.
    pub end: Position,
    /// How many records had which.
    pub counters: Counters,
    /// The rejects by kind.
    pub summary: Summary,
    /// The sum over the documents of loaded and already loaded records.
    pub digest: Digest,
    /// What the controls of the job compare at its end, [`LOADED`] first; empty where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<Total>,
    /// How many more documents than loaded and already loaded records the target has acknowledged: parts of records
    /// make more, groups of records fewer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub surplus: i64,
}

fn is_zero(surplus: &i64) -> bool {
    *surplus == 0
}

impl Books {
    /// Empty books of an input whose records begin at `start`, behind `skipped` lines of preamble.
    pub fn open(start: Position, skipped: u64) -> Self {
        let counters = Counters {
            read: start.ordinal,
            skipped,
            ..Counters::default()
        };
        Self {
            end: start,
            counters,
            summary: Summary::default(),
            digest: Digest::default(),
            totals: Vec::new(),
            surplus: 0,
        }
    }

    /// The same books, which keep totals of `terms` as well.
    #[must_use]
    pub fn totalling(mut self, terms: &[Arc<str>]) -> Self {
        self.totals = terms.iter().map(|term| Total::of(term)).collect();
        self
    }

    /// What the acknowledgements add up to.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            documents: self.loaded().saturating_add_signed(self.surplus),
            digest: self.digest,
        }
    }

    /// Loaded and already loaded records.
    fn loaded(&self) -> u64 {
        self.counters.loaded + self.counters.already_loaded
    }

    /// Checks what the target says it holds: fewer documents than acknowledgements where records share a key, or a
    /// later load has written over them; never more.
    ///
    /// # Errors
    /// `books`, with both sides.
    pub fn check_holdings(&self, held: &Holdings) -> Result<(), Fatal> {
        let acknowledged = self.holdings().documents;
        if held.documents <= acknowledged {
            return Ok(());
        }
        Err(unbalanced(format!(
            "the target holds {} documents of this load, {acknowledged} were acknowledged",
            held.documents
        ))
        .hint(MORE_HELD))
    }

    /// Enters the outcome of the batch that follows.
    ///
    /// # Errors
    /// `books`, when it does not follow or does not balance: then nothing is entered, so that no checkpoint covers
    /// records without an outcome.
    pub fn enter(&mut self, ack: &Ack) -> Result<(), Fatal> {
        follows(ack.start, self.end)?;
        let mut next = self.clone();
        let counters = &mut next.counters;
        counters.read = ack.end.ordinal;
        counters.loaded += ack.written.loaded;
        counters.already_loaded += ack.written.already_loaded;
        counters.rejected += ack.rejects.len() as u64;
        counters.skipped += ack.skipped;
        for (name, count) in &ack.dropped {
            *counters.dropped.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &ack.warned {
            *counters.warned.entry(name.clone()).or_default() += count;
        }
        for reject in &ack.rejects {
            next.summary.count(reject);
        }
        next.surplus += ack.written.documents as i64;
        next.surplus -= (ack.written.loaded + ack.written.already_loaded) as i64;
        next.digest += ack.written.digest;
        next.add_totals(&ack.totals)?;
        next.end = ack.end;
        next.balance()?;
        *self = next;
        Ok(())
    }

    /// Checks that every record that was read has exactly one outcome.
    ///
    /// # Errors
    /// `books`, with both sides.
    pub fn balance(&self) -> Result<(), Fatal> {
        let c = &self.counters;
        let outcomes = c.loaded + c.already_loaded + c.rejected + c.dropped_total();
        if c.read == outcomes {
            return self.balance_totals();
        }
        Err(unbalanced(format!(
            "{} records were read, {outcomes} have an outcome: {} loaded, {} already loaded, {} rejected, {} dropped",
            c.read,
            c.loaded,
            c.already_loaded,
            c.rejected,
            c.dropped_total()
        )))
    }

    /// Adds what a batch adds to the totals.
    fn add_totals(&mut self, more: &[Total]) -> Result<(), Fatal> {
        let terms = |totals: &[Total]| -> Vec<String> {
            totals.iter().map(|total| total.term.clone()).collect()
        };
        let is_same = |(total, more): (&Total, &Total)| total.term == more.term;
        if self.totals.len() != more.len() || !self.totals.iter().zip(more).all(is_same) {
            return Err(unbalanced(format!(
                "totals of {:?} are kept, those of {:?} come",
                terms(&self.totals),
                terms(more)
            )));
        }
        let both = self.totals.iter_mut().zip(more);
        both.for_each(|(total, more)| total.add(more));
        Ok(())
    }

    /// Checks that the totals hold for the records that were acknowledged, each once.
    fn balance_totals(&self) -> Result<(), Fatal> {
        let Some(first) = self.totals.first() else {
            return Ok(());
        };
        let written = self.counters.loaded + self.counters.already_loaded;
        if first.term == LOADED && first.records == written {
            return Ok(());
        }
        Err(unbalanced(format!(
            "the totals hold {} records ({}), {written} were acknowledged",
            first.records, first.term
        )))
    }

    /// Checks the books of a job whose input ended after `decoded_bytes`, and of which `stored_rejects` are
    /// stored.
    ///
    /// # Errors
    /// `books`, when a byte has no outcome, or a reject was not stored.
    pub fn close(&self, decoded_bytes: u64, stored_rejects: u64) -> Result<(), Fatal> {
        self.balance()?;
        if self.end.offset != decoded_bytes {
            return Err(unbalanced(format!(
                "the last record ends at byte {}, the input at byte {decoded_bytes}",
                self.end.offset
            )));
        }
        if self.counters.rejected != stored_rejects {
            return Err(unbalanced(format!(
                "{} records were rejected, {stored_rejects} rejects are stored",
                self.counters.rejected
            )));
        }
        Ok(())
    }
}

/// Checks that what begins at `start` is what is due at `due`.
///
/// # Errors
/// `books`, with both.
pub(crate) fn follows(start: Position, due: Position) -> Result<(), Fatal> {
    if (start.ordinal, start.offset) == (due.ordinal, due.offset) {
        return Ok(());
    }
    Err(unbalanced(format!(
        "record {} at byte {} comes where record {} at byte {} is due",
        start.ordinal + 1,
        start.offset,
        due.ordinal + 1,
        due.offset
    )))
}

/// What ends a job whose books do not balance.
pub(crate) fn unbalanced(message: String) -> Fatal {
    Fatal::new("books", format!("the books do not balance: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ordinal: u64) -> Position {
        Position {
            ordinal,
            line: ordinal + 1,
            offset: ordinal * 10,
        }
    }

    fn ack(from: u64, to: u64, loaded: u64) -> Ack {
        let written = Written {
            loaded,
            documents: loaded,
            ..Written::default()
        };
        let (rejects, dropped) = (Vec::new(), BTreeMap::new());
        Ack {
            start: at(from),
            end: at(to),
            written,
            rejects,
            dropped,
            warned: BTreeMap::new(),
            skipped: 0,
            carried: Vec::new(),
            totals: Vec::new(),
        }
    }

    fn code(result: Result<(), Fatal>) -> &'static str {
        result.map_or_else(|fatal| fatal.code, |()| "ok")
    }

    #[test]
    fn a_prefix_without_gaps_balances() {
        let mut books = Books::open(Position::START, 0);
        assert_eq!(code(books.enter(&ack(0, 3, 3))), "ok");
        assert_eq!(code(books.enter(&ack(3, 5, 2))), "ok");
        assert_eq!(code(books.close(50, 0)), "ok");
    }

    #[test]
    fn a_target_that_holds_more_is_refused_with_a_way_out() {
        let mut books = Books::open(Position::START, 0);
        assert_eq!(code(books.enter(&ack(0, 3, 3))), "ok");
        let held = |documents| Holdings {
            documents,
            digest: Digest::default(),
        };
        assert_eq!(code(books.check_holdings(&held(2))), "ok");
        assert_eq!(code(books.check_holdings(&held(3))), "ok");
        let refused = books.check_holdings(&held(4)).unwrap_err();
        assert_eq!(refused.code, "books");
        let hint = refused.hint.unwrap();
        assert!(hint.contains("force=again"), "{hint}");
    }

    #[test]
    fn a_skipped_a_doubled_and_a_lost_batch_are_refused() {
        let open = Books::open(Position::START, 0);
        assert_eq!(code(open.clone().enter(&ack(3, 5, 2))), "books");
        assert_eq!(code(open.clone().enter(&ack(0, 3, 2))), "books");
        assert_eq!(code(open.clone().enter(&ack(0, 3, 4))), "books");
        let mut kept = open.clone();
        assert_eq!(code(kept.enter(&ack(0, 3, 2))), "books");
        assert_eq!(kept, open, "what does not balance is not entered");
        let mut twice = open;
        assert_eq!(code(twice.enter(&ack(0, 3, 3))), "ok");
        assert_eq!(code(twice.enter(&ack(0, 3, 3))), "books");
        assert_eq!(code(twice.close(31, 0)), "books");
        assert_eq!(code(twice.close(30, 1)), "books");
    }
}
