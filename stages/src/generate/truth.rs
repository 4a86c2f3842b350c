//! The truth about a generated file: what must become of each record, one line of JSON for each in the order of the
//! file, and a last line with the sums. It says what binding and constraints decide; what a spec's steps then do to
//! a good record is not foretold.

use serde::Serialize;

/// What must become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is loaded.
    Loaded,
    /// It passes binding; the spec has steps, which may still drop or reject it.
    PassesBinding,
    /// It is rejected.
    Rejected,
}

/// What must become of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// Its number, from 1, as in the lines of rejects.
    pub record: u64,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The code of its leading problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The field of that, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// The sums, the last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Records.
    pub records: u64,
    /// Those that are loaded.
    pub loaded: u64,
    /// Those that pass binding, and whose end the spec's steps decide.
    pub passes_binding: u64,
    /// Those that are rejected.
    pub rejected: u64,
}

impl Totals {
    /// Adds a record.
    pub fn count(&mut self, truth: &Truth) {
        self.records += 1;
        *match truth.outcome {
            Outcome::Loaded => &mut self.loaded,
            Outcome::PassesBinding => &mut self.passes_binding,
            Outcome::Rejected => &mut self.rejected,
        } += 1;
    }
}
