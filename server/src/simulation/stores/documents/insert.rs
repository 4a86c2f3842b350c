//! Mode insert: a document that is there already was loaded by an earlier try, because ids are never given twice.

use super::encode::Insert;
use super::table::{Duplicate, Row, Table};
use super::{Outcome, Place};
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Outcomes, Problem, Sink, Written};

/// Inserts documents.
pub(super) struct InsertSink {
    pub(super) place: Place,
}

#[async_trait]
impl Sink for InsertSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        self.place
            .apply(batch, |table, most| insert_all(table, batch, most))
    }
}

fn insert_all(table: &mut Table, batch: &Batch, most: usize) -> Result<Outcome, Fatal> {
    let mut outcome = Outcome::default();
    let mut outcomes = Outcomes::default();
    for operation in batch.operations().take(most) {
        let Insert { id, document } = Insert::read(operation)?;
        let row = Row {
            sequence: None,
            document,
        };
        outcome.operations += 1;
        match table.insert(id, row) {
            Ok(()) => outcomes.loaded(operation),
            Err(Duplicate::OfId) => {
                outcome.found += 1;
                outcomes.already_loaded(operation);
            }
            Err(Duplicate::Of(field)) => outcomes.refused(operation, duplicate(field)),
        }
    }
    for part in outcomes.withdraw() {
        table.remove(Insert::read(part)?.id);
    }
    outcome.written = outcomes.written();
    Ok(outcome)
}

/// What a record is refused for whose value another document has.
pub(super) fn duplicate(field: String) -> Problem {
    let message = "MongoDB refuses it: a document has this value already (code 11000)";
    Problem::of_field("duplicate_value", field, message)
}
