//! What the server does with a statement of a key mode.

use super::{Document, FIELDS, Keys, Mode, State, Statement, sequence};

/// What came of a statement: `Outcome` in `stages/src/sink/mongodb/keyed.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has found nothing and is about to insert, which is a moment of its own.
    Looked,
    Done,
    Missed,
    /// The unique index on the key says that there is a document.
    Stands,
}

/// Takes the next step of a statement.
pub fn apply(model: &Keys, state: &mut State, statement: &Statement) -> Outcome {
    let last = sequence(statement.load, statement.first + statement.records - 1);
    let mode = model.modes[usize::from(statement.load)];
    if mode == Mode::Delete {
        state.deleted = state.deleted.max(last);
    }
    if statement.has_looked {
        let free = state.documents.iter().position(Option::is_none);
        let is_taken = model.protocol.unique_index && state.documents[0].is_some();
        let Some(free) = free.filter(|_| !is_taken) else {
            return Outcome::Stands;
        };
        state.documents[free] = Some(written(model, None, statement));
        return Outcome::Done;
    }
    // The key, and `_src.seq: {$not: {$gt: …}}`.
    let is_found = |document: &Option<Document>| {
        document.is_some_and(|it| it.sequence <= last || !model.protocol.newest_wins)
    };
    let Some(at) = state.documents.iter().position(is_found) else {
        return match (mode, statement.inserts) {
            (Mode::Delete, _) => Outcome::Done,
            (_, true) => Outcome::Looked,
            (_, false) => Outcome::Missed,
        };
    };
    state.documents[at] = match mode {
        Mode::Delete => None,
        _ => Some(written(model, state.documents[at], statement)),
    };
    Outcome::Done
}

/// A document as the statement leaves it: of a merge all of its records are applied, of the others the last.
fn written(model: &Keys, before: Option<Document>, statement: &Statement) -> Document {
    let load = usize::from(statement.load);
    let last = statement.first + statement.records - 1;
    let is_merge = model.modes[load] == Mode::Merge;
    let mut fields = before
        .filter(|_| is_merge)
        .map_or([0; FIELDS], |it| it.fields);
    let first = if is_merge { statement.first } else { last };
    for ordinal in first..=last {
        for (field, setter) in fields.iter_mut().enumerate() {
            if model.records[load][usize::from(ordinal)] & (1 << field) != 0 {
                *setter = sequence(statement.load, ordinal);
            }
        }
    }
    Document {
        sequence: sequence(statement.load, last),
        fields,
    }
}

/// Whether a statement that nobody waits for can never change anything any more.
pub fn is_spent(model: &Keys, state: &State, statement: &Statement) -> bool {
    let last = sequence(statement.load, statement.first + statement.records - 1);
    let never_deleted = !model.modes.contains(&Mode::Delete);
    // What stands is newer, and only gives way to what is newer still.
    let newer_stands = state.documents[0].is_some_and(|it| it.sequence > last);
    let can_insert = !model.protocol.unique_index && statement.inserts;
    newer_stands && never_deleted && model.protocol.newest_wins && !can_insert
}
