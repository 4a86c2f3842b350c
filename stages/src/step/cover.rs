//! What rejects keep to themselves where a spec has sensitive fields: the raw bytes, names that only the record has, and
//! every message that may hold a value which is nobody's business. Where a record stands is told, and its codes.
//!
//! Hiding is the rule: a message is told where its code is known to say nothing of the record, or only of a field whose
//! values may be shown, and where it is the spec's own.

use super::codes::{Says, says};
use pipeline::{Cover, Reject};
use std::collections::BTreeSet;

/// What stands in the place of a message.
pub const HIDDEN: &str = "not shown: the spec has sensitive fields";
/// What stands in the place of a field that the spec does not name.
pub const HIDDEN_FIELD: &str = "(not shown)";

/// What rejects of one spec may tell.
#[derive(Debug, Default)]
pub struct Covered {
    /// The fields whose values may be told, and the places in the document that are theirs alone.
    pub shown: BTreeSet<String>,
    /// All fields, and all places that they are written to.
    pub named: BTreeSet<String>,
    /// The codes whose messages the spec itself has.
    pub own: BTreeSet<String>,
}

impl Covered {
    fn is_told(&self, code: &str, field: Option<&str>) -> bool {
        match says(code) {
            Some(Says::Nothing) => true,
            Some(Says::ItsField) => field.is_some_and(|field| self.shown.contains(field)),
            Some(Says::Anything) => false,
            None => self.own.contains(code),
        }
    }
}

impl Cover for Covered {
    fn hide(&self, reject: &mut Reject) {
        reject.raw = Vec::new();
        for problem in &mut reject.problems {
            if !self.is_told(&problem.code, problem.field.as_deref()) {
                problem.message = HIDDEN.into();
            }
            // A name that the spec does not have is the record's own.
            if let Some(field) = problem.field.as_mut()
                && !self.named.contains(field)
            {
                *field = HIDDEN_FIELD.into();
            }
        }
    }
}
