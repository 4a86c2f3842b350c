//! What must be so of the key's document in every state.

use super::{FIELDS, Keys, Mode, State, sequence};

pub const TWICE: &str = "the key has two documents";
pub const OLDER: &str = "the document is older than one that was acknowledged";
pub const RESURRECTED: &str = "the document is there, and a newer record has deleted it";
pub const LOST_FIELD: &str = "a field that was acknowledged is not in the document";
pub const REJECTED: &str = "a record was rejected, and the document that it replaces is there";

/// What is wrong with a state.
pub fn wrong(model: &Keys, state: &State) -> Option<&'static str> {
    let [document, second] = state.documents;
    if second.is_some() && document.is_some() {
        return Some(TWICE);
    }
    let document = document.or(second);
    // The newest that was acknowledged, and of merges the newest of each field.
    let mut newest = 0;
    let mut fields = [0; FIELDS];
    for (number, load) in state.loads.iter().enumerate() {
        let acknowledged = (0..model.count(number)).filter(|at| load.acknowledged & (1 << at) != 0);
        for ordinal in acknowledged {
            let sequence = sequence(number as u8, ordinal);
            newest = sequence.max(newest);
            for (field, setter) in fields.iter_mut().enumerate() {
                if model.records[number][usize::from(ordinal)] & (1 << field) != 0 {
                    *setter = sequence.max(*setter);
                }
            }
        }
    }
    match document {
        Some(document) if document.sequence < state.deleted => return Some(RESURRECTED),
        Some(document) if document.sequence < newest => return Some(OLDER),
        None if newest > state.deleted => return Some(OLDER),
        _ => {}
    }
    let all_merge = model.modes.iter().all(|mode| *mode == Mode::Merge);
    let has_fields = document.is_none_or(|document| {
        let mut both = document.fields.iter().zip(fields);
        both.all(|(there, acknowledged)| *there >= acknowledged)
    });
    if all_merge && !has_fields {
        return Some(LOST_FIELD);
    }
    let is_kept = model.is_there && !model.modes.contains(&Mode::Delete);
    if is_kept && state.loads.iter().any(|load| load.rejected) {
        return Some(REJECTED);
    }
    None
}

/// What is wrong with a step: an older value never comes over a newer one.
pub fn wrong_step(before: &State, after: &State) -> Option<&'static str> {
    for (old, new) in before.documents.iter().zip(&after.documents) {
        if let (Some(old), Some(new)) = (old, new)
            && new.sequence < old.sequence
        {
            return Some(OLDER);
        }
    }
    None
}
