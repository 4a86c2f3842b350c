//! What rejects keep to themselves where a spec has sensitive fields: the raw bytes, and every message that may hold a
//! value which is nobody's business. Where a record stands is told, and its codes.

use super::codes::BUILT_IN_CODES;
use pipeline::{Cover, Reject};
use std::collections::BTreeSet;

/// Codes whose messages hold no value, whatever the record.
const CODES_WITHOUT_VALUES: [&str; 12] = [
    "cell_count",
    "document_too_deep",
    "document_too_large",
    "encoding",
    "json_depth",
    "more_problems",
    "no_column",
    "record_too_large",
    "too_deep",
    "unclosed_quote",
    "unknown_column",
    "unknown_field",
];

/// The fields of which rejects may tell the values: all but the sensitive ones.
#[derive(Debug)]
pub struct Covered {
    /// Their names, and the places that targets call them by.
    pub shown: BTreeSet<String>,
}

impl Cover for Covered {
    fn hide(&self, reject: &mut Reject) {
        reject.raw = Vec::new();
        for problem in &mut reject.problems {
            // What a step says of itself stands in the spec.
            let says_values = BUILT_IN_CODES.contains(&&*problem.code)
                && !CODES_WITHOUT_VALUES.contains(&&*problem.code);
            let is_shown = |field: &String| self.shown.contains(field);
            if says_values && !problem.field.as_ref().is_some_and(is_shown) {
                problem.message = "not shown: the spec has sensitive fields".into();
            }
        }
    }
}
