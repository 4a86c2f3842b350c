//! `[[steps]]`: each is checked against the fields that exist before it.

use crate::record::{Record, Schema};
use crate::spec::{Problem, Problems, StepSpec};
use crate::step::bind::BindPlan;
use pipeline::Step;
use std::fmt;
use std::sync::Arc;

/// A checked step.
#[derive(Clone)]
pub struct StepPlan {
    /// The word in the spec: derive, drop or reject.
    pub kind: &'static str,
    /// What it is called: the derived field, or the step's name.
    pub name: String,
    /// What it does.
    pub step: Arc<dyn Step<Record>>,
}

impl fmt::Debug for StepPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

pub(super) fn plan(said: Vec<StepSpec>, bind: &BindPlan, problems: &mut Problems) -> (Vec<StepPlan>, Schema) {
    let schema = Schema::new(bind.schema_fields()).unwrap_or_default();
    (Vec::new(), schema)
}
