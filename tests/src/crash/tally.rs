//! What is missing, double and wrong, counted in one pass over documents in the order of their `_id`.
//!
//! Promises: memory does not depend on the records. Each ordinal is compared with the truth of that very record, which
//! holds its order number: a document under another record's `_id` is wrong there and missing where it belongs.

use std::ops::Range;

use serde_json::Value;

use super::state::ordinal_in;
use crate::orders::order;
use crate::truth::Truth;

/// The examples that are kept of all that is not as it must be.
const MAX_EXAMPLES: usize = 5;
/// The most characters of an example.
const MAX_EXAMPLE_CHARS: usize = 600;

/// How many records are not as they must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records without the document that they must have.
    pub missing: u64,
    /// Documents of a record that has one already, and documents of no record of this load.
    pub double: u64,
    /// Documents that differ from the truth, or that no record must have.
    pub wrong: u64,
    /// Documents that were looked at.
    pub documents: u64,
    /// The first of each of these, in words.
    pub examples: Vec<String>,
}

impl Tally {
    /// Adds what another part found.
    pub fn add(&mut self, other: Tally) {
        self.missing += other.missing;
        self.double += other.double;
        self.wrong += other.wrong;
        self.documents += other.documents;
        for example in other.examples {
            self.note(|| example);
        }
    }

    fn note(&mut self, example: impl FnOnce() -> String) {
        if self.examples.len() < MAX_EXAMPLES {
            let example = example().chars().take(MAX_EXAMPLE_CHARS).collect();
            self.examples.push(example);
        }
    }
}

/// Takes the documents of a range of records in the order of their `_id`.
pub(super) struct Checker {
    seed: u64,
    identity: Vec<u8>,
    /// The next record that may come.
    next: u64,
    end: u64,
    tally: Tally,
}

impl Checker {
    /// For these records of `seed`, whose documents' `_id` begin with `identity`.
    pub fn new(seed: u64, identity: Vec<u8>, records: Range<u64>) -> Self {
        Self {
            seed,
            identity,
            next: records.start,
            end: records.end,
            tally: Tally::default(),
        }
    }

    /// Compares the next document; `id` is none where it is no BinData.
    pub fn found(&mut self, id: Option<&[u8]>, document: &Value) {
        self.tally.documents += 1;
        let ordinal = id.and_then(|id| ordinal_in(&self.identity, id));
        let Some(ordinal) = ordinal.filter(|ordinal| (self.next..self.end).contains(ordinal))
        else {
            self.tally.double += 1;
            self.tally.note(|| {
                format!("a document of no record or of one that has one: {id:?} {document}")
            });
            return;
        };
        self.lack_up_to(ordinal);
        let record = order(self.seed, ordinal);
        if record.truth.document() != Some(document) {
            self.tally.wrong += 1;
            let truth = record.truth;
            self.tally.note(|| {
                format!(
                    "record {}: expected {truth:?}, found {document}",
                    ordinal + 1
                )
            });
        }
        self.next = ordinal + 1;
    }

    /// What was counted, when no document comes any more.
    pub fn end(mut self) -> Tally {
        self.lack_up_to(self.end);
        self.tally
    }

    /// None of the records before `ordinal` has a document.
    fn lack_up_to(&mut self, ordinal: u64) {
        for lacking in self.next..ordinal {
            if matches!(order(self.seed, lacking).truth, Truth::Loaded(_)) {
                self.tally.missing += 1;
                self.tally
                    .note(|| format!("record {} has no document", lacking + 1));
            }
        }
        self.next = ordinal.max(self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::id_of;
    use super::*;

    const SEED: u64 = 3;
    const RECORDS: u64 = 400;

    fn truth() -> Vec<(u64, Value)> {
        let all = (0..RECORDS).map(|ordinal| (ordinal, order(SEED, ordinal).truth));
        all.filter_map(|(ordinal, truth)| Some((ordinal, truth.document()?.clone())))
            .collect()
    }

    /// What is counted of these documents: missing, double, wrong.
    fn counted(documents: &[(u64, Value)]) -> (u64, u64, u64) {
        let mut checker = Checker::new(SEED, vec![1; 12], 0..RECORDS);
        for (ordinal, document) in documents {
            checker.found(Some(&id_of(&[1; 12], *ordinal)), document);
        }
        let tally = checker.end();
        assert_eq!(tally.documents, documents.len() as u64);
        assert_eq!(
            tally.examples.is_empty(),
            tally.missing + tally.double + tally.wrong == 0
        );
        (tally.missing, tally.double, tally.wrong)
    }

    #[test]
    fn the_truth_is_without_fault() {
        assert_eq!(counted(&truth()), (0, 0, 0));
    }

    #[test]
    fn a_document_too_few_is_missing_wherever_it_was() {
        for lacking in [0, 100, truth().len() - 1] {
            let mut documents = truth();
            documents.remove(lacking);
            assert_eq!(counted(&documents), (1, 0, 0));
        }
        assert_eq!(counted(&[]), (truth().len() as u64, 0, 0));
    }

    #[test]
    fn a_document_too_many_is_double() {
        let mut documents = truth();
        documents.insert(100, documents[100].clone());
        assert_eq!(counted(&documents), (0, 1, 0));
        let beyond = (RECORDS + 7, documents[3].1.clone());
        documents.push(beyond);
        assert_eq!(counted(&documents), (0, 2, 0));
    }

    #[test]
    fn a_document_of_another_load_or_without_such_an_id_is_double() {
        let mut checker = Checker::new(SEED, vec![1; 12], 0..RECORDS);
        let documents = truth();
        checker.found(Some(&id_of(&[2; 12], 0)), &documents[0].1);
        checker.found(None, &documents[0].1);
        let tally = checker.end();
        assert_eq!(tally.double, 2);
        assert_eq!(tally.missing, documents.len() as u64);
    }

    #[test]
    fn a_document_of_another_record_and_one_that_none_must_have_are_wrong() {
        let mut documents = truth();
        documents[5].1 = documents[6].1.clone();
        assert_eq!(counted(&documents), (0, 0, 1));
        let mut documents = truth();
        let rejected = (0..RECORDS).find(|ordinal| documents.iter().all(|(at, _)| at != ordinal));
        let rejected = rejected.unwrap();
        let before = documents.iter().filter(|(at, _)| *at < rejected).count();
        documents.insert(before, (rejected, documents[0].1.clone()));
        assert_eq!(counted(&documents), (0, 0, 1));
    }
}
